// Sorting, searching and looking closer. Without this script a page shows the same, in its first order.
const made = (tag, attributes, ...inside) => {
  const element = Object.assign(document.createElement(tag), attributes);
  element.append(...inside);
  return element;
};
const text = (row, column) => row.cells[column].textContent.trim();
const value = (row, column, numbers) => {
  const found = text(row, column);
  if (!numbers) return found === "–" ? null : found;
  const read = Number.parseFloat(found.replaceAll(",", ""));
  return Number.isNaN(read) ? null : read;
};

// table.sort: a click on a heading sorts by its column, the next one the other way round; a dash stands last both ways.
for (const table of document.querySelectorAll("table.sort")) {
  for (const head of table.tHead.rows[0].cells) {
    const column = head.cellIndex;
    if (!head.textContent || ![...table.tBodies[0].rows].some((row) => text(row, column))) continue;
    const button = made("button", { type: "button" }, ...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const numbers = head.classList.contains("number");
      const down = head.ariaSort ? head.ariaSort === "ascending" : numbers;
      const compare = (one, other) => {
        const [a, b] = [value(one, column, numbers), value(other, column, numbers)];
        if (a === null || b === null) return (a === null) - (b === null);
        return (numbers ? a - b : a.localeCompare(b)) * (down ? -1 : 1);
      };
      for (const each of table.tHead.rows[0].cells) each.ariaSort = null;
      head.ariaSort = down ? "descending" : "ascending";
      table.tBodies[0].append(...[...table.tBodies[0].rows].sort(compare));
    });
  }
}

// table[data-find]: a field before the table, of which only the rows that hold the words are shown.
for (const table of document.querySelectorAll("table[data-find]")) {
  const words = made("input", { type: "search", placeholder: table.dataset.find, ariaLabel: table.dataset.find });
  const hits = made("span", { className: "muted", role: "status" });
  (table.closest(".scroll") ?? table).before(made("div", { className: "find" }, words, hits));
  words.addEventListener("input", () => {
    const asked = words.value.trim().toLowerCase();
    const rows = [...table.tBodies[0].rows];
    for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(asked);
    hits.textContent = asked ? `${rows.filter((row) => !row.hidden).length} found` : "";
  });
}

// button.photo: opens the photo large. Every switch of the boxes, on the page and beside a large photo, is the same one.
if (document.querySelector("button.photo")) {
  const box = made("input", { type: "checkbox", checked: true });
  const shown = made("div", {}), caption = made("p", {});
  const close = made("button", { type: "button" }, "Close");
  const bar = made("div", { className: "bar-of-photo" }, made("label", {}, box, " boxes"), close);
  const large = made("dialog", { className: "large", ariaLabel: "Photo" }, bar, shown, caption);
  document.body.append(large);
  close.addEventListener("click", () => large.close());
  large.addEventListener("click", (event) => event.target === large && large.close());
  for (const photo of document.querySelectorAll("button.photo")) {
    photo.addEventListener("click", () => {
      shown.replaceChildren(photo.querySelector("svg").cloneNode(true));
      caption.textContent = photo.getAttribute("aria-label");
      large.showModal();
    });
  }
  const switches = [box];
  for (const label of document.querySelectorAll("label.switch")) {
    label.hidden = false;
    switches.push(label.querySelector("input"));
  }
  for (const each of switches) {
    each.addEventListener("change", () => {
      document.body.classList.toggle("no-boxes", !each.checked);
      for (const other of switches) other.checked = each.checked;
    });
  }
}

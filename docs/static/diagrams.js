/* Draws each diagram in the place of its text, in the colours of the page. */
const dark = document.body?.dataset.theme === "dark" || matchMedia("(prefers-color-scheme: dark)").matches;
mermaid.initialize({
  startOnLoad: false,
  theme: dark ? "dark" : "neutral",
  fontFamily: "inherit",
  flowchart: { useMaxWidth: false },
});
addEventListener("DOMContentLoaded", async () => {
  for (const [place, block] of document.querySelectorAll("div.mermaid").entries()) {
    const { svg } = await mermaid.render(`diagram-${place}`, block.textContent);
    const drawn = document.createElement("figure");
    drawn.className = "diagram";
    drawn.tabIndex = 0; // so that a keyboard can push it aside
    drawn.setAttribute("role", "group");
    drawn.setAttribute("aria-label", "Diagram");
    drawn.innerHTML = svg;
    block.replaceWith(drawn);
  }
});

"""The rows of a CSV file, block by block. What cannot be read is set apart with its line and the reason.

A block that reads as a whole costs what a bare read does. One that does not is halved again and again, down to the
lines that are to blame, so that a bad line costs the few around it and not the file. Memory is a block's, whatever the
size of the file.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from oi_tasks.errors import BadInput

BLOCK = 8 << 20  # bytes read at a time
LONGEST = 4 * BLOCK  # bytes without the end of a line that are still taken for CSV
PIECES, FEW = 8, 128  # a bad block is cut in so many pieces, and so few lines are read one by one
SHOWN = 200  # characters of an unreadable line that are kept
COMPRESSED = (b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")  # gzip, zip, bzip2, xz, zstd
BOM = b"\xef\xbb\xbf"
UNREADABLE = {
    "table": pl.String(),
    "source": pl.String(),
    "line": pl.Int64(),
    "reason": pl.String(),
    "text": pl.String(),
}


def header_of(path: Path, table: str, source: str) -> list[str]:
    """The values of a CSV file's first line. Raises BadInput for what is no text of lines, or compressed."""
    with path.open("rb") as file:
        line = file.readline(LONGEST)
    text = line.decode("utf-8-sig", errors="replace").rstrip("\r\n")
    if line.startswith(COMPRESSED) or "\0" in text:
        fix = "it must be plain CSV in UTF-8, not compressed"
        raise BadInput(f"the {table} file is not text", source, fix, code="bad_file")
    if "\r" in text:
        fix = "save it with line ends as Linux or Windows has them"
        raise BadInput(f"the lines of the {table} file end in CR alone", source, fix, code="bad_file")
    return next(csv.reader([text]), [])


class CsvRows:
    """One CSV file as frames in the columns of `schema`; `columns` are those of the file, in its order.

    Columns of the file that `schema` does not know are left out; those of `optional` may be empty. A record stands on
    one line. `frames()` counts as it goes: `lines` in are rows out plus `unreadable`.
    """

    def __init__(
        self,
        path: Path,
        table: str,
        source: str,
        columns: Sequence[str],
        schema: Mapping[str, pl.DataType],
        header: bool = True,
        optional: Sequence[str] = (),
    ) -> None:
        self.table, self.source = table, source
        self.lines = self.rows = 0
        self._path, self._columns, self._header, self._optional = path, list(columns), header, set(optional)
        self._wanted = {name: schema[name] for name in columns if name in schema}
        self._typed = {name: schema.get(name, pl.String()) for name in columns}
        whole = {name: kind for name, kind in self._wanted.items() if isinstance(kind, (pl.Int8, pl.Int64))}
        self._ranges = {name: pl.select(kind.min(), max=kind.max()).row(0) for name, kind in whole.items()}
        self._full = [name for name in self._wanted if name not in self._optional]
        self._bad: list[dict[str, Any]] = []

    @property
    def unreadable(self) -> pl.DataFrame:
        """The lines that could not be read, so far."""
        return pl.DataFrame(self._bad, schema=UNREADABLE)

    def frames(self) -> Iterator[pl.DataFrame]:
        """The rows, a block at a time. Raises BadInput for what is no text of lines at all."""
        self.lines = self.rows = 0
        self._bad = []
        line = 2 if self._header else 1
        for block in self._blocks():
            count = block.count(b"\n") + (not block.endswith(b"\n"))
            whole = self._read(block, count)
            frames = [whole] if whole is not None else self._bisect(io.BytesIO(block).readlines(), line)
            for frame in frames:
                self.rows += frame.height
                yield frame
            line += count
            self.lines += count

    def _blocks(self) -> Iterator[bytes]:
        """The file in blocks of whole lines, without its header."""
        with self._path.open("rb") as file:
            rest = file.readline() if self._header else file.read(len(BOM))
            rest = b"" if self._header or rest == BOM else rest
            while data := file.read(BLOCK):
                end = data.rfind(b"\n") + 1
                if end:
                    yield rest + data[:end]
                    rest = data[end:]
                else:
                    rest += data
                if len(rest) > LONGEST:
                    what = f"the {self.table} file has more than {LONGEST} bytes without the end of a line"
                    raise BadInput(what, self.source, "it must be plain CSV, not compressed", code="bad_file")
            if rest:
                yield rest

    def _read(self, block: bytes, count: int) -> pl.DataFrame | None:
        """The rows of a block, or None if any of its lines cannot be read."""
        try:
            frame = pl.read_csv(block, has_header=False, schema=self._typed).select(list(self._wanted))
        except pl.exceptions.PolarsError:
            return None
        empty = sum(frame[name].null_count() for name in self._full)
        return frame if frame.height == count and not empty else None

    def _bisect(self, lines: list[bytes], number: int) -> Iterator[pl.DataFrame]:
        """The rows of lines of which some cannot be read; the first of them is line `number` of the file."""
        if len(lines) <= FEW:
            yield self._one_by_one(lines, number)
            return
        size = -(-len(lines) // PIECES)
        for start in range(0, len(lines), size):
            piece = lines[start : start + size]
            whole = self._read(b"".join(piece), len(piece))
            if whole is not None:
                yield whole
            else:
                yield from self._bisect(piece, number + start)

    def _one_by_one(self, lines: list[bytes], number: int) -> pl.DataFrame:
        good = []
        for line, raw in enumerate(lines, start=number):
            try:
                good.append(self._values(raw))
            except ValueError as fault:
                text = raw.decode(errors="replace").strip()[:SHOWN]
                facts = {"table": self.table, "source": self.source, "line": line}
                self._bad.append({**facts, "reason": str(fault), "text": text})
        return pl.DataFrame(good, schema=self._wanted, orient="row")

    def _values(self, raw: bytes) -> list[Any]:
        """The wanted values of one line. Raises ValueError saying why it cannot be read."""
        try:
            values = next(csv.reader([raw.decode().rstrip("\r\n")], strict=True), [])
        except UnicodeDecodeError:
            raise ValueError("it is not UTF-8") from None
        except csv.Error as error:
            raise ValueError(f"it is not CSV: {error}") from None
        if len(values) != len(self._columns):
            raise ValueError(f"{len(values)} values where {len(self._columns)} columns are named")
        pairs = zip(self._columns, values, strict=True)
        return [self._value(name, text, self._wanted[name]) for name, text in pairs if name in self._wanted]

    def _value(self, name: str, text: str, kind: pl.DataType) -> Any:
        if text == "":
            if name in self._optional:
                return None
            raise ValueError(f"{name} is empty")
        if kind == pl.String():
            return text
        try:
            if "_" in text:
                raise ValueError
            value = float(text) if kind.is_float() else int(text)
        except ValueError:
            raise ValueError(f"{name} is no number: {text[:40]!r}") from None
        if kind.is_integer() and not self._ranges[name][0] <= value <= self._ranges[name][1]:
            raise ValueError(f"{name} is out of range: {text[:40]!r}")
        return value

"""A real HTTP server on 127.0.0.1 that misbehaves as it is told to."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """Files by path, and what goes wrong when they are asked for."""

    files: dict[str, bytes] = field(default_factory=dict)
    etags: dict[str, str] = field(default_factory=dict)
    cuts: list[int] = field(default_factory=list)  # the connection is cut at these bytes of the file, one after another
    busy: int = 0  # so many answers are 503
    ranges: bool = True
    range_off_by: int = 0
    no_head: bool = False
    spoiled: int = 0  # so many GETs send other bytes of the same length
    forbidden: str = ""  # a path that is answered with 403
    asked: list[tuple[str, str, str]] = field(default_factory=list)  # method, path, Range
    address: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def gets(self, path: str) -> list[str]:
        """The ranges with which a path was asked for."""
        return [wanted for method, asked, wanted in self.asked if (method, asked) == ("GET", path)]


class Handler(BaseHTTPRequestHandler):
    """Answers for the site of its server."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *words: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        told: Site = self.server.site  # type: ignore[attr-defined]
        status, data, cut = self._found(told, body)
        if status != 200:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        etag = told.etags.get(self.path, '"one"')
        wanted, start = self.headers.get("Range"), 0
        if wanted and told.ranges and self.headers.get("If-Range", etag) == etag:
            start = int(wanted.removeprefix("bytes=").rstrip("-")) + told.range_off_by
            if start >= len(data):  # RFC 9110, 14.2 and 15.5.17
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(data)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        if etag:
            self.send_header("ETag", etag)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        if body:
            self.wfile.write(data[start : len(data) if cut is None else max(start, cut)])
            self.close_connection = cut is not None

    def _found(self, told: Site, body: bool) -> tuple[int, bytes, int | None]:
        """The status, the bytes, and where the connection is to be cut."""
        with told.lock:
            told.asked.append((self.command, self.path, self.headers.get("Range", "")))
            if self.path == told.forbidden:
                return 403, b"", None
            if self.path not in told.files:
                return 404, b"", None
            if told.no_head and not body:
                return 405, b"", None
            if told.busy:
                told.busy -= 1
                return 503, b"", None
            data = told.files[self.path]
            if body and told.spoiled:
                told.spoiled -= 1
                data = bytes(len(data))
            return 200, data, told.cuts.pop(0) if body and told.cuts else None


@contextmanager
def site() -> Iterator[Site]:
    """A server, ended at the end."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told = Site(address=f"http://127.0.0.1:{server.server_port}")
    server.site = told  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

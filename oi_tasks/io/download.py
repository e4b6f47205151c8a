"""Fetch one file over HTTP so that it arrives whole: resumed where it stopped, tried again, checked."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3
from tenacity import RetryCallState, RetryError, Retrying, retry_if_exception_type, wait_exponential
from urllib3.exceptions import HTTPError
from urllib3.util import Timeout

from oi_tasks.core.fingerprint import BLOCK
from oi_tasks.errors import BadInput, OiError, Unreachable
from oi_tasks.io.certificates import authorities

TRIES = 6  # in a row that bring no byte further
WAIT = wait_exponential(multiplier=0.5, max=30)
GONE = (404, 410)
NO_MORE = 416  # the file ends before the range that was asked for
BUSY = {408, 425, 429, 500, 502, 503, 504}
WHOLE = {"Accept-Encoding": "identity"}  # a compressed answer has another length, and cannot be resumed


class _TryAgainError(Exception):
    """A try failed that may go well the next time."""


@dataclass(frozen=True)
class Expected:
    """What is published about a file; checksums are hex."""

    size: int | None = None
    md5: str | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Facts:
    """What a server says about a file without sending it. `stamp` is empty where it says nothing that would change."""

    size: int
    stamp: str


class Web:
    """Files by their web addresses."""

    def __init__(self, connections: int = 32, timeout: float = 60.0, wait: Any = WAIT) -> None:
        self._http = urllib3.PoolManager(
            maxsize=connections,
            timeout=Timeout(connect=min(10.0, timeout), read=timeout),
            retries=False,
            cert_reqs="CERT_REQUIRED",
            ca_certs=authorities(),
        )
        self._wait = wait

    def facts(self, address: str) -> Facts:
        """Size and stamp of a file; nothing, if the server does not tell. Raises FileNotFoundError, or Unreachable."""

        def ask() -> Facts:
            answer = self._ask("HEAD", address, {})
            answer.release_conn()
            told = answer.headers if answer.status == 200 else {}
            stamp = told.get("ETag") or told.get("Last-Modified") or ""
            return Facts(int(told.get("Content-Length") or 0), stamp)

        return self._again(address, ask, lambda: 0)  # type: ignore[no-any-return]

    def read(self, address: str, at_most: int) -> bytes:
        """A small file, whole. Raises FileNotFoundError, Unreachable, or BadInput if it has more bytes than that.

        A bucket whose list is not public answers 403 for an object that is not there: it counts as missing.
        """

        def ask() -> bytes:
            with self._ask("GET", address, WHOLE, gone=(403, *GONE), preload_content=False) as answer:
                data = b""
                for block in answer.stream(BLOCK):
                    data += block
                    if len(data) > at_most:
                        raise BadInput(f"the file has more than {at_most} bytes", address, code="too_many_bytes")
                return data

        return self._again(address, ask, lambda: 0)  # type: ignore[no-any-return]

    def fetch(self, address: str, path: Path, expected: Expected = Expected()) -> None:  # noqa: B008 - frozen
        """Fetch a file to `path`, which appears whole and checked or not at all.

        What has arrived is kept beside it between tries and between runs, and the rest is asked for from that byte on:
        if the server still has the same file (If-Range), and knows ranges; else it starts anew. Raises
        FileNotFoundError, Unreachable, or OiError for a file that is not what was published, twice over.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        for last in (False, True):
            self._again(address, lambda: self._resume(address, part), lambda: _size(part))
            wrong = wrong_with(part, expected)
            if not wrong:
                part.replace(path)
                _told(part).unlink(missing_ok=True)
                return
            part.unlink()
            _told(part).unlink(missing_ok=True)
            if last:
                raise OiError(wrong, address, "the server sends another file than was published", code="wrong_file")

    def _resume(self, address: str, part: Path) -> None:
        have, told = _size(part), _told(part)
        same = json.loads(told.read_text()) if have and told.exists() else ""
        wanted = {"Range": f"bytes={have}-", "If-Range": same} if have and same else {}
        with self._ask("GET", address, WHOLE | wanted, preload_content=False) as answer:
            if answer.status == NO_MORE:  # all of it had arrived when an earlier run ended; or the file is shorter now
                if _length(answer.headers.get("Content-Range", "")) == have:
                    return
                part.unlink(missing_ok=True)
                raise _TryAgainError("it has no bytes from there on")
            goes_on = answer.status == 206 and _starts_at(answer.headers.get("Content-Range", ""), have)
            if answer.status == 206 and not goes_on:
                part.unlink(missing_ok=True)
                raise _TryAgainError("it sends another range than was asked for")
            if not goes_on:
                # Without a strong ETag nothing tells that the file is still the same, so it is not resumed.
                stamp = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
                told.write_text(json.dumps("" if stamp.startswith("W/") else stamp))
            with part.open("ab" if goes_on else "wb") as file:
                # Not stream(), which keeps back a block that is not full, and loses it when the connection is cut.
                while block := answer.read1(BLOCK):
                    file.write(block)

    def _ask(
        self, method: str, address: str, headers: dict[str, str], gone: tuple[int, ...] = GONE, **more: Any
    ) -> urllib3.BaseHTTPResponse:
        answer = self._http.request(method, address, headers=headers, **more)
        if answer.status in (200, 206) or (method == "HEAD" and answer.status in (405, 501)):
            return answer
        if answer.status == NO_MORE and "Range" in headers:
            return answer
        answer.release_conn()
        if answer.status in gone:
            raise FileNotFoundError(address)
        if answer.status in BUSY:
            raise _TryAgainError(f"it answers {answer.status}")
        raise Unreachable(
            f"the server answers {answer.status}", address, "check the address in the profile", code="source_down"
        )

    def _again(self, address: str, work: Callable[[], Any], have: Callable[[], int]) -> Any:
        """Do it until it is done, or `TRIES` tries in a row have brought nothing."""
        fruitless = _Fruitless(have)
        reason = retry_if_exception_type((_TryAgainError, HTTPError, ConnectionError, TimeoutError))
        try:
            return Retrying(retry=reason, wait=self._wait, stop=fruitless)(work)
        except RetryError as failed:
            error = failed.last_attempt.exception()
            why = str(error) if isinstance(error, _TryAgainError) else type(error).__name__
            raise Unreachable(
                f"the server does not send the file: {why}", address, "try again later", code="source_down"
            ) from None


class _Fruitless:
    """Stops when so many tries in a row have brought no byte."""

    def __init__(self, have: Callable[[], int]) -> None:
        self._have, self._seen, self._tries = have, have(), 0

    def __call__(self, state: RetryCallState) -> bool:
        more = self._have()
        self._tries = 0 if more > self._seen else self._tries + 1
        self._seen = more
        return self._tries >= TRIES


def wrong_with(path: Path, expected: Expected) -> str:
    """What is wrong with a file, or an empty text."""
    size = path.stat().st_size
    if expected.size is not None and size != expected.size:
        return f"the file has {size} bytes where {expected.size} are published"
    for name in ("sha256", "md5"):
        wanted = getattr(expected, name)
        if wanted:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, name).hexdigest()
            if found != wanted:
                return f"the {name} of the file is {found} where {wanted} is published"
    return ""


def _told(part: Path) -> Path:
    return part.with_name(part.name + ".told")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _starts_at(content_range: str, start: int) -> bool:
    return content_range.startswith(f"bytes {start}-")


def _length(content_range: str) -> int | None:
    """The length of a file by the header of an answer that had no bytes to send: `bytes */LENGTH`."""
    length = content_range.removeprefix("bytes */")
    return int(length) if length.isdigit() else None

"""Connections to a server that may be restarted while a step goes on."""

import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import urllib3
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt
from urllib3.exceptions import MaxRetryError, ProtocolError, ReadTimeoutError

PAUSE = 1.0  # seconds between two looks whether it is back
READS = 3  # times that what was cut short is read

Read = TypeVar("Read")


class PatientPool(urllib3.PoolManager):
    """Requests wait for a server that has answered before: `patience` seconds from where it fell silent, all together.

    One that never answered is not waited for, since its address may be wrong; nor is it with a request that says
    `retries=False`, which may not be sent twice.
    """

    def __init__(self, patience: float, **options: Any) -> None:
        super().__init__(**options)
        self._patience, self._lock = patience, threading.Lock()
        self._answered, self._silent_since = False, 0.0

    def urlopen(  # type: ignore[override]
        self, method: str, url: str, redirect: bool = True, **options: Any
    ) -> urllib3.BaseHTTPResponse:
        """Send a request; while the server is silent, again and again."""
        failed_first = None
        while True:
            try:
                answer = super().urlopen(method, url, redirect, **options)
            except (MaxRetryError, ProtocolError):
                failed_first = failed_first or time.monotonic()
                # Other requests may succeed meanwhile: then it is this one that the server cannot answer.
                waited = time.monotonic() - failed_first >= self._patience
                if waited or options.get("retries") is False or not self._may_come_back(url):
                    raise
                time.sleep(PAUSE)
            else:
                self._answered, self._silent_since = True, 0.0
                return answer

    def _may_come_back(self, url: str) -> bool:
        """Whether to wait for it still. Says so once in each silence."""
        with self._lock:
            now = time.monotonic()
            if self._answered and not self._silent_since and self._patience:
                self._silent_since = now
                server = "/".join(url.split("/")[:3])
                print(f"{server} does not answer: waiting for it, {self._patience:g} s at most", file=sys.stderr)
            return self._answered and now - self._silent_since < self._patience


def whole(read: Callable[[], Read]) -> Read:
    """What a read gives; one that is cut short is done again."""
    cut = retry_if_exception_type((ProtocolError, ReadTimeoutError))
    return Retrying(retry=cut, stop=stop_after_attempt(READS), reraise=True)(read)

"""A store that is restarted, cannot answer one request, or cuts an answer short: a real server that misbehaves."""

import time

import pytest
from urllib3.exceptions import MaxRetryError
from urllib3.util import Retry

from oi_tasks.io.patient import READS, PatientPool, whole
from tests.io.misbehaving import Site, site

pytestmark = pytest.mark.slow

ONCE = Retry(total=1, backoff_factor=0, status_forcelist=(503,))


def pool(patience: float) -> PatientPool:
    return PatientPool(patience, retries=ONCE)


def answered(patience: float, told: Site) -> PatientPool:
    """A pool whose server has answered once."""
    told.files["/x"] = b"x" * 1000
    found = pool(patience)
    assert found.request("GET", f"{told.address}/x").status == 200
    return found


def test_a_server_that_comes_back_is_waited_for_and_it_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    with site() as told:
        found = answered(30, told)
        told.busy = 5
        assert found.request("GET", f"{told.address}/x").data == b"x" * 1000
        assert told.busy == 0
        assert capsys.readouterr().err.splitlines() == [f"{told.address} does not answer: waiting for it, 30 s at most"]
        told.busy = 3
        found.request("GET", f"{told.address}/x")
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_one_that_does_not_is_given_up() -> None:
    with site() as told:
        found = answered(1.5, told)
        told.busy = 10**6
        began = time.monotonic()
        with pytest.raises(MaxRetryError):
            found.request("GET", f"{told.address}/x")
        assert 1.5 <= time.monotonic() - began < 10
        told.asked = []
        with pytest.raises(MaxRetryError):  # the silence is the same: who asks later does not wait anew
            found.request("GET", f"{told.address}/x")
        assert len(told.asked) == 2


def test_one_that_never_answered_is_not_waited_for() -> None:
    with site() as told:
        pass
    began = time.monotonic()
    with pytest.raises(MaxRetryError):
        pool(30).request("GET", f"{told.address}/x")
    assert time.monotonic() - began < 5


def test_what_may_not_be_sent_twice_is_not() -> None:
    with site() as told:
        found = answered(30, told)
        told.busy, told.asked = 1, []
        assert found.request("GET", f"{told.address}/x", retries=False).status == 503
        assert len(told.asked) == 1


def test_a_request_that_the_server_cannot_answer_is_given_up_while_others_are_answered() -> None:
    with site() as told:
        found = answered(2.5, told)
        began = time.monotonic()

        def bad() -> None:
            told.busy = 2
            found.urlopen("GET", f"{told.address}/x")

        original = found._may_come_back

        def others(url: str) -> bool:
            """Between two tries another request succeeds, and this one fails again."""
            goes_on = original(url)
            assert found.request("GET", f"{told.address}/x").status == 200
            told.busy = 2
            return goes_on

        found._may_come_back = others  # type: ignore[method-assign]
        with pytest.raises(MaxRetryError):
            bad()
        assert 2.5 <= time.monotonic() - began < 10


def test_an_answer_that_is_cut_short_is_read_again() -> None:
    with site() as told:
        found = answered(0, told)

        def read() -> bytes:
            answer = found.request("GET", f"{told.address}/x", preload_content=False)
            try:
                return answer.read()
            finally:
                answer.release_conn()

        told.cuts = [10] * (READS - 1)
        assert whole(read) == b"x" * 1000
        told.cuts = [10] * READS
        with pytest.raises(Exception, match="IncompleteRead|Connection broken"):
            whole(read)

"""Files over HTTP from a server that misbehaves."""

import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from tenacity import wait_none

from oi_tasks.errors import BadInput, OiError, Unreachable
from oi_tasks.io.download import TRIES, Expected, Facts, Web
from tests.io.misbehaving import Site, site

DATA = random.Random(0).randbytes(400_000)
GOOD = Expected(len(DATA), hashlib.md5(DATA).hexdigest(), hashlib.sha256(DATA).hexdigest())


@pytest.fixture
def server() -> Iterator[Site]:
    with site() as told:
        told.files["/f.csv"] = DATA
        yield told


@pytest.fixture
def web() -> Web:
    return Web(timeout=5, wait=wait_none())


@pytest.mark.parametrize("quarter", [0, 1, 2, 3])
def test_a_cut_connection_is_resumed_at_the_byte(server: Site, web: Web, tmp_path: Path, quarter: int) -> None:
    cut = len(DATA) * quarter // 4
    server.cuts = [cut]
    web.fetch(f"{server.address}/f.csv", tmp_path / "f", GOOD)
    assert (tmp_path / "f").read_bytes() == DATA
    assert server.gets("/f.csv") == ["", f"bytes={cut}-" if cut else ""]
    assert list(tmp_path.iterdir()) == [tmp_path / "f"]


def test_cut_again_and_again_as_long_as_bytes_arrive(server: Site, web: Web, tmp_path: Path) -> None:
    server.cuts = list(range(30_000, 390_000, 30_000))
    assert len(server.cuts) > TRIES
    web.fetch(f"{server.address}/f.csv", tmp_path / "f", GOOD)
    assert (tmp_path / "f").read_bytes() == DATA


def test_another_run_goes_on_where_the_first_one_ended(server: Site, web: Web, tmp_path: Path) -> None:
    server.cuts = [100_000] * (TRIES + 1)
    with pytest.raises(Unreachable, match="does not send the file: .*try again later"):
        web.fetch(f"{server.address}/f.csv", tmp_path / "f", GOOD)
    assert not (tmp_path / "f").exists()
    server.asked.clear()
    Web(wait=wait_none()).fetch(f"{server.address}/f.csv", tmp_path / "f", GOOD)
    assert server.gets("/f.csv") == ["bytes=100000-"]
    assert (tmp_path / "f").read_bytes() == DATA


def test_a_run_that_ended_with_all_bytes_there_asks_for_none_again(server: Site, web: Web, tmp_path: Path) -> None:
    arrived(tmp_path, DATA)
    web.fetch(f"{server.address}/f.csv", tmp_path / "f", GOOD)
    assert (tmp_path / "f").read_bytes() == DATA
    assert server.gets("/f.csv") == [f"bytes={len(DATA)}-"]
    assert list(tmp_path.iterdir()) == [tmp_path / "f"]


def test_more_bytes_than_the_file_has_are_fetched_anew(server: Site, web: Web, tmp_path: Path) -> None:
    arrived(tmp_path, DATA + b"more")
    web.fetch(f"{server.address}/f.csv", tmp_path / "f", GOOD)
    assert (tmp_path / "f").read_bytes() == DATA
    assert server.gets("/f.csv") == [f"bytes={len(DATA) + 4}-", ""]


def arrived(folder: Path, data: bytes) -> None:
    """What an earlier run leaves that is killed before it has checked and renamed what has arrived."""
    (folder / "f.part").write_bytes(data)
    (folder / "f.part.told").write_text(json.dumps('"one"'))


def test_a_file_that_changed_meanwhile_starts_anew(server: Site, web: Web, tmp_path: Path) -> None:
    server.cuts = [100_000] * (TRIES + 1)
    with pytest.raises(Unreachable):
        web.fetch(f"{server.address}/f.csv", tmp_path / "f")
    server.files["/f.csv"], server.etags["/f.csv"] = DATA[::-1], '"two"'
    web.fetch(f"{server.address}/f.csv", tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == DATA[::-1]


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_without_a_strong_stamp_nothing_is_resumed(server: Site, web: Web, tmp_path: Path, etag: str) -> None:
    server.cuts, server.etags["/f.csv"] = [100_000], etag
    web.fetch(f"{server.address}/f.csv", tmp_path / "f", GOOD)
    assert server.gets("/f.csv") == ["", ""]


def test_a_server_that_ignores_ranges(server: Site, web: Web, tmp_path: Path) -> None:
    server.cuts, server.ranges = [100_000, 300_000], False
    web.fetch(f"{server.address}/f.csv", tmp_path / "f", GOOD)
    assert (tmp_path / "f").read_bytes() == DATA
    assert len(server.gets("/f.csv")) == 3


def test_a_server_that_sends_another_range(server: Site, web: Web, tmp_path: Path) -> None:
    server.cuts, server.range_off_by = [100_000], -10
    web.fetch(f"{server.address}/f.csv", tmp_path / "f", GOOD)
    assert (tmp_path / "f").read_bytes() == DATA


def test_503_for_a_while(server: Site, web: Web, tmp_path: Path) -> None:
    server.busy = TRIES - 1
    web.fetch(f"{server.address}/f.csv", tmp_path / "f", GOOD)
    server.busy = TRIES
    with pytest.raises(Unreachable, match="it answers 503"):
        web.fetch(f"{server.address}/f.csv", tmp_path / "g", GOOD)


def test_waits_grow_between_tries() -> None:
    from tenacity import RetryCallState

    from oi_tasks.io.download import WAIT

    def after(tries: int) -> float:
        state = RetryCallState(None, None, (), {})  # type: ignore[arg-type]
        state.attempt_number = tries
        return WAIT(state)

    waits = [after(tries) for tries in range(1, 12)]
    assert waits == sorted(waits)
    assert waits[0] < waits[3] < waits[-1] == 30


def test_a_wrong_checksum_is_tried_once_more_and_never_kept(server: Site, web: Web, tmp_path: Path) -> None:
    server.spoiled = 1
    web.fetch(f"{server.address}/f.csv", tmp_path / "f", GOOD)
    assert (tmp_path / "f").read_bytes() == DATA
    server.spoiled = 2
    with pytest.raises(OiError, match="the sha256 of the file is .* where .* is published"):
        web.fetch(f"{server.address}/f.csv", tmp_path / "f", GOOD)
    assert (tmp_path / "f").read_bytes() == DATA  # the good one is still there
    with pytest.raises(OiError, match="400000 bytes where 7 are published"):
        web.fetch(f"{server.address}/f.csv", tmp_path / "g", Expected(size=7))
    assert not list(tmp_path.glob("g*"))


def test_what_is_not_there_and_what_may_not_be_had(server: Site, web: Web, tmp_path: Path) -> None:
    for ask in (
        lambda: web.fetch(f"{server.address}/none", tmp_path / "f"),
        lambda: web.facts(f"{server.address}/none"),
    ):
        with pytest.raises(FileNotFoundError):
            ask()
    server.forbidden = "/none"
    with pytest.raises(FileNotFoundError):
        web.read(f"{server.address}/none", 10)
    with pytest.raises(Unreachable, match="the server answers 403"):
        web.fetch(f"{server.address}/none", tmp_path / "f")
    server.no_head = True
    assert web.facts(f"{server.address}/f.csv") == Facts(0, "")
    with pytest.raises(Unreachable, match="does not send the file"):
        web.read("http://127.0.0.1:9/x", 10)


def test_facts_and_small_files(server: Site, web: Web) -> None:
    server.files["/a.jpg"] = b"photo"
    assert web.facts(f"{server.address}/a.jpg") == Facts(5, '"one"')
    server.cuts, server.busy = [2], 1
    assert web.read(f"{server.address}/a.jpg", 5) == b"photo"
    with pytest.raises(BadInput, match="more than 4 bytes"):
        web.read(f"{server.address}/a.jpg", 4)

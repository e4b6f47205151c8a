"""What is not installed: said on a user's machine, installed or a failure where CI runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.left_out import VARIABLE, LeftOut, left_out

CHECKOUT = Path(__file__).parents[1]
NEEDS = CHECKOUT / ".ci" / "needs"


def test_it_is_said_here_and_fails_where_nothing_may_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert left_out("there is no npm") == "left out: there is no npm"
    monkeypatch.setenv(VARIABLE, "1")
    with pytest.raises(LeftOut, match="there is no npm; with OI_NOTHING_LEFT_OUT set"):
        left_out("there is no npm")


def test_ci_asks_for_it_before_anything_else() -> None:
    lines = (CHECKOUT / ".ci" / "run").read_text().splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith("make"))
    assert lines.index(".ci/needs") < first
    assert any(line.startswith(f"export {VARIABLE}=1") for line in lines[:first])


def pytest_of(test: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a test that needs a browser, on a machine without one."""
    told = {name: value for name, value in os.environ.items() if name != VARIABLE} | {"PATH": "/nonexistent"}
    words = [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", test]
    return subprocess.run(words, cwd=CHECKOUT, env=told | environment, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_a_test_without_its_browser_is_skipped_in_words_here_and_fails_in_ci() -> None:
    test = "tests/reports/test_pages_in_browser.py::test_a_report_in_the_tab_leads_back_to_the_list"
    here, ci = pytest_of(test), pytest_of(test, **{VARIABLE: "1"})
    assert here.returncode == 0, here.stdout
    assert "left out: no browser is installed" in here.stdout
    assert ci.returncode == 1, ci.stdout
    assert "nothing may be left out" in ci.stdout


def needs(folder: Path, **programs: str) -> subprocess.CompletedProcess[str]:
    """Run .ci/needs where there are only these programs, by the text of their scripts."""
    for name, text in {"sudo": 'shift; exec "$@"', "sleep": ":", **programs}.items():
        (folder / name).write_text(f"#!/bin/bash\n{text}\n")
        (folder / name).chmod(0o755)
    told = {"PATH": str(folder)}
    return subprocess.run(["/bin/bash", NEEDS], env=told, capture_output=True, text=True, timeout=60)


def test_ci_installs_what_is_missing_and_ends_when_it_cannot(tmp_path: Path) -> None:
    log = tmp_path / "asked"
    apt = f'echo "$*" >> {log}; [[ $1 = update || ! -e {tmp_path}/broken ]]'
    done = needs(tmp_path, npm=":")
    assert done.returncode == 1
    assert "ci: chromium must be there, and there is no apt-get" in done.stderr
    done = needs(tmp_path, **{"npm": ":", "apt-get": apt})
    assert done.returncode == 0, done.stderr
    assert log.read_text().splitlines()[-1] == "install -y -qq --no-install-recommends chromium"
    (tmp_path / "broken").touch()
    done = needs(tmp_path, **{"npm": ":", "apt-get": apt})
    assert done.returncode == 1
    assert "try 5 of 5" in done.stderr
    assert "ci: chromium must be there, and could not be installed" in done.stderr
    log.unlink()
    done = needs(tmp_path, **{"npm": ":", "apt-get": apt, "google-chrome": ":"})
    assert (done.returncode, done.stdout, log.exists()) == (0, "", False)

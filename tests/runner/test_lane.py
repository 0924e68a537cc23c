"""A lane of the suite fails with its tests, ends in time, and reads the files alone that it needs."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from tests import lane

ALWAYS = "def test_fails(): assert False"
FINE = """
from pathlib import Path
def test_is_counted():
    with Path(__file__).with_suffix(".runs").open("a") as file: file.write("x")
"""
FOR_EVER = """
import subprocess, threading
from pathlib import Path
def test_that_never_ends():
    child = subprocess.Popen(["sleep", "600"])
    Path(__file__).with_suffix(".child").write_text(str(child.pid))
    threading.Event().wait()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    # Nothing here needs any: to load all that is installed takes longer than the tests.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    (tmp_path / "pytest.ini").write_text("[pytest]")
    (tmp_path / "test_fine.py").write_text(FINE)
    return tmp_path


def run(folder: Path) -> int:
    return lane.pytest("a lane", ["-c", "pytest.ini", str(folder)])


def test_a_test_that_fails_fails_the_lane_and_is_not_tried_again(folder: Path) -> None:
    (folder / "test_always.py").write_text(ALWAYS)

    assert run(folder) == 1
    assert (folder / "test_fine.runs").read_text() == "x"


def test_a_lane_without_a_test_says_so(folder: Path) -> None:
    (folder / "test_fine.py").unlink()

    assert run(folder) == 5


def test_a_lane_that_does_not_end_says_where_it_stands_and_fails(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lane, "LIMIT_S", 10.0)
    (folder / "test_for_ever.py").write_text(FOR_EVER)

    assert run(folder) == 1
    assert "in test_that_never_ends" in "".join(capfd.readouterr())
    child = int((folder / "test_for_ever.child").read_text())
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_what_a_test_may_take_covers_its_fixtures_too(request: pytest.FixtureRequest) -> None:
    marker = request.node.get_closest_marker("timeout")

    assert marker.args[0] > float(request.config.getini("timeout"))
    assert marker.kwargs == {"func_only": False}


def test_a_mark_is_looked_for_in_the_files_alone_that_name_it_those_that_may_take_long_first(
    tmp_path: Path,
) -> None:
    (tmp_path / "test_a.py").write_text("pytestmark = pytest.mark.server")
    (tmp_path / "test_b.py").write_text("pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]")
    (tmp_path / "test_c.py").write_text("pytestmark = pytest.mark.servers")
    files = [str(tmp_path / "test_b.py"), str(tmp_path / "test_a.py")]

    assert lane.bearing("server", ["-k", "ledger"], tmp_path) == ["-m", "server", "-k", "ledger", *files]
    named = str(tmp_path / "test_c.py")
    assert lane.bearing("server", [f"{named}::test_x"], tmp_path) == ["-m", "server", f"{named}::test_x"]

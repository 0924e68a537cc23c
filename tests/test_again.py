"""A lane's few failures get a second try; it is told, and what fails twice fails."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from tests import again

ONCE = """
from pathlib import Path
def test_fails_at_the_first_try():
    seen = Path(__file__).with_suffix(".seen")
    first = not seen.exists()
    seen.touch()
    assert not first
"""
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
def lane(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(again.NOTES, str(tmp_path / "notes"))
    # Nothing here needs any: to load all that is installed takes longer than the tests.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    (tmp_path / "pytest.ini").write_text("[pytest]")
    (tmp_path / "test_fine.py").write_text(FINE)
    return tmp_path


def run(folder: Path) -> int:
    return again.pytest("a lane", ["-c", "pytest.ini", str(folder)])


def test_a_test_that_fails_once_is_tried_again_alone_and_named(lane: Path) -> None:
    (lane / "test_once.py").write_text(ONCE)

    assert run(lane) == 0
    assert (lane / "notes").read_text() == "test_once.py::test_fails_at_the_first_try\n"
    assert (lane / "test_fine.runs").read_text() == "x"


def test_a_test_that_fails_twice_fails_the_lane(lane: Path) -> None:
    (lane / "test_always.py").write_text(ALWAYS)

    assert run(lane) == 1
    assert not (lane / "notes").exists()


def test_many_failures_are_not_tried_again(lane: Path) -> None:
    for number in range(again.FEW + 1):
        (lane / f"test_once_{number}.py").write_text(ONCE)

    assert run(lane) == 1
    assert (lane / "test_fine.runs").read_text() == "x"


def test_a_lane_without_a_test_says_so(lane: Path) -> None:
    (lane / "test_fine.py").unlink()

    assert run(lane) == 5


def test_a_lane_that_does_not_end_says_where_it_stands_and_fails(
    lane: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(again, "LIMIT_S", 10.0)
    (lane / "test_for_ever.py").write_text(FOR_EVER)

    assert run(lane) == 1
    assert "in test_that_never_ends" in "".join(capfd.readouterr())
    child = int((lane / "test_for_ever.child").read_text())
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

    assert again.bearing("server", ["-k", "ledger"], tmp_path) == ["-m", "server", "-k", "ledger", *files]
    named = str(tmp_path / "test_c.py")
    assert again.bearing("server", [f"{named}::test_x"], tmp_path) == ["-m", "server", f"{named}::test_x"]

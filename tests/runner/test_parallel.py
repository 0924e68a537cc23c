"""Tests run in processes that are forked after one collection: each once, each process on its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.storage import storages

from tests.support.source_rules import ROOT

CONFTEST = """
import os
from pathlib import Path
import pytest

NOTES = Path(__file__).parent / "notes"

def note(text):
    with NOTES.open("a") as file:
        file.write(f"{text} {os.getpid()}\\n")

def pytest_forked(name):
    note("forked")

@pytest.fixture(scope="module")
def made(request):
    note(f"made-{request.module.__name__}")
    yield
    note(f"unmade-{request.module.__name__}")

@pytest.fixture(scope="session")
def dear():
    note("dear")

def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: "last" in item.name)

@pytest.fixture(autouse=True)
def _noted(request):
    note(request.node.name)
"""
SLOW = """
import time
def test_{0}_a(made): time.sleep(0.3)
def test_{0}_b(made): pass
"""

Run = Callable[..., tuple[int, str, Counter[str]]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A function that runs pytest over files in two processes: its exit code, what it wrote, and how often each thing
    was noted.
    """

    def run(*words: str, **files: str) -> tuple[int, str, Counter[str]]:
        (tmp_path / "pytest.ini").write_text("[pytest]\nshared_fixtures = dear\n")
        (tmp_path / "conftest.py").write_text(CONFTEST)
        for name, text in files.items():
            (tmp_path / f"test_{name}.py").write_text(text)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "tests.runner.parallel", "-p", "no:django", "-c",
             tmp_path / "pytest.ini",
             "--processes", "2", *words, tmp_path],
            cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
                # Half of such a run would be imports of what is installed beside pytest.
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            },
        )  # fmt: skip
        lines = (tmp_path / "notes").read_text().splitlines()
        return done.returncode, done.stdout + done.stderr, Counter(line.split()[0] for line in lines)

    return run


def test_each_test_runs_once_a_files_fixtures_are_made_once_and_files_that_share_one_run_in_one_process(
    run: Run,
) -> None:
    names = "abcd"
    sharing = "import time\ndef test_first(): time.sleep(0.3)\ndef test_dear(dear): pass"

    code, said, noted = run(**{name: SLOW.format(name) for name in names}, e=sharing, f=sharing)

    assert code == 0, said
    assert "12 passed" in said
    each = {f"test_{name}_{one}" for name in names for one in "ab"}
    modules = {f"{word}-test_{name}" for name in names for word in ("made", "unmade")}
    twice = ["forked", "test_first", "test_dear"] * 2
    assert noted == Counter([*each, *modules, *twice, "dear"])


def test_what_was_put_last_runs_last_whatever_file_it_is_in(run: Run, tmp_path: Path) -> None:
    both = "def test_last_{0}(): pass\ndef test_{0}(): pass"

    code, said, _noted = run("--processes", "1", a=both.format("a"), b=both.format("b"))

    assert code == 0, said
    noted = [line.split()[0] for line in (tmp_path / "notes").read_text().splitlines()]
    assert noted == ["forked", "test_a", "test_b", "test_last_a", "test_last_b"]


def test_a_failure_is_told_with_all_that_was_written_and_so_are_a_warning_and_why_one_was_skipped(
    run: Run,
) -> None:
    code, said, _noted = run(
        "-rs",
        a="import os\ndef test_it():\n    os.write(1, b'down there')\n    print('up here')\n    assert 1 == 2",
        b="import warnings\ndef test_other(): warnings.warn('mind the gap')",
        c="import pytest\ndef test_third(): pytest.skip('no moon tonight')",
    )

    assert code == 1
    assert "1 failed, 1 passed, 1 skipped" in said
    assert "assert 1 == 2" in said
    assert "down there" in said
    assert "up here" in said
    assert "mind the gap" in said
    assert "no moon tonight" in said


def test_a_process_that_dies_fails_its_test_alone(run: Run) -> None:
    code, said, noted = run(
        a="import os\ndef test_before(): pass\ndef test_dies(): os._exit(0)\ndef test_after(): pass",
        b=SLOW.format("b"),
    )

    assert code == 1
    assert "1 failed, 4 passed" in said
    assert "test_dies" in said
    assert "ended with 0" in said
    assert noted["forked"] == 3
    assert noted["test_after"] == 1


def test_no_file_is_begun_after_as_many_failures_as_are_allowed(run: Run) -> None:
    code, said, noted = run("--maxfail=1", **dict.fromkeys("abcdefgh", "def test_it(): assert False"))

    assert code == 1
    assert "stopping after" in said
    assert noted["test_it"] <= 2


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for one in value.values() for text in _texts(one)]
    if isinstance(value, list | tuple):
        return [text for one in value for text in _texts(one)]
    return [str(value)] if isinstance(value, str | Path) else []


def test_every_folder_of_the_settings_is_this_processs_own() -> None:
    base, own = os.environ["DARKROOM_TEST_DATA"], os.environ["DARKROOM_DATA"]
    named = [text for name in dir(settings) if name.isupper() for text in _texts(getattr(settings, name))]
    named += [storages[name].location for name in ("default", "outputs")]  # type: ignore[attr-defined]

    below = [text for text in named if text.startswith(base)]

    assert own.startswith(base + "/")
    assert len(below) > 10
    assert [text for text in below if text != own and not text.startswith(own + "/")] == []

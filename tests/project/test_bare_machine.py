"""What `script/server` says on a machine that lacks something; the machine is made of a few false commands."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.source_rules import ROOT

NO_VENV = f'case "$2" in *ensurepip*) exit 1 ;; esac\nexec {sys.executable} "$@"'
OLD = 'case "$2" in *version_info*) exit 1 ;; esac\nexit 1'
Machine = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Runs script/server of a fresh clone where only these commands exist, each given as the body of a shell script."""
    clone, commands = tmp_path / "clone", tmp_path / "bin"
    shutil.copytree(ROOT / "script", clone / "script")
    commands.mkdir()
    for name in ("dirname", "printf", "sh", "cat"):
        (commands / name).symlink_to(str(shutil.which(name)))

    def run(**bodies: str) -> subprocess.CompletedProcess[str]:
        for name, body in bodies.items():
            path = commands / name.replace("_", "-")
            path.write_text(f"#!/bin/sh\n{body}\n")
            path.chmod(0o755)
        return subprocess.run(
            [clone / "script/server"],
            env={"PATH": str(commands)}, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    return run


def test_it_asks_for_python_where_there_is_none(machine: Machine) -> None:
    done = machine()
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr


def test_it_does_not_take_an_old_python(machine: Machine) -> None:
    done = machine(python3=OLD)
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr


def test_it_prints_the_exact_command_where_venv_is_missing_and_it_may_not_install(machine: Machine) -> None:
    done = machine(python3=NO_VENV, id="echo 1000", apt_get="exit 99")
    assert done.returncode == 1
    minor = sys.version_info[1]
    # Alone on its line, so that it can be pasted unchanged.
    assert done.stderr.splitlines()[-1] == f"sudo apt-get install python3.{minor}-venv"


def test_it_installs_venv_as_root_and_says_so_when_that_fails(machine: Machine, tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    done = machine(python3=NO_VENV, id="echo 0", apt_get=f'echo "$@" >>{asked}\n[ "$1" = update ]')
    assert done.returncode == 1
    minor = sys.version_info[1]
    assert asked.read_text().splitlines()[-1].endswith(f"python3.{minor}-venv")
    assert done.stderr.splitlines()[-1] == f"apt-get install python3.{minor}-venv"


def test_it_names_the_modules_where_there_is_no_apt(machine: Machine) -> None:
    done = machine(python3=NO_VENV, id="echo 0")
    assert done.returncode == 1
    assert "lacks the modules venv and ensurepip" in done.stderr

"""The scripts, and what the papers say about them."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from config.server import launcher
from script import pins
from tests.support.source_rules import ROOT

SCRIPTS = ("server", "test", "lint", "benchmark", "compile", "screenshots", "upstream")


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_is_a_posix_shell_script_that_can_be_run(name: str) -> None:
    path = ROOT / "script" / name
    assert os.access(path, os.X_OK)
    assert path.read_text().startswith("#!/bin/sh\n")
    assert subprocess.run(["sh", "-n", path], check=False).returncode == 0


def test_the_pinned_requirements_fit_the_project() -> None:
    assert pins.main() == 0


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("other==1.0 \\\n    --hash=sha256:00\n", "lacks django"),
        ("django==4.2 \\\n    --hash=sha256:00\n", "pins django 4.2"),
        ("django==5.2.1\n", "no hashes"),
        ("--find-links /wheels\ndjango==5.2.1 \\\n    --hash=sha256:00\n", "download address"),
        ("# https://example.org\ndjango==5.2.1 \\\n    --hash=sha256:00\n", "download address"),
    ],
)
def test_it_notices_requirements_that_do_not_fit(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "base.txt"
    path.write_text(text)
    assert any(fault in line for line in pins.faults(["django~=5.2.0"], path))


def test_the_request_to_paste_survives_a_shell() -> None:
    made = {"username": "admin", "password": "secret", "token": "dr_abc"}
    administrator, curl = launcher.first_words("http://127.0.0.1:8000", made)
    assert administrator == "Administrator: admin secret"
    words = shlex.split(curl)
    assert words[:4] == ["curl", "-X", "POST", "http://127.0.0.1:8000/replicate/v1/predictions"]
    assert "Authorization: Bearer dr_abc" in words
    assert json.loads(words[words.index("-d") + 1]) == launcher.EXAMPLE


@pytest.mark.parametrize("paper", ["docs/operating.md", "README.md", "SECURITY.md", "CONTRIBUTING.md"])
def test_the_papers_name_only_settings_that_exist(paper: str) -> None:
    code = "".join(path.read_text() for path in (ROOT / "config").rglob("*.py"))
    code += "".join(path.read_text() for path in (ROOT / "predictions/management/commands").glob("*.py"))
    code += (ROOT / "script/test").read_text()
    named = set(re.findall(r"DARKROOM_[A-Z_]*[A-Z]", (ROOT / paper).read_text()))
    assert {name for name in named if f'"{name}"' not in code and name not in code} == set()


def test_the_manual_names_every_setting() -> None:
    # Not for operators: variables between processes, and those of developers.
    internal = {"DARKROOM_PROCESS_ROLE", "DARKROOM_DEBUG"}
    code = "".join((ROOT / "config" / name).read_text() for name in ("settings.py", "env.py"))
    settings = set(re.findall(r'"(DARKROOM_[A-Z_]+)"', code))
    manual = (ROOT / "docs/operating.md").read_text() + (ROOT / "SECURITY.md").read_text()
    assert {name for name in settings - internal if name not in manual} == set()


@pytest.mark.parametrize(
    "paper", ["README.md", "CONTRIBUTING.md", "docs/operating.md", "docs/architecture.md"]
)
def test_the_papers_link_to_what_is_there(paper: str) -> None:
    path = ROOT / paper
    links = re.findall(r"\]\(([^)#:]+)\)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_every_dependency_is_accounted_for() -> None:
    import tomllib

    from packaging.requirements import Requirement

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    paper = (ROOT / "docs/dependencies.md").read_text()
    names = {Requirement(text).name for text in wanted}
    assert {name for name in names if not re.search(rf"\b{re.escape(name)}\b", paper)} == set()

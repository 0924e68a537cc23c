"""`manage.py`: commands for which somebody waits load what they need."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from django.core.management import get_commands

import manage
from tests.support.source_rules import ROOT

PAGES = ("config.urls", "accounts.admin.ledger", "drf_spectacular.openapi", "rest_framework.views")
LIBRARIES = ("cv2", "fido2", "markdown_it", "numpy", "PIL", "psycopg", "stripe", "uvicorn")
RUN = """
import gc, json, sys
import manage
collecting = []
for words in {lines!r}:
    sys.argv = ["manage.py", *words]
    try:
        manage.main()
    except BaseException as error:
        sys.stderr.write(repr(error))
    collecting.append(gc.isenabled())
print(json.dumps([sorted(sys.modules), collecting[0]]))
"""


def after(data: Path, *lines: tuple[str, ...]) -> tuple[set[str], bool]:
    """The modules that are loaded after all these commands, and whether garbage is collected after the first."""
    done = subprocess.run(
        [sys.executable, "-c", RUN.format(lines=lines)],
        cwd=ROOT, env={**os.environ, "DARKROOM_DATA": str(data), "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    modules, collecting = json.loads(done.stdout.splitlines()[-1])
    return set(modules), collecting


def test_quick_commands_load_no_pages_and_nothing_that_few_need(tmp_path: Path) -> None:
    modules, collecting = after(
        tmp_path, ("grant", "nobody", "5"), ("token", "nobody"), ("upstream", "list"), ("createadmin",)
    )
    assert "accounts.models" in modules and collecting
    assert [name for name in (*PAGES, *LIBRARIES) if name in modules] == []


def test_every_quick_command_exists() -> None:
    assert set(get_commands()) >= manage.QUICK

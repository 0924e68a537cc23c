"""What a program sees in a process that had imported everything is what it sees in an interpreter of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import django_fork_server
from tests.support.source_rules import ROOT

SETTINGS = {
    "DARKROOM_SECRET_KEY": "k" * 50,
    "DARKROOM_PUBLIC_URL": "https://pictures.example.org",
    "DARKROOM_CONFORMANCE": "1",
    "DARKROOM_DATABASE_URL": "postgres://a@localhost/other",
    "DARKROOM_WELCOME_CREDITS": "7",
    "DARKROOM_RATE_CREATE": "11",
    "DARKROOM_WEB_THREADS": "3",
    "DARKROOM_WORKERS": "2",
    "DARKROOM_WEBHOOK_TIMEOUT": "3",
    "DARKROOM_OUTBOUND_ALLOW": "127.0.0.0/8",
    "DARKROOM_CORS_ORIGINS": "*",
    "DARKROOM_LOG_LEVEL": "ERROR",
}
ABOUT = """
import datetime, inspect, logging, pathlib, sys
from django.conf import settings
from django.core.cache import caches
from django.core.files.storage import default_storage, storages
from django.db import connection
from rest_framework.settings import api_settings

PLAIN = (str, int, float, bytes, tuple, list, dict, set, frozenset, pathlib.PurePath, datetime.timedelta, type(None))
OURS = (
    "config", "operations", "studio", "gallery", "predictions", "accounts", "core", "engine",
    "django_q", "allauth", "rest_framework", "drf_spectacular",
)

def text(value):
    if isinstance(value, (set, frozenset)):
        return f"set({sorted(map(text, value))})"
    if isinstance(value, dict):
        return str([(name, text(one)) for name, one in value.items()])
    if isinstance(value, (list, tuple)):
        return str([text(one) for one in value])
    return repr(value)

def plain(where, names):
    return {f"{where}.{name}": text(value)
            for name, value in names.items() if isinstance(value, PLAIN) and not name.startswith("__")}

connection.vendor
answer = {}
for name, module in sorted(sys.modules.items()):
    if name.partition(".")[0] in OURS and module is not None:
        answer |= plain(name, vars(module))
        for kind in [one for one in vars(module).values() if inspect.isclass(one) and one.__module__ == name]:
            answer |= plain(f"{name}.{kind.__name__}", vars(kind))
answer |= {f"settings.{name}": text(getattr(settings, name)) for name in dir(settings) if name.isupper()}
answer = {name: said for name, said in answer.items() if " at 0x" not in said}
answer |= {
    "connection": repr([connection.vendor, connection.settings_dict]),
    "storages": repr([default_storage.location, storages["outputs"].location]),
    "level": logging.getLogger("darkroom").getEffectiveLevel(),
    "throttles": repr(api_settings.DEFAULT_THROTTLE_CLASSES),
}
"""


def test_it_sees_the_same_settings_and_all_that_was_made_of_them(tmp_path: Path) -> None:
    env = {**django_fork_server.environment(), **SETTINGS, "DARKROOM_DATA": str(tmp_path)}
    program = f"import json\n{ABOUT}\nprint(json.dumps(answer))"
    fresh = subprocess.run(
        [sys.executable, "-c", f"import django; django.setup()\n{program}"],
        cwd=ROOT, env={**env, "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    done = django_fork_server.python(program, env)
    assert done.returncode == 0, done.stderr
    wanted, got = json.loads(fresh.stdout), json.loads(done.stdout)
    different = {name: (wanted[name], got.get(name)) for name in wanted if got.get(name) != wanted[name]}
    assert len(wanted) > 1000 and different == {}


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "DARKROOM_DATA": str(tmp_path)}


def test_it_tells_how_a_program_ended_and_what_it_wrote(env: dict[str, str]) -> None:
    done = django_fork_server.python("import os, sys; print('out'); os.write(2, b'err'); sys.exit(3)", env)
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err")
    broken = django_fork_server.python("1 / 0", env)
    assert broken.returncode == 1 and "ZeroDivisionError" in broken.stderr
    refused = django_fork_server.manage(("token", "nobody"), {**env, "DARKROOM_WORKERS": "many"})
    assert refused.returncode == 1 and refused.stderr == "DARKROOM_WORKERS must be a whole number.\n"


def test_one_program_leaves_nothing_to_the_next(env: dict[str, str]) -> None:
    left = "import os, config.env; os.environ['LEFT'] = config.env.left = 'here'"
    assert django_fork_server.python(left, env).returncode == 0
    seen = django_fork_server.python(
        "import os, config.env; print(os.environ.get('LEFT'), hasattr(config.env, 'left'))", env
    )
    assert seen.stdout == "None False\n"


def test_a_program_that_does_not_end_is_killed(env: dict[str, str], tmp_path: Path) -> None:
    note = tmp_path / "pid"
    program = f"import os, time; open({str(note)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    with pytest.raises(subprocess.TimeoutExpired):
        django_fork_server.python(program, env, seconds=2)
    if note.exists():
        assert not _runs(int(note.read_text()))


def _runs(pid: int) -> bool:
    import psutil

    from tests.servers.installations import eventually

    def gone() -> bool:
        return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE

    return not eventually(gone)

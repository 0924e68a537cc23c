"""Darkroom's own settings with a data folder of this test process, so that no installation is touched.

Loaded before any conftest. Each of the forked processes (`tests/runner/parallel.py`) has a folder (and a database) of
its own; a child process that a test starts inherits the environment and so the same folder.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

_BASE = "DARKROOM_TEST_DATA"
_WORKER = "DARKROOM_TEST_WORKER"
if _BASE not in os.environ:
    _made = tempfile.mkdtemp(prefix="darkroom-test-")
    os.environ[_BASE] = _made
    # Only the process that made it removes it, never a worker or a forked child of it.
    _owner = os.getpid()
    atexit.register(lambda: os.getpid() == _owner and shutil.rmtree(_made, ignore_errors=True))
_folder = Path(os.environ[_BASE]) / os.environ.get(_WORKER, "main")
os.environ["DARKROOM_DATA"] = str(_folder)
os.environ.setdefault("DARKROOM_ENGINE_SLOTS", "2")

from config.settings import *  # noqa: E402, F403
from config.settings import DATA, DATABASES, INSTALLED_APPS, ON_POSTGRES, STORAGES  # noqa: E402

# A process that a test starts on the database of the tests.
if "DARKROOM_TEST_DATABASE" in os.environ:
    DATABASES["default"]["NAME"] = os.environ["DARKROOM_TEST_DATABASE"]
if not ON_POSTGRES:
    # A file, not memory: threads and child processes see the same database, with the locks it has in service.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA / "test.sqlite3")}
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
# The real hashers cost a quarter of a second for each sign-in, on purpose.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ACCOUNT_RATE_LIMITS = MFA_RATE_LIMITS = False
# Its addresses are laid out when the settings are loaded; each test says which services there are.
INSTALLED_APPS += ["allauth.socialaccount.providers.openid_connect"]
# In memory: what one test asked an upstream's key to wait for is nothing to the next.
UPSTREAM_PACES = None
WHITENOISE_AUTOREFRESH = True


def move(worker: str) -> None:
    """Give a forked process a folder of its own, a copy of this one; its settings name that from then on."""
    from django.conf import settings

    before, now = str(_folder), str(_folder.with_name(worker))
    shutil.copytree(before, now)
    os.environ[_WORKER], os.environ["DARKROOM_DATA"] = worker, now

    def moved(value: Any) -> Any:
        """In place where it can hold others: Django hands out what is inside `DATABASES` and `STORAGES`."""
        if isinstance(value, dict):
            value.update({name: moved(one) for name, one in value.items()})
        elif isinstance(value, list):
            value[:] = map(moved, value)
        elif isinstance(value, str | Path) and str(value).startswith(before):
            return type(value)(now + str(value).removeprefix(before))
        return value

    for name in dir(settings):
        if name.isupper() and (value := getattr(settings, name)) is not (new := moved(value)):
            setattr(settings, name, new)

"""Darkroom's own settings with a data folder of this test process, so that no installation is touched.

Loaded before any conftest. Each xdist worker has a folder (and a database) of its own; a child process that
a test starts inherits the environment and so the same folder.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_BASE = "DARKROOM_TEST_DATA"
if _BASE not in os.environ:
    _made = tempfile.mkdtemp(prefix="darkroom-test-")
    os.environ[_BASE] = _made
    # Only the process that made it removes it, never a worker or a forked child of it.
    _owner = os.getpid()
    atexit.register(lambda: os.getpid() == _owner and shutil.rmtree(_made, ignore_errors=True))
_folder = Path(os.environ[_BASE]) / os.environ.get("PYTEST_XDIST_WORKER", "main")
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
# Its addresses are laid out when the house is loaded; which services there are, each test says.
INSTALLED_APPS += ["allauth.socialaccount.providers.openid_connect"]
# In memory: what one test asked an upstream's key to wait for is nothing to the next.
UPSTREAM_PACES = None
WHITENOISE_AUTOREFRESH = True

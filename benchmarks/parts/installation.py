"""Darkroom as `script/server` starts it, and a bare Django project as the control: started, asked, measured alike."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness import ROOT, free_port
from benchmarks.parts import tree

DARKROOM, BARE = "Darkroom", "bare Django"
PATIENCE_S = 900.0
_STEP_S = 0.02


@dataclass
class Running:
    """A server that is ready."""

    port: int
    tree: tree.Tree
    processor: float
    """Seconds that it and everything below it had used when it was ready."""
    seconds: float
    """From its start until then."""
    token: str = ""
    """Darkroom's administrator's, after a first start."""

    def ask(
        self, method: str, path: str, body: Any = None, *, token: str = "", timeout: float = 5.0
    ) -> tuple[int, Any]:
        """Status and body, JSON where it is any. Raises OSError or HTTPException where there is no answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        with contextlib.closing(connection):
            head = {"Authorization": f"Bearer {token}"} if token else {}
            if body is not None:
                head["Content-Type"] = "application/json"
            connection.request(method, path, json.dumps(body) if body is not None else None, head)
            answer = connection.getresponse()
            text = answer.read()
        try:
            return answer.status, json.loads(text)
        except ValueError:
            return answer.status, text


@contextlib.contextmanager
def darkroom(folder: Path, database: str = "", env: Mapping[str, str] | None = None) -> Iterator[Running]:
    """`python -m config.server.launcher` with this data folder; ready when it says so."""
    given = {"DARKROOM_DATA": str(folder), "PORT": "0", **(env or {})}
    if database:
        given["DARKROOM_DATABASE_URL"] = database
    with _started(["-m", "config.server.launcher"], ROOT, given) as (process, began, log):
        said: list[str] = []
        ready = threading.Event()
        found: list[Running] = []

        def listen() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                said.append(line)
                if line.startswith("Darkroom is ready: "):
                    below = tree.Tree(process.pid)
                    port = int(line.rstrip().rpartition(":")[2])
                    found.append(Running(port, below, below.cpu(), time.monotonic() - began))
                    ready.set()
            ready.set()

        threading.Thread(target=listen, daemon=True).start()
        if not ready.wait(PATIENCE_S) or not found:
            raise RuntimeError(f"Darkroom was not ready:\n{log()}")
        # What a first start tells comes right after.
        time.sleep(0.2)
        found[0].token = next(
            (line.partition("Bearer ")[2].split("'")[0] for line in said if "Bearer " in line), ""
        )
        yield found[0]


@contextlib.contextmanager
def bare(folder: Path, database: str = "", env: Mapping[str, str] | None = None) -> Iterator[Running]:
    """A project as `startproject` makes it, with one app: migrated, its static files collected, served by uvicorn."""
    make_bare(folder)
    port = free_port()
    manage = f'"{sys.executable}" manage.py'
    words = f"{manage} migrate -v 0 && {manage} collectstatic --no-input -v 0 && "
    words += f'exec "{sys.executable}" serve.py {port}'
    given = {"BARE_DATABASE": database, **(env or {})}
    with _started(["-c", words], folder, given, program="/bin/sh") as (process, began, log):
        below = tree.Tree(process.pid)
        running = Running(port, below, 0.0, 0.0)
        while not answers(running, "/"):
            if process.poll() is not None or time.monotonic() - began > PATIENCE_S:
                raise RuntimeError(f"The bare project was not ready:\n{log()}")
            time.sleep(_STEP_S)
        running.seconds = time.monotonic() - began
        running.processor = below.cpu()
        yield running


KINDS = {DARKROOM: darkroom, BARE: bare}


def answers(running: Running, path: str) -> bool:
    """Whether a page is served now."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        return running.ask("GET", path)[0] == 200
    return False


@contextlib.contextmanager
def _started(
    words: list[str], folder: Path, env: Mapping[str, str], program: str = sys.executable
) -> Iterator[tuple[subprocess.Popen[str], float, Any]]:
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DARKROOM_", "DJANGO_")) and name not in {"PORT", "HOST"}
    }
    with tempfile.TemporaryFile("w+") as log:

        def tail() -> str:
            log.seek(0)
            return log.read()[-4000:]

        began = time.monotonic()
        process = subprocess.Popen(
            [program, *words], cwd=folder, env={**clean, **env}, stdout=subprocess.PIPE, stderr=log,
            text=True, preexec_fn=tree.keep_orphans, start_new_session=True,
        )  # fmt: skip
        try:
            yield process, began, tail
        finally:
            below = tree.Tree(process.pid).pids()
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                for pid in below:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            assert process.stdout is not None
            process.stdout.close()


def make_bare(folder: Path) -> None:
    """Write the project's files; what is there already stays."""
    for path, text in BARE_FILES.items():
        file = folder / path
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)


BARE_FILES = {
    "manage.py": """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bare.settings")
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
""",
    "serve.py": """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bare.settings")
import uvicorn
uvicorn.run(
    "bare.asgi:application", host="127.0.0.1", port=int(sys.argv[1]), loop="uvloop", http="httptools", ws="none",
    lifespan="off", interface="asgi3", access_log=False, log_config=None, server_header=False, proxy_headers=False,
)
""",
    "bare/__init__.py": "",
    "bare/asgi.py": """
from django.core.asgi import get_asgi_application
application = get_asgi_application()
""",
    "bare/settings.py": """
import os
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit
BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "of a project that nobody else can reach"
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = [
    "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
    "django.contrib.messages", "django.contrib.staticfiles", "notes",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "bare.urls"
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [], "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.request", "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages",
    ]},
}]
address = urlsplit(os.environ.get("BARE_DATABASE", ""))
if address.scheme:
    DATABASES = {"default": {
        "ENGINE": "django.db.backends.postgresql", "NAME": address.path.strip("/"),
        "USER": unquote(address.username or ""), "PASSWORD": unquote(address.password or ""),
        "HOST": dict(parse_qsl(address.query)).get("host", address.hostname or ""), "PORT": address.port or "",
    }}
else:
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
STATIC_URL, STATIC_ROOT = "/static/", BASE_DIR / "static"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
""",
    "bare/urls.py": """
from django.contrib import admin
from django.urls import path
from notes.views import index
urlpatterns = [path("", index), path("admin/", admin.site.urls)]
""",
    "notes/__init__.py": "",
    "notes/models.py": """
from django.db import models
class Note(models.Model):
    text = models.TextField()
""",
    "notes/views.py": """
from django.http import JsonResponse
from notes.models import Note
def index(request):
    return JsonResponse({"notes": Note.objects.count()})
""",
    "notes/migrations/__init__.py": "",
    "notes/migrations/0001_initial.py": """
from django.db import migrations, models
class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [migrations.CreateModel("Note", [
        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
        ("text", models.TextField()),
    ])]
""",
}
"""One app with one table, beside what `startproject` brings."""

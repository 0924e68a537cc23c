"""A process with Django and all apps imported, forked for each program and command that a test runs in an installation.

An interpreter of its own takes more than a second of the processor for each: nearly all of it imports. Here the
settings are read again in each child, from the environment of the installation, and everything that Django
derives from them is forgotten; `tests/runner/test_django_fork_server.py` compares what is left with a fresh
interpreter.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = {"audit", "fixtures", "grant", "shell", "token", "upstream"}
"""Those of `manage.py` that may be run so. The others are about starts, processes or the settings themselves."""
_IMPORTED = (
    "config.management.commands.audit",
    "config.management.commands.fixtures",
    "django.core.management.commands.shell",
    "django.test.client",
    "predictions.management.commands.upstream",
)
_starting = threading.Lock()
_process: subprocess.Popen[bytes] | None = None
_requests: socket.socket | None = None
_owner = 0
"""The process that started the helper. Those that were forked from it since ask the same one."""


def environment() -> dict[str, str]:
    """This process's own, without what says which installation it is, or that it runs tests."""
    ours = ("DARKROOM_", "DJANGO_", "PYTEST_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def manage(
    words: tuple[str, ...], env: Mapping[str, str], seconds: float = 120
) -> subprocess.CompletedProcess[str]:
    """`manage.py WORDS` in that environment: exit code, and what it wrote."""
    return _asked({"words": words, "env": dict(env)}, ["manage.py", *words], seconds)


def python(program: str, env: Mapping[str, str], seconds: float = 120) -> subprocess.CompletedProcess[str]:
    """`python -c PROGRAM` in that environment, with Django set up."""
    settings = {"DJANGO_SETTINGS_MODULE": "config.settings"}
    return _asked({"program": program, "env": {**env, **settings}}, ["python", "-c", program], seconds)


# -- Who asks --------------------------------------------------------------------------------------------------
def start() -> None:
    """Start the helper, if there is none: for processes that are about to be forked, each of which would start one."""
    _helper()


def _asked(order: dict[str, Any], command: list[str], seconds: float) -> subprocess.CompletedProcess[str]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        socket.send_fds(_helper(), [b"?"], [theirs.fileno()])
        theirs.close()
        ours.settimeout(seconds)
        with ours.makefile("rwb") as channel:
            channel.write(json.dumps(order).encode() + b"\n")
            channel.flush()
            pid = channel.readline()
            assert pid, "The process that imports everything has ended; it said why."
            try:
                told = json.loads(channel.readline() or "{}")
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
                raise subprocess.TimeoutExpired(command, seconds) from None
    return subprocess.CompletedProcess(
        command, told.get("code", -1), told.get("stdout", ""), told.get("stderr", "")
    )


def _helper() -> socket.socket:
    """The socket of this process's helper, which is started when it is first asked."""
    global _process, _requests, _owner
    with _starting:
        ended = _process is None or (_owner == os.getpid() and _process.poll() is not None)
        if ended or _requests is None:
            ours, theirs = socket.socketpair()
            with theirs:
                _process = subprocess.Popen(
                    [sys.executable, "-m", "tests.servers.django_fork_server", str(theirs.fileno())],
                    cwd=ROOT, env=environment(), pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
                )  # fmt: skip
            _requests, _owner = ours, os.getpid()
            atexit.register(_end, _process, ours)
        return _requests


def _end(process: subprocess.Popen[bytes], requests: socket.socket) -> None:
    """It ends when nobody can ask any more; waited for, so that its time is counted with that of the tests."""
    requests.close()
    if _owner != os.getpid():
        return
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(10)


# -- Who answers -----------------------------------------------------------------------------------------------
def _main(descriptor: int) -> None:
    with tempfile.TemporaryDirectory(prefix="darkroom-preloaded-") as folder:
        os.environ["DARKROOM_DATA"] = folder
        _load()
        with socket.socket(fileno=descriptor) as requests:
            _answer_all(requests)
        with contextlib.suppress(ChildProcessError):
            while True:
                os.wait()


def _load() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    gc.disable()
    import django

    django.setup(set_prefix=False)
    gc.disable()  # `config.apps` has switched it on
    for name in _IMPORTED:
        importlib.import_module(name)
    gc.freeze()
    gc.enable()


def _answer_all(requests: socket.socket) -> None:
    """A child for each request, until nobody can send one any more."""
    while True:
        said, descriptors, _flags, _address = socket.recv_fds(requests, 16, 1)
        if not said:
            return
        if os.fork() == 0:
            requests.close()
            _answer(socket.socket(fileno=descriptors[0]))
        os.close(descriptors[0])
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _answer(connection: socket.socket) -> NoReturn:
    try:
        with connection, connection.makefile("rwb") as channel:
            order = json.loads(channel.readline())
            channel.write(f"{os.getpid()}\n".encode())
            channel.flush()
            channel.write(json.dumps(_done(order)).encode() + b"\n")
    finally:
        # Not `sys.exit`: the frames below belong to the parent.
        os._exit(0)


def _done(order: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        code = 1
        try:
            os.environ.clear()
            os.environ.update(order["env"])
            _run(order)
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
            if isinstance(end.code, str):
                print(end.code, file=sys.stderr)
        except BaseException:
            traceback.print_exc()
        _close_connections()
        sys.stdout.flush()
        sys.stderr.flush()
        said = {}
        for name, file in (("stdout", out), ("stderr", err)):
            file.seek(0)
            said[name] = file.read().decode()
        return {"code": code, **said}


def _run(order: dict[str, Any]) -> None:
    if "program" in order:
        import django

        read_settings()
        django.setup()
        exec(compile(order["program"], "<string>", "exec"), {"__name__": "__main__"})
        return
    from django.core import management

    import manage

    run = management.execute_from_command_line

    def with_settings(words: list[str]) -> None:
        # What `manage.py` has just written into the environment counts.
        read_settings()
        run(words)

    management.execute_from_command_line = with_settings
    sys.argv = ["manage.py", *order["words"]]
    manage.main()


def read_settings() -> None:
    """Read the settings again, and discard everything derived from the previous ones."""
    from django.conf import empty, settings
    from django.db import connections
    from django.test.signals import setting_changed
    from django_q.conf import Conf

    before = {name: getattr(settings, name) for name in dir(settings) if name.isupper()}
    sys.modules.pop("config.settings", None)
    settings._wrapped = empty
    for name in dir(settings):
        if name.isupper() and name != "DATABASES" and (value := getattr(settings, name)) != before.get(name):
            setting_changed.send(sender=None, setting=name, value=value, enter=True)
    for one in connections.all(initialized_only=True):
        del connections[one.alias]
    connections._settings = None
    connections.__dict__.pop("settings", None)
    # Read from the settings while it is imported.
    Conf.SECRET_KEY = settings.SECRET_KEY


def _close_connections() -> None:
    from django.db import connections

    with contextlib.suppress(Exception):
        connections.close_all()


if __name__ == "__main__":
    _main(int(sys.argv[1]))

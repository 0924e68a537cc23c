"""The server's top process, `python -m config.server.launcher`: prepares the installation, listens, supervises.

`script/server` ends as it. It imports everything once and forks the parts. It has one thread and never a connection to
the database; the migrations run in a child.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import http.client
import json
import logging
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from config import env
from config.env import SettingError
from config.file_permissions import UMASK
from config.server import preload
from core.processes import forks, pdeathsig, session
from core.processes.supervisor import Part

EXAMPLE = {
    "version": "stability-ai/stable-diffusion:ac732df83cea7fff18b8472768c88ad041fa750ff7682a21affe81863cbe77e4",
    "input": {"prompt": "an astronaut riding a horse on mars, hd, dramatic lighting"},
}


FIRST_WORD_S = 10.0
"""Seconds after which a start that is not ready prints what it waits for; the interval doubles each time."""


class CannotStart(Exception):
    """The server cannot start; the text is one sentence for the person who started it."""


def main() -> int:
    """Run until stopped; the process's exit code."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    os.umask(UMASK)
    # Until the supervisor takes the signals over, a request to stop ends the start at once.
    signal.signal(signal.SIGTERM, _give_up)
    signal.signal(signal.SIGINT, _give_up)
    session.set_process_name("dr-server")
    pdeathsig.arm()
    try:
        data = _data_folder()
        with _alone(data), _door() as door:
            _load()
            _prepare()
            preload.warm()
            _supervise(door, data)
    except CannotStart as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _give_up(number: int, frame: object) -> None:
    raise SystemExit(0)


def _data_folder() -> Path:
    data = env.data_folder()
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotStart(f"The data folder {data} cannot be made: {error.strerror}.") from None
    os.environ["DARKROOM_DATA"] = str(data)
    return data


@contextlib.contextmanager
def _alone(data: Path) -> Iterator[None]:
    """Hold the data folder. The lock is the kernel's and ends with this process, however it ends."""
    try:
        file = (data / "server.lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise CannotStart(f"The data folder {data} cannot be written: {error.strerror}.") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            other = file.read().strip() or "unknown"
            raise CannotStart(
                f"Another Darkroom server (process {other}) already uses the data folder {data}; "
                "stop it first, or set DARKROOM_DATA to another folder."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


@contextlib.contextmanager
def _door() -> Iterator[socket.socket]:
    """The listening socket. It lives in this process: a web server that is killed refuses nobody, callers only wait."""
    host = env.listen_host()
    port = _port()
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        # A name with both kinds of address: the older kind, which every client tries.
        family, *_, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    except OSError:
        raise CannotStart(f"HOST {host!r} is no address of this machine.") from None
    door = socket.socket(family, socket.SOCK_STREAM)
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(address)
        door.listen(1024)
    except OSError as error:
        door.close()
        raise CannotStart(_why_not(error, host, port)) from None
    with door:
        yield door


def _port() -> int:
    text = env.listen_port()
    if not text.isdigit() or int(text) > 65535:
        raise CannotStart(f"PORT must be a number from 0 (any free port) to 65535, not {text!r}.")
    return int(text)


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is in use by another program; "
            f"choose another one, for example: PORT={port + 1} script/server"
        )
    if error.errno == errno.EACCES:
        return f"Port {port} may not be opened by this user; choose one above 1023, such as PORT=8000"
    return f"Cannot listen on {host} port {port}: {error.strerror}."


def _load() -> None:
    try:
        preload.load()
    except SettingError as error:
        # Where it was read helps nobody who has to mend it: the sentence names the setting.
        raise CannotStart(str(error)) from None
    except Exception:
        traceback.print_exc()
        raise CannotStart("Darkroom could not be loaded; the lines above say why.") from None


def _prepare() -> None:
    """Migrations, catalogue, static files, first administrator: in a child, so that no connection is left here."""
    before, after = os.pipe()
    # Let go at the end, however this process ends: then the child ends too.
    with os.fdopen(after, "w"):
        if forks.SUPPORTED:
            code = forks.fork("dr-prepare", _run_prepare, leash_fd=before).wait()
        else:
            code = subprocess.run(
                [*_manage(), "prepare"],
                env={**os.environ, pdeathsig.LEASH_VARIABLE: str(before)},
                pass_fds=(before,),
                stdout=sys.stderr.fileno(),
                start_new_session=True,  # Ctrl-C is for this process; it ends the child itself
                check=False,
            ).returncode
    os.close(before)
    if code:
        raise CannotStart("Darkroom could not be prepared; the lines above say why.")


def _run_prepare() -> None:
    from django.core.management import execute_from_command_line

    execute_from_command_line(["manage.py", "prepare"])


def _manage() -> list[str]:
    return [sys.executable, str(env.BASE_DIR / "manage.py")]


def _supervise(door: socket.socket, data: Path) -> None:
    from predictions.processes import parts

    fd = door.fileno()
    web = Part(
        "web",
        # The checks have just passed in `prepare`, and a start after a kill should not pay for them.
        [*_manage(), "web", "--fd", str(fd), "--skip-checks"],
        {"DARKROOM_PROCESS_ROLE": "web"},
        fds=(fd,),
        stage=0,
        grace_s=9.0,
        run=lambda: _serve(fd),
    )
    with _announcer(_url(door), data):
        parts.supervise(before=[web])


def _serve(fd: int) -> None:
    from django.core.management import call_command

    preload.become_web()
    call_command("web", fd=fd, skip_checks=True)


@contextlib.contextmanager
def _announcer(url: str, data: Path) -> Iterator[None]:
    """A child that says once that all is ready. Not a thread: this process forks."""
    before, after = os.pipe()
    with os.fdopen(after, "w"):
        forks.fork("dr-announce", lambda: _announce(url, data), leash_fd=before, stdout=True)
        os.close(before)
        yield


def _url(door: socket.socket) -> str:
    """Where this machine reaches it: a server on every address is named by the loopback one."""
    host, port = door.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _announce(url: str, data: Path) -> None:
    """Say once that Darkroom is ready: its web server can serve everything and its workers give signs of life."""
    began, patience = time.monotonic(), FIRST_WORD_S
    while missing := _missing(url):
        if time.monotonic() - began > patience:
            patience *= 2
            logging.getLogger("darkroom.server").warning("Not ready yet: %s", missing)
        time.sleep(0.1)
    _print(f"Darkroom is ready: {url}")
    first = data / "first_start.json"
    if first.is_file():
        for line in first_words(url, json.loads(first.read_text(encoding="utf-8"))):
            _print(line)
        first.unlink()


def _missing(url: str) -> str:
    """The reason why the server is not ready, in one line; empty where it is."""
    for path in ("/readyz", "/health"):
        answer = _asked(url, path)
        if answer is None:
            return "the web server does not answer yet"
        if answer[0] != 200:
            return f"{path} says {_down(answer[1])}"
    return ""


def _down(text: str) -> str:
    """The parts that are down, of a probe's answer."""
    try:
        found = json.loads(text)
        parts = [name for name, part in found.items() if isinstance(part, dict) and not part.get("ok", True)]
        return f"that this is down: {', '.join(parts)} (the lines above say why)" if parts else text
    except ValueError:
        return text


def _asked(url: str, path: str) -> tuple[int, str] | None:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(10_000).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def first_words(url: str, made: dict[str, Any]) -> list[str]:
    """What only the first start tells: the administrator, and a first request to paste."""
    body = shlex.quote(json.dumps(EXAMPLE))
    return [
        f"Administrator: {made['username']} {made['password']}",
        f"curl -X POST {url}/replicate/v1/predictions -H 'Authorization: Bearer {made['token']}' "
        f"-H 'Content-Type: application/json' -d {body}",
    ]


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())

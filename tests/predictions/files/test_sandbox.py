"""Files are opened by forked children: what goes wrong with one touches no other, and nobody is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import resource
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.conf import settings
from PIL import Image

from core.processes.fork_server import client, wire_format
from predictions.files import image_conversion, image_probe, sandbox_client
from tests import factories
from tests.servers.installations import eventually

GOOD = factories.picture(64, 48)


@pytest.fixture(autouse=True)
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[client.Servers]:
    """Fork servers of this test's own."""
    one = client.Servers()
    monkeypatch.setattr(sandbox_client, "_servers", one)
    yield one
    one.close()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def kept(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def looked(path: Path) -> image_probe.ProbeResult:
    folder = path.parent / f"{path.name}-made"
    folder.mkdir(exist_ok=True)
    return image_probe.probe(path, folder)


def endless(folder: Path, name: str = "endless") -> Path:
    """A file that keeps its reader waiting for ever."""
    path = folder / name
    os.mkfifo(path)
    return path


def has_reader(path: Path) -> int | None:
    """Our end of an endless file, once somebody reads it; it is read for ever as long as that is open."""
    with contextlib.suppress(OSError):
        return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    return None


def process_of(one: client.Servers) -> psutil.Process:
    assert one._process is not None
    return psutil.Process(one._process.pid)


def child_of(one: client.Servers) -> psutil.Process:
    """The one child that is at work, once it has begun."""

    return eventually(lambda: one._process and begun(process_of(one).children(), 1))[0]


def begun(children: list[psutil.Process], number: int) -> list[psutil.Process]:
    """These children, if there are so many and each holds nothing but the standard three and its own socket."""
    with contextlib.suppress(psutil.Error, OSError):
        if len(children) == number and all(child.num_fds() == 4 for child in children):
            return children
    return []


def gone(*processes: psutil.Process) -> bool:
    return not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in processes)


def why(future: Future[image_probe.ProbeResult]) -> str:
    with pytest.raises(image_probe.UnreadableImage) as caught:
        future.result(60)
    return f"{caught.value} {caught.value.detail}".strip()


# -- one file ------------------------------------------------------------------------------------------------


def test_a_child_that_is_killed_touches_its_own_file_alone(
    servers: client.Servers, threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    looked(kept(tmp_path, "before", GOOD))
    before = process_of(servers)
    eventually(lambda: not before.children())
    path = endless(tmp_path)
    killed = threads.submit(looked, path)
    child = child_of(servers)
    # One that is killed before it has begun has touched no file, and is asked for again.
    held = eventually(lambda: has_reader(path))
    child.kill()
    assert why(killed) == "its reader stopped unexpectedly"
    os.close(held)
    assert looked(kept(tmp_path, "after", GOOD)).width == 64
    assert process_of(servers) == before


def test_a_bomb_stops_its_own_child_while_good_files_beside_it_are_read(
    monkeypatch: pytest.MonkeyPatch, threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    monkeypatch.setattr(image_probe, "LIMITS", replace(image_probe.LIMITS, memory=200 * 1024**2))
    bomb = io.BytesIO()
    Image.new("1", (6500, 6100)).save(bomb, "PNG")
    paths = [kept(tmp_path, f"{number}", bomb.getvalue() if number == 3 else GOOD) for number in range(8)]
    looks = [threads.submit(looked, path) for path in paths]
    assert "too much memory" in why(looks.pop(3)) and len(bomb.getvalue()) < 50_000
    assert [look.result(60).width for look in looks] == [64] * 7


def test_a_file_that_takes_too_long_is_given_up_and_its_child_ends(
    monkeypatch: pytest.MonkeyPatch, servers: client.Servers, threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    monkeypatch.setattr(image_probe, "LIMITS", replace(image_probe.LIMITS, wall_s=0.5))
    assert why(threads.submit(looked, endless(tmp_path))) == "it took too long to read"
    eventually(lambda: not process_of(servers).children())


def test_a_child_is_limited_holds_its_own_socket_alone_and_none_of_our_secrets(
    monkeypatch: pytest.MonkeyPatch, servers: client.Servers, threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    monkeypatch.setenv("DARKROOM_SECRET_KEY", "do not tell")
    other = threads.submit(looked, endless(tmp_path, "other"))
    child_of(servers)
    look = threads.submit(looked, endless(tmp_path))
    for child in eventually(lambda: begun(process_of(servers).children(), 2)):
        # The last of its limits: it may still be setting them when it has closed what it does not need.
        assert eventually(lambda child=child: child.rlimit(resource.RLIMIT_CORE) == (0, 0))
        assert child.rlimit(resource.RLIMIT_AS) == (image_probe.LIMITS.memory,) * 2
        assert child.rlimit(resource.RLIMIT_CPU)[0] == image_probe.LIMITS.cpu_s
        assert "do not tell" not in str(child.environ())
        child.kill()
    why(other), why(look)


def test_the_server_has_one_thread_so_that_it_may_fork(servers: client.Servers, tmp_path: Path) -> None:
    looked(kept(tmp_path, "good", GOOD))
    assert process_of(servers).num_threads() == 1


# -- the server ----------------------------------------------------------------------------------------------


def test_a_server_killed_in_the_middle_costs_no_file(
    servers: client.Servers, threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    path = endless(tmp_path)
    look = threads.submit(looked, path)
    child, killed = child_of(servers), process_of(servers)
    kept(tmp_path, "good", GOOD).rename(path)  # who asks again finds a picture
    killed.kill()
    assert look.result(60).width == 64
    eventually(lambda: gone(child, killed))


def test_a_server_that_is_stopped_is_replaced(
    monkeypatch: pytest.MonkeyPatch, servers: client.Servers, tmp_path: Path
) -> None:
    path = kept(tmp_path, "good", GOOD)
    looked(path)
    frozen = process_of(servers)
    frozen.suspend()
    with monkeypatch.context() as impatient:
        impatient.setattr(sandbox_client, "START_TIMEOUT_S", 0.3)
        impatient.setattr(sandbox_client, "TRIES", 1)
        with pytest.raises(sandbox_client.Lost):
            looked(path)
    assert gone(frozen) and looked(path).width == 64


def test_a_server_that_dies_each_time_blames_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(OSError):
        looked(kept(tmp_path, "good", GOOD))
    with pytest.raises(image_conversion.TooBusy):
        image_conversion.check([tmp_path / "good"])


def test_a_server_that_died_leaves_no_zombie(servers: client.Servers, tmp_path: Path) -> None:
    looked(kept(tmp_path, "good", GOOD))
    died = process_of(servers)
    died.kill()

    def is_forgotten() -> bool:
        servers.reap()
        return not psutil.pid_exists(died.pid)

    eventually(is_forgotten)
    assert looked(kept(tmp_path, "good", GOOD)).width == 64


def test_whoever_stops_waiting_ends_the_child(servers: client.Servers, tmp_path: Path) -> None:
    job = {"do": "check", "file": str(endless(tmp_path))}

    async def given_up() -> None:
        waiting = asyncio.create_task(sandbox_client.run_jobs_async([job], image_conversion.LIMITS))
        child = await asyncio.to_thread(child_of, servers)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await asyncio.to_thread(eventually, lambda: gone(child))

    asyncio.run(given_up())


# -- nobody is left behind -----------------------------------------------------------------------------------

BEGIN = """
    import os, sys, threading
    from pathlib import Path
    from predictions.files import image_probe
    from predictions.files import sandbox_client
    path = Path(sys.argv[1])
    def look():
        return image_probe.probe(path, path.parent)
"""


def program(code: str, path: Path, **more: Any) -> subprocess.Popen[bytes]:
    """A process that has files opened, on its own."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(BEGIN) + textwrap.dedent(code), str(path)],
        cwd=settings.BASE_DIR, stdout=subprocess.PIPE, **more,
    )  # fmt: skip


def below(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The fork server of a process and its child, once that reads."""
    found = eventually(
        lambda: len(all_ := psutil.Process(process.pid).children(recursive=True)) == 2 and all_
    )
    eventually(lambda: found[1].num_fds() == 4)
    return found


def test_nobody_outlives_a_worker_that_is_killed(tmp_path: Path) -> None:
    with program("look()", endless(tmp_path)) as worker:
        left = below(worker)
        worker.kill()
        eventually(lambda: gone(*left))


def test_nobody_outlives_the_leash_although_the_worker_does(tmp_path: Path) -> None:
    inherited, held = os.pipe()
    environment = {**os.environ, "DARKROOM_LEASH_FD": str(inherited)}
    with program("look()", endless(tmp_path), pass_fds=(inherited,), env=environment) as worker:
        os.close(inherited)
        server, child = below(worker)
        os.close(held)
        eventually(lambda: gone(server, child))
        worker.kill()


def test_forked_workers_share_one_server_and_replace_it_when_it_is_lost(tmp_path: Path) -> None:
    code = """
        import signal
        sandbox_client.start()
        first = sandbox_client._servers._process
        def forked():
            pid = os.fork()
            if pid == 0:
                own = sandbox_client._servers
                width = look().width
                os._exit(0 if width == 64 and (own._process is None) == shared else 1)
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        shared = True
        codes = [forked(), forked()]
        first.kill(), first.wait()
        shared = False
        print([*codes, forked()])
    """
    with program(code, kept(tmp_path, "good", GOOD)) as worker:
        assert worker.communicate(timeout=120)[0] == b"[0, 0, 0]\n"


# -- what is said between them -------------------------------------------------------------------------------


def test_an_answer_is_whole_at_its_last_byte_and_not_before() -> None:
    answer = wire_format.Answer(1000)
    said = wire_format.BEGUN + wire_format.framed(json.dumps([{"width": 64}]).encode())
    for byte in said[:-1]:
        assert not sandbox_client._is_complete(answer)
        answer.feed(bytes([byte]))
        assert answer.begun and not answer.is_complete and not answer.ended_early
    answer.feed(said[-1:])
    assert answer.is_complete and answer.value() == [{"width": 64}]
    answer.feed(wire_format.ENDED)
    assert not answer.ended_early and answer.value() == [{"width": 64}]


@pytest.mark.parametrize("said", [b"", b"+", b"+00", b"+0000000100[1"])
def test_a_file_is_blamed_for_a_child_that_ended_at_any_point_after_it_began(said: bytes) -> None:
    answer = wire_format.Answer(1000)
    answer.feed(said + wire_format.ENDED)
    with pytest.raises(sandbox_client.Stopped if said else sandbox_client.Lost):
        sandbox_client._is_complete(answer)


def test_an_answer_longer_than_it_may_be_is_not_waited_for() -> None:
    answer = wire_format.Answer(1000)
    answer.feed(b"+0000001001")
    with pytest.raises(wire_format.TooLong):
        _ = answer.is_complete

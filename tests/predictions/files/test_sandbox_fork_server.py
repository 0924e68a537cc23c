"""One fork server for the files of all processes: killed, frozen, started twice, and anew on the socket they share."""

from __future__ import annotations

import contextlib
import os
import select
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from core.processes import programs
from core.processes.fork_server import client
from predictions.files import image_probe, sandbox_client
from tests.predictions.files.test_sandbox import GOOD, endless, gone, has_reader, kept, looked
from tests.servers.fork_server_process import ForkServerOwner, below, held, loads, oom_score
from tests.servers.installations import eventually


@pytest.fixture
def top(monkeypatch: pytest.MonkeyPatch) -> Iterator[ForkServerOwner]:
    with held() as top:
        monkeypatch.setenv(client.VARIABLE, str(top.ours.fileno()))
        yield top


@pytest.fixture
def servers(top: ForkServerOwner, monkeypatch: pytest.MonkeyPatch) -> Iterator[client.Servers]:
    """What this process knows of servers."""
    one = client.Servers()
    monkeypatch.setattr(sandbox_client, "_servers", one)
    yield one
    one.close()
    assert one._inherited is not None
    one._inherited.close()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def reads(path: Path) -> int:
    """Our end of an endless file, as soon as a child reads it."""
    held: int = eventually(lambda: has_reader(path))
    return held


def feed(path: Path, look: Future[image_probe.ProbeResult]) -> None:
    """Give the endless file an end, as often as its reader opens it: so the look comes to an end of its own."""

    def is_over() -> bool:
        if (end := has_reader(path)) is not None:
            with contextlib.suppress(BrokenPipeError):
                os.write(end, GOOD)
            os.close(end)
        return look.done()

    eventually(is_over)


def test_who_inherited_a_socket_has_files_opened_by_its_server_and_starts_none(
    top: ForkServerOwner, servers: client.Servers, tmp_path: Path
) -> None:
    top.start()
    assert looked(kept(tmp_path, "good", GOOD)).width == 64
    assert servers._process is None


def test_an_order_waits_for_the_server_that_is_just_being_started(
    top: ForkServerOwner, servers: client.Servers, threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    looks = [threads.submit(looked, kept(tmp_path, f"good-{number}", GOOD)) for number in range(4)]
    eventually(lambda: len(select.select([top.theirs], [], [], 0)[0]) == 1)
    top.start()
    assert [look.result(60).width for look in looks] == [64] * 4 and servers._process is None


def test_a_server_killed_over_a_file_costs_nothing_because_its_successor_is_asked(
    top: ForkServerOwner, servers: client.Servers, threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    killed = top.start()
    path = endless(tmp_path)
    look = threads.submit(looked, path)
    held, children = reads(path), below(killed, "dr-sandbox")
    kept(tmp_path, "good", GOOD).rename(path)  # who asks again finds a picture
    killed.kill()
    top.start()
    assert look.result(60).width == 64 and servers._process is None
    eventually(lambda: gone(killed, *children))
    os.close(held)


def test_a_frozen_server_is_replaced_by_one_of_our_own_until_it_is_trusted_again(
    top: ForkServerOwner,
    servers: client.Servers,
    threads: ThreadPoolExecutor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frozen = top.start()
    frozen.suspend()
    monkeypatch.setattr(sandbox_client, "START_TIMEOUT_S", 3.0)
    assert looked(kept(tmp_path, "good", GOOD)).width == 64
    assert servers._process is not None
    own = psutil.Process(servers._process.pid)
    path = endless(tmp_path)
    under_way = threads.submit(looked, path)
    held = reads(path)
    # The supervisor kills what is frozen. Trusted again, the next one is asked, and ours ends after its last file.
    frozen.kill()
    top.start()
    monkeypatch.setattr(servers, "_distrusted_until", 0.0)
    monkeypatch.setattr(sandbox_client, "START_TIMEOUT_S", 15.0)
    assert looked(tmp_path / "good").width == 64
    assert servers._process is None and not under_way.done() and own.is_running()
    os.close(held)
    feed(path, under_way)

    def is_forgotten() -> bool:
        servers.reap()
        return not psutil.pid_exists(own.pid)

    eventually(is_forgotten)


def test_what_was_given_up_before_a_server_took_it_is_not_begun(
    top: ForkServerOwner, servers: client.Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox_client, "START_TIMEOUT_S", 0.3)
    monkeypatch.setattr(sandbox_client, "TRIES", 1)
    path = endless(tmp_path)
    with pytest.raises(sandbox_client.Lost):
        looked(path)
    monkeypatch.undo()
    monkeypatch.setattr(sandbox_client, "_servers", servers)
    monkeypatch.setattr(servers, "_distrusted_until", 0.0)
    monkeypatch.setenv(client.VARIABLE, str(top.ours.fileno()))
    top.start()
    assert looked(kept(tmp_path, "good", GOOD)).width == 64  # which came after it
    assert has_reader(path) is None


def test_two_servers_on_one_socket_share_the_work(
    top: ForkServerOwner, servers: client.Servers, threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    both = [top.start(), top.start()]
    paths = [kept(tmp_path, f"good-{number}", GOOD) for number in range(24)]
    assert [look.width for look in threads.map(looked, paths)] == [64] * 24
    assert all(one.is_running() and one.num_threads() == 1 for one in both) and servers._process is None
    both[0].kill()
    assert looked(paths[0]).width == 64


def test_it_finds_no_secret_in_its_environment_however_it_was_started(
    top: ForkServerOwner, servers: client.Servers, threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    server = top.start(DARKROOM_SECRET_KEY="do not tell", OPENBLAS_NUM_THREADS="7")
    path = endless(tmp_path)
    look = threads.submit(looked, path)
    held = reads(path)
    for one in (server, *below(server, "dr-sandbox")):
        assert "DARKROOM_SECRET_KEY" not in one.environ() and "do not tell" not in str(one.environ())
        assert one.environ()["OPENBLAS_NUM_THREADS"] == "1"
    os.close(held)
    feed(path, look)


def test_it_loads_nothing_that_paints_and_its_children_go_first_when_memory_ends(
    top: ForkServerOwner, servers: client.Servers, threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    server = top.start()
    path = endless(tmp_path)
    look = threads.submit(looked, path)
    held = reads(path)
    (child,) = below(server, "dr-sandbox")
    assert not loads(child, "cv2") and not loads(server, "cv2") and loads(server, "PIL")
    assert oom_score(child) == 1000 > oom_score(server) > 0
    os.close(held)
    feed(path, look)


def test_it_gives_signs_of_life_while_nobody_orders_anything(top: ForkServerOwner) -> None:
    reading, writing = os.pipe()
    top.start(writing, **{programs.LIVENESS_VARIABLE: str(writing)})
    os.close(writing)
    for _ in range(2):
        assert select.select([reading], [], [], 60)[0] and os.read(reading, 100)
    os.close(reading)


@pytest.mark.parametrize("value", ["", "x", "0", "99999"])
def test_a_variable_that_names_no_such_socket_is_no_server(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(client.VARIABLE, value)
    servers = client.Servers()
    try:
        servers.control()
        assert servers._process is not None
    finally:
        servers.close()

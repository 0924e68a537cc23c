"""What the process that forks all parts may hold: modules, and nothing that belongs to one process."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.faults.harness import SMALL
from tests.servers import django_fork_server
from tests.servers.installations import Installation, eventually
from tests.support.source_rules import ROOT

PROGRAM = """
import gc, json, os, sys, threading
from config.server import preload
preload.load()
preload.warm()
from django.db import connections
from core.processes import forks
from predictions.processes import parts
from predictions.dispatch import provider_lookup
from predictions.execution import task_queue
print(json.dumps({
    "threads": threading.active_count(),
    "tasks": len(os.listdir("/proc/self/task")),
    "connections": [one.alias for one in connections.all() if one.connection is not None],
    "descriptors": sorted(
        os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd") if int(n) > 2
        and os.path.islink(f"/proc/self/fd/{n}")
    ),
    "painting": sorted({"numpy", "cv2", "PIL", "torch"} & set(sys.modules)),
    "looked up": provider_lookup.registry.cache_info().currsize,
    "why not": forks.objection(),
    "collects": gc.isenabled(),
}))
"""


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    environment = django_fork_server.environment() | {"DARKROOM_DATA": str(tmp_path_factory.mktemp("data"))}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def test_it_has_one_thread_so_that_it_may_be_forked(held: dict[str, object]) -> None:
    assert (held["threads"], held["tasks"], held["why not"]) == (1, 1, "")


def test_it_has_no_connection_and_no_open_file(held: dict[str, object]) -> None:
    assert held["connections"] == []
    descriptors = held["descriptors"]
    assert isinstance(descriptors, list)
    # multiprocessing keeps some memory in a file that nobody can open.
    assert [one for one in descriptors if not one.startswith("/dev/shm/pym-")] == []


def test_it_has_imported_nothing_that_paints(held: dict[str, object]) -> None:
    assert held["painting"] == []


def test_it_knows_no_engine_yet_whose_place_only_its_parts_are_told(held: dict[str, object]) -> None:
    assert held["looked up"] == 0


def test_it_collects_garbage_again_afterwards(held: dict[str, object]) -> None:
    assert held["collects"] is True


@pytest.mark.server
@pytest.mark.timeout(300)
def test_parts_that_are_started_as_programs_do_the_same(second_installation: Installation) -> None:
    one = second_installation
    assert {"web", "watcher", "sweep", "engine"} <= set(one.kinds())
    assert "manage.py" in " ".join(one.kinds()["watcher"][0].cmdline())
    _status, made = one.request("/v1/predictions", SMALL)
    eventually(lambda: one.request(f"/v1/predictions/{made['id']}")[1]["status"] == "succeeded")

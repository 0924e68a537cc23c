"""The rate limit of a key is shared by all processes of a machine, and none can block the others."""

from __future__ import annotations

import fcntl
import json
import struct
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from predictions.providers.http import interprocess_state
from predictions.providers.http.rate_limiter import Pace
from tests.support.source_rules import ROOT

NOW = 1000.0
MANY = f"""
import contextlib, json, os, sys
from pathlib import Path
from predictions.providers.http import interprocess_state
from predictions.providers.http.rate_limiter import Pace
interprocess_state._TRIES = 10**9  # on a busy machine the others may take their time
for _ in range(3):
    if os.fork() == 0:
        break
pace = Pace(10, Path(sys.argv[1]))
waits = [pace.take(100, {NOW})[1] for _ in range(25)]
os.write(1, (json.dumps(waits) + os.linesep).encode())  # at once: lines of the others come between
with contextlib.suppress(ChildProcessError):
    while True:
        os.wait()
"""
FORKED = f"""
import json, os, sys
from pathlib import Path
from predictions.providers.http.rate_limiter import Pace
pace = Pace(1, Path(sys.argv[1]))
print(json.dumps(pace.take(0, {NOW})), flush=True)
if os.fork() == 0:
    print(json.dumps(pace.take(0, {NOW})), flush=True)
    os._exit(0)
os.wait()
"""


def test_four_processes_send_no_more_together_than_one_may_alone(tmp_path: Path) -> None:
    command = [sys.executable, "-c", MANY, str(tmp_path / "key")]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=120)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(told) == 4
    waits = sorted(wait for one in told for wait in one)
    # A second's worth at once, then evenly.
    assert waits == pytest.approx([0.0] * 10 + [number / 10 for number in range(1, 91)])


def test_what_the_service_asked_one_process_to_wait_for_all_of_them_do(tmp_path: Path) -> None:
    told, other = Pace(10, tmp_path / "key"), Pace(10, tmp_path / "key")
    told.rest(30, NOW)
    assert other.take(5, NOW) == (False, pytest.approx(30))


def test_a_forked_process_keeps_the_same_pace_by_a_lock_of_its_own(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKED, str(tmp_path / "key")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert [json.loads(line) for line in done.stdout.splitlines()] == [[True, 0.0], [False, 1.0]]


def test_who_was_stopped_while_writing_stops_nobody_else(tmp_path: Path) -> None:
    path = tmp_path / "key"
    with path.open("wb") as stopped:
        fcntl.flock(stopped, fcntl.LOCK_EX)
        assert Pace(10, path).take(0, NOW) == (True, 0.0)


@pytest.mark.parametrize(
    "left",
    [
        b"",
        b"half",
        b"x" * 100,
        struct.pack("=3d", 0, 0, NOW + 60),
        struct.pack("=16s3d", interprocess_state.boot_id(), float("nan"), 0, 0),
        struct.pack("=16s3d", interprocess_state.boot_id(), 0, 0, 9e9),
    ],
)
def test_what_no_process_of_this_life_of_the_machine_can_have_written_counts_for_nothing(
    tmp_path: Path, left: bytes
) -> None:
    path = tmp_path / "key"
    path.write_bytes(left)
    assert Pace(10, path).take(0, NOW) == (True, 0.0)


def another_boot(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on this is another machine, or this one after a reboot."""
    here = uuid.uuid4().bytes
    monkeypatch.setattr(interprocess_state, "boot_id", lambda: here)


@pytest.mark.parametrize("uptime", [0.5, 30.0, 3600.0])
def test_a_reboot_lets_a_young_clock_send_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uptime: float
) -> None:
    assert Pace(5, tmp_path / "key").take(10, now=5400) == (True, 0.0)
    another_boot(monkeypatch)
    assert Pace(5, tmp_path / "key").take(0, now=uptime) == (True, 0.0)


def test_a_rest_ends_with_the_boot_in_which_it_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # When it would have ended nobody can say any more; the service asks again.
    Pace(5, tmp_path / "key").rest(3600, now=3000)
    another_boot(monkeypatch)
    after = Pace(5, tmp_path / "key")
    assert after.take(0, now=30) == (True, 0.0) and after.resting(30) == 0.0


def test_a_file_that_came_with_its_volume_from_another_machine_counts_for_nothing_and_is_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Pace(1, tmp_path / "key").rest(1800, now=900_000)
    another_boot(monkeypatch)
    assert Pace(1, tmp_path / "key").take(0, now=899_000) == (True, 0.0)
    assert Pace(1, tmp_path / "key").take(0, now=899_000) == (False, 1.0)


def test_where_the_system_names_no_boot_each_process_keeps_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interprocess_state, "boot_id", lambda: b"")
    one, other = Pace(1, tmp_path / "key"), Pace(1, tmp_path / "key")
    assert [one.take(0, NOW)[0], one.take(0, NOW)[0], other.take(0, NOW)[0]] == [True, False, True]
    assert not (tmp_path / "key").exists()


def test_where_nothing_can_be_written_each_process_keeps_its_own(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    pace = Pace(1, tmp_path / "file" / "key")
    assert [pace.take(0, NOW)[0] for _ in range(2)] == [True, False]

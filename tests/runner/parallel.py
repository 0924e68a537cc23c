"""pytest plugin: run the tests in `--processes N` processes that are forked after one collection.

pytest-xdist starts each of its workers as a program of its own, which imports and collects the whole suite again: seven
seconds of processor for each of them, in each lane. A forked process has all that, and shares its memory. Each is
given one file after the other, so a module's fixtures are made once; files that use one of the `shared_fixtures` go to
one process together. `pytest_forked` in a conftest gives each a data folder and a database of its own.

A process that dies fails the test that it ran; another is forked for what it had left.
"""

from __future__ import annotations

import atexit
import os
import traceback
import warnings
from collections import deque
from collections.abc import Iterator
from itertools import groupby
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any

import pytest


class Hooks:
    """What a conftest can add."""

    @staticmethod
    def pytest_forked(name: str) -> None:
        """Set this process apart from those that were forked beside it: its folders, its databases."""


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(Hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--processes", type=int, default=0, help="run the tests in so many forked processes")
    parser.addini(
        "shared_fixtures",
        "fixtures of the session that one process makes for all files that use them",
        "args",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    option = session.config.option
    if option.processes < 1 or option.collectonly or session.testsfailed:
        return None  # pytest's own loop
    Leader(session, option.processes).run()
    return True


class Leader:
    """Assigns the test files and reports the workers' results; it runs no test, so that it can be forked."""

    def __init__(self, session: pytest.Session, number: int) -> None:
        self._session, self._number = session, number
        self._config: pytest.Config = session.config
        self._files = deque(list(self._together()))
        self._workers: dict[Connection, _Worker] = {}
        self._forked = 0

    def run(self) -> None:
        """Run all, or until there have been as many failures as were allowed."""
        # Here, so that it is one folder for all and is removed when the leader ends.
        self._config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
        try:
            for _ in range(min(self._number, len(self._files))):
                self._fork()
            while self._workers:
                for link in wait(list(self._workers)):
                    self._receive(link)  # type: ignore[arg-type]
        finally:
            for worker in self._workers.values():
                worker.link.close()  # which ends it after its test
        if self._session.shouldfail:
            raise self._session.Failed(self._session.shouldfail)
        if self._session.shouldstop:
            raise self._session.Interrupted(self._session.shouldstop)

    def _together(self) -> Iterator[list[int]]:
        """Which tests, by number, go to one process: those of a file, or of all files that share a fixture.

        pytest-django has put those last that commit, as they leave no group or permission behind: so of a file that has
        both kinds there are two parts.
        """
        items, shared = self._session.items, self._config.getini("shared_fixtures")
        parts = [list(one) for _path, one in groupby(range(len(items)), lambda n: items[n].path)]
        sharing: dict[str, list[int]] = {}
        for part in parts:
            used = {name for number in part for name in getattr(items[number], "fixturenames", ())}
            name = next((name for name in shared if name in used), None)
            if name is None:
                yield part
                continue
            if name not in sharing:
                yield sharing.setdefault(name, [])
            sharing[name] += part

    def _fork(self) -> None:
        link, child = Pipe()
        name = f"w{self._forked}"
        self._forked += 1
        if (pid := os.fork()) == 0:
            link.close()
            for other in self._workers:
                other.close()
            _become_worker(self._session, child, name)
        child.close()
        self._workers[link] = _Worker(pid, link)

    def _receive(self, link: Connection) -> None:
        worker = self._workers[link]
        try:
            kind, told = link.recv()
        except (EOFError, OSError):
            self._reap(worker)
            return
        hook = self._config.hook
        match kind:
            case "more":
                ends = self._session.shouldfail or self._session.shouldstop or not self._files
                worker.given += (given := [] if ends else self._files.popleft())
                worker.link.send(given)
            case "start":
                worker.running = told
                hook.pytest_runtest_logstart(**self._place(told))
            case "report":
                report = hook.pytest_report_from_serializable(config=self._config, data=told)
                hook.pytest_runtest_logreport(report=report)
            case "finish":
                worker.given.remove(told)
                worker.running = None
                hook.pytest_runtest_logfinish(**self._place(told))
            case "warning":
                hook.pytest_warning_recorded.call_historic(kwargs=told)
            case "broken":
                worker.why = told
            case "ended":
                worker.ended = True

    def _place(self, index: int) -> dict[str, Any]:
        item = self._session.items[index]
        return {"nodeid": item.nodeid, "location": item.location}

    def _reap(self, worker: _Worker) -> None:
        """One that has ended: as it should, or over a test."""
        del self._workers[worker.link]
        worker.link.close()
        _pid, status = os.waitpid(worker.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        if worker.ended:
            return
        why = worker.why or f"The process that ran it ended with {code}."
        if worker.running is None:
            # No test is to blame: at its start, its end, or in between.
            raise RuntimeError(f"A process of the tests ended with {code} while it ran none. {worker.why}")
        report = pytest.TestReport(
            **self._place(worker.running), keywords={}, outcome="failed", longrepr=why, when="call"
        )
        self._config.hook.pytest_runtest_logreport(report=report)
        worker.given.remove(worker.running)
        if worker.given:
            self._files.appendleft(worker.given)
        if self._files:
            self._fork()


class _Worker:
    """What the leader knows of a process."""

    def __init__(self, pid: int, link: Connection) -> None:
        self.pid, self.link = pid, link
        self.given: list[int] = []
        """The tests, by number, that it has been given and has not finished."""
        self.running: int | None = None
        self.why = ""
        """Where it broke, by its own word."""
        self.ended = False
        """Whether it came to its end; an exit code of 0 does not say so."""


def _become_worker(session: pytest.Session, link: Connection, name: str) -> None:
    """Run in the forked process, and end it."""
    code = 1
    # What the leader wants done at its end is not done at the end of each.
    atexit._clear()
    try:
        _set_apart(session.config, name)
        _Loop(session, link).run()
        link.send(("ended", None))
        code = 0
    except BaseException:
        link.send(("broken", traceback.format_exc()))
    finally:
        atexit._run_exitfuncs()
        os._exit(code)


def _set_apart(config: Any, name: str) -> None:
    """Nothing that the process writes is where another, or the leader, writes."""
    config.hook.pytest_forked(name=name)
    # As pytest-xdist has it: pytest-django names the database by it, and pytest's own plugins leave the cache alone.
    config.workerinput = {"workerid": name}
    base = config._tmp_path_factory.getbasetemp() / name
    base.mkdir(mode=0o700)
    config._tmp_path_factory._basetemp = base
    plugins = config.pluginmanager
    plugins.unregister(name="terminalreporter")
    # What is captured goes into a file, of which forked processes would share the position.
    captured = plugins.getplugin("capturemanager")
    captured.stop_global_capturing()
    captured.start_global_capturing()
    captured.suspend_global_capture()


class _Loop:
    """The tests of one worker, and the plugin that reports them to the leader."""

    def __init__(self, session: pytest.Session, link: Connection) -> None:
        self._session, self._link = session, link
        self._config = session.config
        self._config.pluginmanager.register(self)

    def run(self) -> None:
        """Until the leader has no more. pytest wants to know the next test to see which fixtures that one needs."""
        given = self._given()
        index = next(given, None)
        while index is not None and not (self._session.shouldfail or self._session.shouldstop):
            self._link.send(("start", index))
            following = next(given, None)
            items = self._session.items
            self._config.hook.pytest_runtest_protocol(
                item=items[index], nextitem=None if following is None else items[following]
            )
            self._link.send(("finish", index))
            index = following
        self._config.hook.pytest_sessionfinish(session=self._session, exitstatus=0)

    def _given(self) -> Iterator[int]:
        while True:
            self._link.send(("more", None))
            file = self._link.recv()
            if not file:
                return
            yield from file

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        self._link.send(("report", data))

    def pytest_warning_recorded(
        self, warning_message: warnings.WarningMessage, when: str, nodeid: str, location: Any
    ) -> None:
        # Its text: a warning may hold what cannot be sent.
        text = f"{warning_message.category.__name__}: {warning_message.message}"
        told = warnings.WarningMessage(
            UserWarning(text), UserWarning, warning_message.filename, warning_message.lineno
        )
        self._link.send(
            ("warning", {"warning_message": told, "when": when, "nodeid": nodeid, "location": location})
        )

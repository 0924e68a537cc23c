"""The poll of an idle server: one statement a second asks for everything that may be due, and finds it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import OperationalError, connection, connections
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from accounts.models import Account, Notice, Plan, Purchase, Sanction, Throttle, User
from core.jobs import runner, scheduler, wakeups
from core.jobs.runner import DuePoller, PeriodicJob, Runner
from gallery.models import AccountDeed, Case, Closure, Evidence, Export, Item, Like
from predictions import lifecycle, tasks
from predictions.execution import watcher
from predictions.models import (
    Beat,
    Delivery,
    Prediction,
    RuleHit,
    StoredFile,
    UpstreamDay,
    UpstreamRun,
    Version,
)
from predictions.processes import due_times, sweep
from predictions.processes.due_times import NextDue
from predictions.processes.heartbeat import Heartbeats
from predictions.webhooks import delivery_loop
from tests import factories
from tests.predictions.upstreams import upstream_rows
from tests.predictions.upstreams.upstream_fixtures import FakeUpstreams, accept, fake_upstreams, fresh
from tests.predictions.webhooks.delivery_fixtures import hooked, owed
from tests.servers.installations import eventually

__all__ = ["fake_upstreams"]

LONG_AGO = timezone.now() - timedelta(days=400)
SETTLED_S = 3.0
IDLE_S = 6.0


def everything() -> list[PeriodicJob]:
    """Every job, as the sweep runs them."""
    return [
        *sweep.recovery_steps(),
        *sweep.reminder_steps(),
        *sweep.background_steps(),
        *sweep.removal_steps(),
        *scheduler.jobs(),
    ]


@pytest.fixture
def poller(settings: LazySettings) -> DuePoller:
    settings.C2PA = {"certificate": "here.pem", "key": "", "timestamps": ""}
    return DuePoller(everything())


@contextlib.contextmanager
def counted() -> Iterator[Counter[str]]:
    """Every statement that any thread sends meanwhile, by its beginning."""
    sent: Counter[str] = Counter()
    own = CursorWrapper.execute

    def execute(self: CursorWrapper, sql: Any, params: Any = None) -> Any:
        sent[str(sql)[:60]] += 1
        return own(self, sql, params)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CursorWrapper, "execute", execute)
        yield sent


@contextlib.contextmanager
def running(run: Callable[[threading.Event], None]) -> Iterator[None]:
    stop = threading.Event()

    def loop() -> None:
        run(stop)
        connections.close_all()

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


# -- Whatever is due is found ------------------------------------------------------------------------------------------


class Rows:
    """Makes what each step has to find, by its name."""

    def __init__(self, member: User, version: Version) -> None:
        self.member, self.version = member, version

    def prediction(self, **fields: Any) -> Prediction:
        return factories.make_prediction(self.member, self.version, **fields)

    def run(self, prediction: Prediction, outcome: str) -> None:
        upstream = upstream_rows.make_upstream("one")
        key = upstream.keys.get()
        Prediction.objects.filter(pk=prediction.pk).update(provider=key.provider_name)
        UpstreamRun.objects.create(
            prediction=prediction,
            upstream=upstream,
            key=key,
            run=prediction.run,
            outcome=outcome,
            sent_at=LONG_AGO,
        )

    def sanction(self, **fields: Any) -> None:
        Sanction.objects.create(user=self.member, reason="spam", **{"kind": "ban", **fields})

    def evidence(self, **fields: Any) -> None:
        Evidence.objects.create(user=self.member, item_id_then="x", **{"sealed_until": LONG_AGO, **fields})

    def capped(self) -> None:
        upstream = upstream_rows.make_upstream("one", day_cap=1)
        day = timezone.now().date()
        for offset in (-1, 0, 1):
            UpstreamDay.objects.create(upstream=upstream, day=day + timedelta(days=offset), spent=1)
        self.prediction()

    def finding(self) -> None:
        item = factories.make_item(self.member)
        RuleHit.objects.create(
            what="output", source="rules", action="review", account_id=item.account_id, user=self.member,
            prediction=item.output.prediction.public_id, output_index=0, case_owed=True,
        )  # fmt: skip

    def delivery(self) -> None:
        made = owed(self.member, self.version, "https://receiver.example/")
        Delivery.objects.filter(pk=made.pk).update(due_at=LONG_AGO)

    def deed(self) -> None:
        case = Case.objects.create(
            kind=Case.Kind.REPORT, user=self.member, account_id=self.member.account_id, count=0
        )
        AccountDeed.objects.create(user=self.member, case=case, made_by=self.member)

    def purchase(self) -> None:
        Purchase.objects.create(
            account_id=self.member.account_id, user=self.member, reference="one", credits=1, price=1, currency="eur",
            provider="stripe", look_at=LONG_AGO,
        )  # fmt: skip

    def plan(self) -> None:
        plan = Plan.objects.create(name="plan", allowance=5, allowance_every=Plan.Every.DAY)
        Account.objects.filter(pk=self.member.account_id).update(plan=plan, allowance_until=None)

    def item(self, **fields: Any) -> Item:
        item = factories.make_item(self.member)
        Item.objects.update(search_owed=False)
        Item.objects.filter(pk=item.pk).update(**fields)
        return item


OWED: dict[str, Callable[[Rows], object]] = {
    "wake": lambda made: made.prediction(),
    "leases": lambda made: made.prediction(phase="claimed", lease_until=LONG_AGO),
    "overdue starts": lambda made: made.run(made.prediction(), "lost"),
    "limits": lambda made: made.prediction(deadline=LONG_AGO),
    "caps": lambda made: made.capped(),
    "forgotten starts": lambda made: made.run(made.prediction(), "sent"),
    "overdue looks": lambda made: made.prediction(phase="running", look_at=LONG_AGO),
    "overdue deliveries": lambda made: made.delivery(),
    "probes": lambda made: upstream_rows.make_upstream("one").keys.update(state="open", open_until=LONG_AGO),
    "hook secrets": lambda made: upstream_rows.make_upstream("one", webhooks=True),
    "unowned files": lambda made: StoredFile.objects.create(key="one", state="doomed"),
    "banned": lambda made: made.sanction(work_owed=True),
    "sanctions": lambda made: made.sanction(until=LONG_AGO),
    "banned pictures": lambda made: made.sanction(hiding_owed=True),
    "evidence": lambda made: made.evidence(sealing_owed=True),
    "old evidence": lambda made: made.evidence(),
    "tries": lambda made: Throttle.objects.create(what="like", who="x", ends_at=LONG_AGO),
    "trash": lambda made: made.item(trashed_at=LONG_AGO),
    "search": lambda made: made.item(search_owed=True),
    "week": lambda made: Like.objects.create(item=made.item(), user=made.member, created_at=LONG_AGO),
    "payments back": lambda made: made.purchase(),
    "exports": lambda made: Export.objects.create(account_id=made.member.account_id, user=made.member),
    "closures": lambda made: Closure.objects.create(
        account_id=made.member.account_id, user=made.member, due_at=LONG_AGO
    ),
    "mail": lambda made: Notice.objects.create(user=made.member, kind="credits.low", mail_owed=True),
    "allowances": lambda made: made.plan(),
    "low balances": lambda made: factories.give(made.member, 1),
    "cases of findings": lambda made: made.finding(),
    "pictures of a member": lambda made: made.deed(),
    "credentials": lambda made: made.item(rendition_owed=True),
}


@pytest.mark.parametrize("name", [step.name for step in everything() if step.due is not None])
def test_each_job_with_a_query_is_found_where_it_has_work(
    name: str, poller: DuePoller, charlie: User, version: Version
) -> None:
    assert name not in poller.poll()
    OWED[name](Rows(charlie, version))
    assert name in poller.poll()


def test_what_is_past_its_time_of_an_export_is_found_too(poller: DuePoller, alice: User) -> None:
    Export.objects.create(account_id=alice.account_id, user=alice, state="ready", expires_at=LONG_AGO)
    assert "exports" in poller.poll()


def test_a_job_that_runs_often_needs_a_query() -> None:
    with pytest.raises(ValueError, match="needs a query"):
        scheduler.register("often", lambda: False, every_s=5.0)


@pytest.mark.django_db(transaction=True)
def test_a_query_that_fails_stops_no_other(
    alice: User, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = PeriodicJob("waits", lambda: None, lambda: Prediction.objects.filter(phase="waiting"))
    never = PeriodicJob("never", lambda: None, lambda: Prediction.objects.filter(phase="ended"))
    broken = PeriodicJob(
        "broken", lambda: None, lambda: Prediction.objects.extra(where=["no_such_column = 1"])
    )
    poller, logged = DuePoller([waits, never, broken]), []
    monkeypatch.setattr(runner.log, "error", lambda event, **more: logged.append(more.get("step")))
    factories.make_prediction(alice, version)
    for _ in range(2):
        # Its step is done, and says for itself what is wrong.
        assert poller.poll() == {"waits", "broken"}
    assert logged == ["broken"]


@pytest.mark.django_db
def test_a_job_runs_at_its_interval_while_no_result_comes() -> None:
    done: list[str] = []
    slow = PeriodicJob("slow", lambda: done.append("slow"), lambda: Prediction.objects.none(), every_s=60.0)
    quick = PeriodicJob("quick", lambda: done.append("quick"), lambda: Prediction.objects.none())
    runner = Runner([slow, quick], pause_s=0.0)
    runner.round(frozenset())
    assert done == []
    for _ in range(2):
        runner.round(None)
    assert done == ["slow", "quick", "quick"]


@pytest.mark.django_db
def test_a_job_runs_at_its_maximum_interval_without_work() -> None:
    done: list[str] = []
    step = PeriodicJob(
        "one", lambda: done.append("one"), lambda: Prediction.objects.none(), max_interval_s=0.0
    )
    Runner([step], pause_s=0.0).round(frozenset())
    assert done == ["one"]


def settles(sent: Counter[str], most: Callable[[float], float]) -> bool:
    """Whether, once its start is over, it sends no more than `most` says of so many seconds.

    The start is over when it is: what is done once then takes long on a machine that has much else to do.
    """
    end = time.monotonic() + 120
    while time.monotonic() < end:
        before, began = sent.total(), time.monotonic()
        time.sleep(IDLE_S)
        if sent.total() - before <= most(time.monotonic() - began):
            return True
    return False


# -- Queries of an idle server ----------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_an_idle_sweep_sends_little_more_than_a_statement_a_second() -> None:
    with counted() as sent, running(sweep.run):
        eventually(lambda: Beat.objects.filter(kind="sweep").exists(), 30)
        # One a second, and its sign of life every ten; one more of each may fall into the time.
        assert settles(sent, lambda seconds: seconds + seconds / 10 + 2)


@pytest.mark.django_db(transaction=True)
def test_due_work_is_done_within_the_interval_without_a_wake_up(
    alice: User, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "WAKEUP_KINDS", ())
    with running(sweep.run):
        eventually(lambda: Beat.objects.filter(kind="sweep").exists(), 30)
        time.sleep(SETTLED_S)
        late = factories.make_prediction(alice, version, deadline=LONG_AGO)
        item = factories.make_item(alice, search_owed=True)
        eventually(lambda: Prediction.objects.get(pk=late.pk).is_ended, 30)
        eventually(lambda: not Item.objects.get(pk=item.pk).search_owed, 30)


@pytest.mark.django_db(transaction=True)
def test_while_the_statement_hangs_every_job_still_runs(
    alice: User, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs = threading.Event()
    monkeypatch.setattr(runner, "ANSWER_TIMEOUT_S", 0.2)
    monkeypatch.setattr(DuePoller, "poll", lambda self: hangs.wait(60) and frozenset())
    with running(sweep.run):
        late = factories.make_prediction(alice, version, deadline=LONG_AGO)
        eventually(lambda: Prediction.objects.get(pk=late.pk).is_ended, 30)
        hangs.set()


@pytest.mark.django_db(transaction=True)
def test_while_the_database_is_away_nothing_is_taken_for_due(monkeypatch: pytest.MonkeyPatch) -> None:
    poller = DuePoller([PeriodicJob("one", lambda: None, lambda: Prediction.objects.all())])
    monkeypatch.setattr(connection, "vendor", "postgresql")

    def away() -> frozenset[str]:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(poller._combined_query, "found", away)
    assert poller.poll() == frozenset()


# -- Watcher and poster ------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def both() -> Iterator[None]:
    """Watcher and poster, as they share a process."""
    known, signs = NextDue(), Heartbeats("watcher", "poster")
    # As the listener of the sweep says on PostgreSQL.
    wakeups.mark(wakeups.LISTENING, is_set=True)
    with (
        running(lambda stop: watcher.run(stop, known, signs)),
        running(lambda stop: delivery_loop.run(stop, known, signs)),
    ):
        eventually(lambda: Beat.objects.filter(kind__in=["watcher", "poster"]).count() == 2, 30)
        yield


@pytest.mark.django_db(transaction=True)
def test_watcher_and_poster_send_a_statement_in_five_seconds_together() -> None:
    with counted() as sent, both():
        # A sign of life every ten; one more of each may fall into the time, and each polls again after a change.
        assert settles(sent, lambda seconds: seconds / 5 + seconds / 10 + 2)


@pytest.mark.django_db(transaction=True)
def test_work_without_a_wake_up_is_polled_and_delivered_once_the_sweep_finds_it_overdue(
    alice: User, version: Version, fake_upstreams: FakeUpstreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted = _posted(fake_upstreams, monkeypatch)
    monkeypatch.setattr(due_times, "LONGEST_S", 3600.0)
    with both(), running(sweep.run):
        monkeypatch.setattr(wakeups, "send_on_commit", lambda kind, *whats: None)
        prediction = accept(alice, version)
        tasks.start()
        told = hooked(alice, version, "https://receiver.example/", "completed")
        lifecycle.cancel(told.public_id)
        # It may be fetched, and so be over, before it is asked for.
        eventually(lambda: fresh(prediction).phase != "running", 30)
        eventually(lambda: len(posted) == 1, 30)


@pytest.mark.django_db(transaction=True)
def test_both_heartbeats_are_written_together() -> None:
    signs = Heartbeats()
    assert signs.note("watcher")
    signs.write()
    assert signs.note("poster"), "the first sign of each is given at once"
    with counted() as sent:
        signs.write()
    assert sent.total() == 1 and set(Beat.objects.values_list("kind", flat=True)) == {"watcher", "poster"}
    assert not signs.note("watcher")


def test_a_loop_that_hangs_gives_no_sign_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[set[str]] = []
    monkeypatch.setattr(
        "predictions.processes.heartbeat.beat_all", lambda details: written.append(set(details))
    )
    monkeypatch.setattr("predictions.processes.heartbeat.EVERY_S", 0.2)
    signs = Heartbeats()
    signs.note("watcher")
    signs.note("poster")
    signs.write()
    time.sleep(0.3)
    signs.note("poster")
    signs.write()
    assert written == [{"watcher", "poster"}, {"poster"}]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_heard", [True, False])
def test_what_begins_is_looked_at_and_what_is_owed_is_posted_with_hints_and_without(
    alice: User,
    version: Version,
    fake_upstreams: FakeUpstreams,
    monkeypatch: pytest.MonkeyPatch,
    is_heard: bool,
) -> None:
    posted = _posted(fake_upstreams, monkeypatch)
    monkeypatch.setattr(due_times, "LONGEST_S", 1.0)
    with both():
        if not is_heard:
            for path in wakeups._folder().iterdir():
                path.unlink()
        prediction = accept(alice, version)
        tasks.start()
        told = hooked(alice, version, "https://receiver.example/", "completed")
        lifecycle.cancel(told.public_id)
        # It may be fetched, and so be over, before it is asked for.
        eventually(lambda: fresh(prediction).phase != "running", 30)
        eventually(lambda: len(posted) == 1, 30)


def _posted(fake_upstreams: FakeUpstreams, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The messages that the poster posts from now on. Predictions go to an upstream that is there."""
    posted: list[str] = []

    async def post(one: Any) -> Any:
        posted.append(one.delivery.message_id)
        return delivery_loop._Outcome(200)

    fake_upstreams.add("only")
    monkeypatch.setattr(delivery_loop, "_post", post)
    return posted

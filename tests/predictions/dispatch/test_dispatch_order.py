"""Who is next."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from predictions import lifecycle
from predictions.dispatch import fair_share, queue_position
from predictions.models import HostedModel, Prediction, Version
from tests import factories, fakes
from tests.fakes import FakeProvider
from tests.support import races

pytestmark = pytest.mark.django_db(transaction=True)


def waiting(user: User, version: Version, count: int) -> list[Prediction]:
    return [factories.make_prediction(user, version, ceiling=0) for _ in range(count)]


def test_a_newcomer_is_served_among_the_next_few(
    alice: User, bob: User, version: Version, provider: FakeProvider
) -> None:
    waiting(alice, version, 60)
    newcomer = waiting(bob, version, 1)[0]
    chosen = [one.prediction.pk for one in lifecycle.claim_starts(2)]
    assert newcomer.pk in chosen


def test_within_an_account_the_oldest_goes_first(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    rows = waiting(alice, version, 6)
    chosen = sorted(one.prediction.pk for one in lifecycle.claim_starts(3))
    assert chosen == [row.pk for row in rows[:3]]


def test_the_users_of_an_account_take_turns(alice: User, version: Version, provider: FakeProvider) -> None:
    alices = waiting(alice, version, 4)
    theirs = waiting(alice, version, 2)
    Prediction.objects.filter(pk__in=[row.pk for row in theirs]).update(user=factories.make_user())
    chosen = [one.prediction_id for one in fair_share.choose(4)]
    assert chosen == [alices[0].pk, theirs[0].pk, alices[1].pk, theirs[1].pk]


def test_an_account_with_several_models_goes_before_nobody_for_that(
    alice: User, bob: User, version: Version, provider: FakeProvider
) -> None:
    first = waiting(alice, version, 1)[0]
    waiting(alice, factories.make_version(), 1)
    others = waiting(bob, version, 1)[0]
    assert [one.prediction_id for one in fair_share.choose(2)] == [first.pk, others.pk]


def test_what_waits_to_be_asked_again_later_is_not_chosen_before(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    factories.make_prediction(alice, version, not_before=timezone.now() + timedelta(minutes=1))
    due = factories.make_prediction(alice, version, not_before=timezone.now() - timedelta(minutes=1))
    assert [one.prediction_id for one in fair_share.choose(4)] == [due.pk]


def test_nothing_of_a_model_that_was_disabled_is_started(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    waiting(alice, version, 1)
    HostedModel.objects.filter(pk=version.model_id).update(enabled=False)
    assert fair_share.choose(4) == []
    HostedModel.objects.filter(pk=version.model_id).update(enabled=True)
    assert len(fair_share.choose(4)) == 1


def test_what_waits_for_one_provider_is_chosen_once_and_for_that_one(
    alice: User, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes.use(monkeypatch, FakeProvider("first"), FakeProvider("second"))
    rows = waiting(alice, version, 2)
    pinned = factories.make_prediction(alice, version, ceiling=0, provider="second")
    chosen = {one.prediction_id: one.provider for one in fair_share.choose(8)}
    assert len(fair_share.choose(8)) == len(chosen) == 3
    assert chosen[pinned.pk] == "second" and chosen.keys() == {*(row.pk for row in rows), pinned.pk}


def test_an_account_has_no_more_in_flight_than_its_limit(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    waiting(alice, version, 6)
    alice.account.__class__.objects.filter(pk=alice.account_id).update(in_flight_limit=2)
    assert len(lifecycle.claim_starts(16)) == 2
    assert lifecycle.claim_starts(16) == []


def test_a_model_that_no_free_provider_serves_blocks_nobody(
    alice: User, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = factories.make_version()
    fakes.use(monkeypatch, FakeProvider(models={version.model.ref}))
    waiting(alice, other, 3)
    served = waiting(alice, version, 1)[0]
    assert [one.prediction.pk for one in lifecycle.claim_starts(16)] == [served.pk]


def suspects(user: User, version: Version, count: int, **fields: Any) -> list[Prediction]:
    """What was started twice without an answer, and waits."""
    return [factories.make_prediction(user, version, start_attempts=2, **fields) for _ in range(count)]


def test_suspects_of_a_model_that_nobody_serves_hide_no_other(
    alice: User, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes.use(monkeypatch, FakeProvider(models={version.model.ref}))
    suspects(alice, factories.make_version(), 20)
    served = suspects(alice, version, 2)
    assert [one.prediction.pk for one in lifecycle.claim_starts(16)] == [served[0].pk]


def test_of_suspects_nothing_large_is_read_under_the_lock(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    suspects(alice, version, 1)
    with CaptureQueriesContext(connection) as asked:
        assert len(fair_share.choose(16)) == 1
    for column in ("input", "result", "logs"):
        assert not [one["sql"] for one in asked if f'"predictions_prediction"."{column}"' in one["sql"]]


def test_suspects_that_wait_for_a_provider_that_is_gone_hide_no_other(
    alice: User, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes.use(monkeypatch, FakeProvider("local"))
    suspects(alice, version, 20, provider="taken away")
    served = suspects(alice, version, 1)[0]
    assert [one.prediction.pk for one in lifecycle.claim_starts(16)] == [served.pk]


def test_of_suspects_of_several_models_the_oldest_goes_first_and_alone(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    first, second = suspects(alice, version, 1)[0], suspects(alice, factories.make_version(), 1)[0]
    waiting(alice, version, 1)
    assert [one.prediction.pk for one in lifecycle.claim_starts(16)] == [first.pk]
    assert lifecycle.claim_starts(16) == []
    lifecycle.fail(first.pk, "It broke.", closed=True)
    assert [one.prediction.pk for one in lifecycle.claim_starts(16)] == [second.pk]


def test_a_suspect_waits_until_its_provider_has_nothing_else_in_hand(
    alice: User, bob: User, version: Version, provider: FakeProvider
) -> None:
    innocent = waiting(bob, version, 1)[0]
    lifecycle.claim_starts(1)
    suspect = suspects(alice, version, 1)[0]
    waiting(bob, version, 1)
    assert fair_share.choose(16) == []
    lifecycle.fail(innocent.pk, "It broke.", closed=True)
    assert [one.prediction_id for one in fair_share.choose(16)] == [suspect.pk]


def test_a_suspect_counts_towards_the_limit_of_its_account(
    alice: User, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = factories.make_version()
    fakes.use(
        monkeypatch,
        FakeProvider("one", models={version.model.ref}),
        FakeProvider("other", models={other.model.ref}),
    )
    suspect = suspects(alice, version, 1)[0]
    waiting(alice, other, 1)
    with override_settings(IN_FLIGHT_PER_ACCOUNT=1):
        assert [one.prediction_id for one in fair_share.choose(8)] == [suspect.pk]


def test_eight_workers_fill_all_slots_and_exceed_none(
    version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes.use(monkeypatch, FakeProvider(limit=20))
    users = [factories.make_user(credit=1) for _ in range(28)]
    for user in users:
        waiting(user, version, 2)
    with override_settings(IN_FLIGHT_PER_ACCOUNT=1):
        claimed = races.together([lambda: [one.prediction for one in lifecycle.claim_starts(16)]] * 8)
    rows = [row for batch in claimed for row in batch]
    assert len(rows) == len({row.pk for row in rows}) == 20
    assert len({row.account_id for row in rows}) == 20


def test_the_place_counts_every_account_in_turn(
    alice: User, bob: User, version: Version, provider: FakeProvider
) -> None:
    rows = waiting(alice, version, 5)
    other = waiting(bob, version, 1)[0]
    assert queue_position.queue_position(rows[0]).number in {1, 2}
    assert queue_position.queue_position(other).number <= 2
    assert queue_position.queue_position(rows[4]).number == 6


def test_what_was_begun_since_it_was_read_has_no_place(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    first, second = waiting(alice, version, 2)
    Prediction.objects.filter(pk__in=[first.pk, second.pk]).update(phase="claimed")
    assert queue_position.queue_position(first) is None and queue_position.queue_position(second) is None
    Prediction.objects.filter(pk=first.pk).update(phase="waiting")
    place = queue_position.queue_position(first)
    assert place is not None and place.number == 1 and queue_position.queue_position(second) is None


def test_the_estimate_comes_from_recent_runs(alice: User, version: Version, provider: FakeProvider) -> None:
    from datetime import timedelta

    from django.utils import timezone

    now = timezone.now()
    for _ in range(3):
        factories.make_prediction(
            alice, version, status="succeeded", started_at=now - timedelta(seconds=8), completed_at=now
        )
    place = queue_position.queue_position(waiting(alice, version, 1)[0])
    assert place.seconds == pytest.approx(10, abs=0.5)


@pytest.mark.skipif(settings.ON_POSTGRES, reason="the words of SQLite's planner")
@pytest.mark.parametrize("question", ["_LANES", "_IN_FLIGHT"])
def test_nothing_but_an_index_is_read_however_many_wait(question: str, alice: User, version: Version) -> None:
    waiting(alice, version, 50)
    prepared = getattr(fair_share, question)
    prepared.all()
    sql, params, _ = prepared._compiled
    with connection.cursor() as cursor:
        # Statistics are what leads the planner astray: nearly everything is in one phase.
        cursor.execute("ANALYZE")
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
        steps = [row[3] for row in cursor.fetchall()]
    reads = [step for step in steps if step.startswith(("SCAN predictions_", "SEARCH predictions_"))]
    assert reads and all("COVERING INDEX" in step for step in reads), steps
    assert question == "_LANES" or all(step.startswith("SEARCH") for step in reads), steps

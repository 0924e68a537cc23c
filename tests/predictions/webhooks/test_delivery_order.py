"""Order of deliveries: a slow receiver, a long queue, a broken message or a killed process delays nobody else."""

from __future__ import annotations

import threading

import pytest
from django.db import OperationalError

from accounts.models import User
from predictions.models import Beat, Delivery, Prediction, Version
from predictions.webhooks import bodies, delivery_claims, delivery_loop
from tests.predictions.webhooks.delivery_fixtures import loopback, owed, pass_time, receiver, tries
from tests.servers.installations import eventually
from tests.servers.webhook_receiver import WebhookReceiver
from tests.support import races

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["loopback", "receiver"]


def test_a_worker_killed_in_the_middle_of_a_post_leaves_it_to_another_and_the_log_says_so(
    alice: User, version: Version, receiver: WebhookReceiver
) -> None:
    delivery = owed(alice, version, receiver.url)
    [killed] = delivery_claims.claim_due()
    assert delivery_claims.claim_due() == []
    pass_time(delivery_claims.LEASE_S + 1)
    delivery_loop.run_until_idle()
    delivery_claims.record_failure(killed, code=None, note="late", retry=True)
    delivery_claims.record_success(killed, 200)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == ("delivered", 2)
    assert tries(delivery) == [(None, delivery_claims.OUTCOME_UNKNOWN), (200, "")]
    assert [headers["webhook-id"] for headers, _ in receiver.requests] == [delivery.message_id]


def test_one_that_costs_its_worker_at_every_try_is_given_up(alice: User, version: Version) -> None:
    delivery = owed(alice, version, "http://127.0.0.1:9/", "logs")
    for _ in delivery_claims.RETRY_DELAYS_S:
        assert len(delivery_claims.claim_due()) == 1
        pass_time(delivery_claims.LEASE_S + 1)
    assert delivery_claims.claim_due() == []
    delivery.refresh_from_db()
    assert (delivery.state, delivery.answer_note) == ("given_up", delivery_claims.OUTCOME_UNKNOWN)
    assert delivery.tries.count() == len(delivery_claims.RETRY_DELAYS_S)


def test_one_that_cannot_be_rendered_stops_no_other(
    alice: User, bob: User, version: Version, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, whole = owed(alice, version, receiver.url), owed(bob, version, receiver.url)
    render = bodies.render

    def breaks(prediction: Prediction) -> str:
        if prediction.pk == broken.prediction_id:
            raise ValueError("a row that nobody can read")
        return render(prediction)

    monkeypatch.setattr(bodies, "render", breaks)
    delivery_loop.run_until_idle()
    whole.refresh_from_db()
    broken.refresh_from_db()
    assert (whole.state, broken.state) == ("delivered", "owed")


def test_a_slow_receiver_of_one_account_holds_up_no_other(
    alice: User, bob: User, version: Version, receiver: WebhookReceiver
) -> None:
    receiver.open.clear()
    for _ in range(delivery_claims.PER_ACCOUNT * 3):
        owed(alice, version, receiver.url)
    with WebhookReceiver() as quick:
        for _ in range(6):
            owed(bob, version, quick.url)
        done = threading.Event()
        poster = threading.Thread(target=lambda: (delivery_loop.run_until_idle(), done.set()))
        poster.start()
        eventually(lambda: len(quick.requests) == 6)
        # All of Bob's arrived while everything of Alice's that was begun still hangs.
        assert not done.is_set() and len(receiver.requests) == delivery_claims.PER_ACCOUNT_AND_HOST
        receiver.open.set()
        poster.join(30)
    assert len(receiver.requests) == delivery_claims.PER_ACCOUNT * 3


def test_a_long_row_for_one_receiver_hides_nobody_behind_it(
    alice: User, bob: User, version: Version, receiver: WebhookReceiver
) -> None:
    for _ in range(30):
        owed(alice, version, "http://127.0.0.1:9/slow")
    for _ in range(3):
        owed(alice, version, "http://127.0.0.1:10/other")
    owed(bob, version, receiver.url)
    claimed = delivery_claims.claim_due(8)
    assert sorted(one.url for one in claimed) == sorted(
        ["http://127.0.0.1:9/slow"] * 4 + ["http://127.0.0.1:10/other"] * 3 + [receiver.url]
    )


def test_the_end_is_not_told_while_something_earlier_of_it_is_being_told(
    alice: User, version: Version, receiver: WebhookReceiver
) -> None:
    start = owed(alice, version, receiver.url, "start")
    Delivery.objects.create(account=start.account, prediction=start.prediction, event="completed")
    [first] = delivery_claims.claim_due()
    assert first.delivery.event == "start" and delivery_claims.claim_due() == []
    delivery_claims.record_failure(first, code=500, note="", retry=True)
    # Between tries no order is promised: the end does not wait for hours.
    assert [one.delivery.event for one in delivery_claims.claim_due()] == ["completed"]


def test_the_loop_goes_on_while_a_receiver_hangs_and_ends_when_told_to(
    alice: User, bob: User, version: Version, receiver: WebhookReceiver
) -> None:
    receiver.open.clear()
    owed(alice, version, receiver.url)
    stop = threading.Event()
    poster = threading.Thread(target=lambda: delivery_loop.run(stop))
    poster.start()
    eventually(lambda: receiver.requests)
    with WebhookReceiver() as quick:
        for number in range(3):
            owed(bob, version, quick.url)
            eventually(lambda number=number: len(quick.requests) > number)
    stop.set()
    receiver.open.set()
    poster.join(30)
    assert not poster.is_alive()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}
    assert Beat.objects.filter(kind="poster").exists()


def test_a_round_that_breaks_is_followed_by_another(
    alice: User, version: Version, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, broken = delivery_claims.claim_due, [OperationalError("away")]

    def claim_due(most: int) -> list[delivery_claims.Claimed]:
        if broken:
            raise broken.pop()
        return whole(most)

    monkeypatch.setattr(delivery_claims, "claim_due", claim_due)
    owed(alice, version, receiver.url)
    stop = threading.Event()
    poster = threading.Thread(target=lambda: delivery_loop.run(stop))
    poster.start()
    eventually(lambda: Delivery.objects.filter(state="delivered").exists())
    stop.set()
    poster.join(30)
    assert not poster.is_alive()


def test_what_is_under_way_elsewhere_counts_too(alice: User, version: Version) -> None:
    for _ in range(12):
        owed(alice, version, "http://127.0.0.1:9/")
    assert len(delivery_claims.claim_due(16)) == delivery_claims.PER_ACCOUNT_AND_HOST
    assert delivery_claims.claim_due(16) == []


def test_two_who_claim_at_once_never_take_the_same(alice: User, version: Version) -> None:
    for number in range(6):
        owed(alice, version, f"http://127.0.0.{number + 1}:9/")
    found = races.together([lambda: [one.delivery.pk for one in delivery_claims.claim_due(3)]] * 4)
    taken = [pk for one in found for pk in one]
    assert len(taken) == len(set(taken)) == 6

"""Automatic client retries without a key: a create whose response was lost is not made twice."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from accounts import credits
from accounts.models import MICRO, Membership, User
from accounts.organizations import management
from accounts.tokens import api_tokens
from config.server.asgi_handler import LeanHandler
from predictions.models import Prediction, UnansweredCreate, Version
from predictions.processes import sweep
from predictions.submit import replays
from predictions.waiting import held_response, waiters
from tests import factories
from tests.config.server.conftest import Served
from tests.fakes import FakeProvider

pytestmark = pytest.mark.django_db(transaction=True)


class Caller:
    """A client on raw connections, which can break them."""

    def __init__(self, served: Served, token: str, version: str) -> None:
        self.served, self.token, self.version = served, token, version

    def send(self, count: int | None, prompt: str = "a cat", prefer: str = "wait=20") -> socket.socket:
        body = json.dumps({"version": self.version, "input": {"prompt": prompt}})
        head = [
            "POST /v1/predictions HTTP/1.1", "Host: testserver", f"Authorization: Bearer {self.token}",
            "Content-Type: application/json", f"Content-Length: {len(body)}", f"Prefer: {prefer}",
        ]  # fmt: skip
        if count is not None:
            head.append(f"X-Stainless-Retry-Count: {count}")
        return self.served.connect("\r\n".join(head) + "\r\n\r\n" + body)

    def ask(self, count: int | None, prompt: str = "a cat") -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}", "Prefer": "respond-async"}
        if count is not None:
            headers["X-Stainless-Retry-Count"] = str(count)
        # The very bytes that the raw connection sends: the same body is known by its hash.
        body = json.dumps({"version": self.version, "input": {"prompt": prompt}})
        return self.served.client.post("/v1/predictions", content=body, headers=headers)

    def break_off(self, count: int | None, prompt: str = "a cat") -> None:
        """Send a create, leave before its answer, and see the server notice."""
        before = set(Prediction.objects.values_list("pk", flat=True))
        lost = UnansweredCreate.objects.filter(lost=True)
        known = lost.count()
        connection = self.send(count, prompt)
        if count == 0:
            _until(lambda: set(Prediction.objects.values_list("pk", flat=True)) != before)
        else:
            _until(lambda: not lost.exists() or count is None)
        connection.close()
        if count is not None:
            _until(lambda: lost.count() >= max(1, known))


def _until(true: Any) -> None:
    for _ in range(500):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("It never happened.")


@pytest.fixture
def served(provider: FakeProvider) -> Iterator[Served]:
    waiters.reset()
    handler = LeanHandler()
    with Served(handler) as server:
        yield server
    handler.threads.close()
    held_response.set_runner(None)
    waiters.reset()


@pytest.fixture
def caller(served: Served, alice: User, version: Version) -> Caller:
    return Caller(served, factories.make_token(alice), version.pk)


def test_a_repeat_of_a_create_whose_answer_was_lost_gives_the_first_prediction(
    caller: Caller, alice: User
) -> None:
    caller.break_off(0)
    answer = caller.ask(1)
    assert (answer.status_code, answer.headers["Idempotent-Replayed"]) == (202, "true")
    assert answer.json()["id"] == Prediction.objects.get().public_id
    assert factories.account_of(alice).held == MICRO


def test_fifty_repeats_that_are_all_lost_make_one_prediction_and_one_charge(
    caller: Caller, alice: User
) -> None:
    caller.break_off(0)
    for count in range(1, 50):
        caller.break_off(count)
    assert caller.ask(50).json()["id"] == Prediction.objects.get().public_id
    assert factories.account_of(alice).held == MICRO


def test_what_was_answered_is_never_given_again(caller: Caller) -> None:
    first = caller.ask(0)
    _until(lambda: not UnansweredCreate.objects.exists())
    second = caller.ask(1)
    assert "Idempotent-Replayed" not in second.headers
    assert first.json()["id"] != second.json()["id"]


def test_a_repeat_that_was_answered_ends_the_matter(caller: Caller) -> None:
    caller.break_off(0)
    caller.ask(1)
    _until(lambda: not UnansweredCreate.objects.exists())
    assert "Idempotent-Replayed" not in caller.ask(2).headers


def test_another_body_another_account_and_a_first_try_make_a_new_one(caller: Caller, bob: User) -> None:
    caller.break_off(0)
    other = Caller(caller.served, factories.make_token(bob), caller.version)
    answers = [caller.ask(1, "a dog"), other.ask(1), caller.ask(0), caller.ask(None)]
    assert [answer.headers.get("Idempotent-Replayed") for answer in answers] == [None] * 4
    assert Prediction.objects.count() == 5


def test_another_member_of_the_same_organisation_makes_a_new_one(
    served: Served, alice: User, bob: User, version: Version
) -> None:
    club = management.create(alice, "Studio Nord")
    credits.grant(club, 10 * MICRO)
    Membership.objects.create(account=club, user=bob, role=Membership.Role.MEMBER)
    alices, bobs = (
        Caller(served, api_tokens.issue(user, "shop", account=club)[1], version.pk) for user in (alice, bob)
    )
    alices.break_off(0)
    assert "Idempotent-Replayed" not in bobs.ask(1).headers
    assert alices.ask(1).headers["Idempotent-Replayed"] == "true"
    assert Prediction.objects.count() == 2


def test_only_the_lost_one_of_two_equal_creates_is_found(caller: Caller) -> None:
    kept = caller.send(0)
    _until(lambda: Prediction.objects.count() == 1)
    caller.break_off(0)
    first, second = Prediction.objects.order_by("pk")
    assert caller.ask(1).json()["id"] == second.public_id
    assert "Idempotent-Replayed" not in caller.ask(1).headers
    assert first.public_id != second.public_id
    kept.close()


def test_a_lost_answer_is_forgotten_after_two_minutes(caller: Caller) -> None:
    caller.break_off(0)
    UnansweredCreate.objects.update(created_at="2020-01-01T00:00:00Z")
    assert "Idempotent-Replayed" not in caller.ask(1).headers
    sweep.prune()
    assert not UnansweredCreate.objects.filter(lost=True).exists()


def test_what_a_dead_process_owed_is_found_too(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = caller.send(0)
    _until(lambda: UnansweredCreate.objects.exists())
    # As after a kill: the row names a process that is no more, and nobody could say that the answer was lost.
    UnansweredCreate.objects.update(instance=replays._process().split(":")[0] + ":dead")
    monkeypatch.setattr(replays, "_predecessor_checked", False)
    assert caller.ask(1).headers["Idempotent-Replayed"] == "true"
    assert Prediction.objects.count() == 1
    connection.close()


def test_clients_that_do_not_count_leave_no_rows(caller: Caller) -> None:
    assert caller.ask(None).status_code == 202
    assert not UnansweredCreate.objects.exists()

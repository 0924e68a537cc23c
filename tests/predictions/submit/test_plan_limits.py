"""Limits of a plan at every endpoint: models, queue priority, in-flight and storage limits."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts import credits
from accounts.credits import amounts
from accounts.models import MICRO, Account, Plan, User
from gallery.library import storage_usage
from predictions import lifecycle
from predictions.dispatch import queue_position
from predictions.files import media
from predictions.lifecycle.completion import PreparedOutput
from predictions.models import Prediction, StoredFile, Version
from predictions.pricing import calculator
from tests import factories
from tests.fakes import FakeProvider
from tests.predictions.submit.test_maintenance_refusals import ENDPOINTS, INPUT, nothing_created, post_create
from tests.support import races
from tests.support.picture_items import paint, stored

pytestmark = pytest.mark.django_db(transaction=True)


def put_on(user: User, **fields: Any) -> Plan:
    plan, _new = Plan.objects.update_or_create(name=fields.pop("name", "Free"), defaults=fields)
    Account.objects.filter(pk=user.account_id).update(plan=plan)
    return plan


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_model_outside_of_the_plan_is_refused_at_every_door(
    endpoint: str, alice: User, bearer: Any, version: Version, provider: FakeProvider
) -> None:
    put_on(alice, allowed_models=["acme/other", "acme/third"])
    answer = post_create(endpoint, version, bearer(alice))
    body = answer.json()
    words = {
        "openai": lambda: body["error"]["message"],
        "batch": lambda: body["results"][0]["problem"]["detail"],
    }.get(endpoint, lambda: body["detail"])()
    assert words == (
        f"The plan “Free” does not include {version.model.ref}. It includes: acme/other, acme/third."
    )
    assert answer.status_code == {"openai": 404, "batch": 200}.get(endpoint, 422)
    assert nothing_created()


def test_a_model_of_the_plan_runs_and_an_empty_list_means_all(
    alice: User, bearer: Any, version: Version, provider: FakeProvider
) -> None:
    headers = bearer(alice)
    put_on(alice, allowed_models=[version.model.ref])
    assert post_create("/v1", version, headers).status_code == 201
    put_on(alice, allowed_models=[])
    assert post_create("/v1", version, headers).status_code == 201


def test_the_studio_greys_what_the_plan_does_not_include_and_says_why(
    alice: User, client_of: Any, version: Version, provider: FakeProvider
) -> None:
    put_on(alice, allowed_models=["acme/other"])
    browser: Client = client_of(alice)
    assert "Not in your plan" in browser.get("/studio/").content.decode()
    form = {"model": version.model.ref, "switches": "1", **INPUT}
    assert (
        "Your plan, Free, does not include this model."
        in browser.post("/studio/quote/", form).content.decode()
    )
    browser.post("/studio/make/", form)
    assert nothing_created()


def output(index: int) -> PreparedOutput:
    file = stored(paint(64, 64, index))
    StoredFile.objects.filter(pk=file.pk).update(state="pending")
    return PreparedOutput(index, f"out-{index}.webp", media.new_token(), file, None, None, "#804020", "")


def waiting(user: User, version: Version, count: int) -> list[Prediction]:
    return [factories.make_prediction(user, version, ceiling=0) for _ in range(count)]


def claimed(most: int = 16) -> list[int]:
    return [one.prediction.pk for one in lifecycle.claim_starts(most)]


def served(count: int) -> list[int]:
    """Who is next, one after the other."""
    return [claimed(1)[0] for _ in range(count)]


def test_an_account_goes_before_others_by_as_many_as_its_plan_says(
    alice: User, bob: User, version: Version, provider: FakeProvider
) -> None:
    theirs, mine = waiting(bob, version, 4), waiting(alice, version, 4)
    put_on(alice, priority=2)
    # Two of mine before the first of theirs, then in turn.
    order = [mine[0], mine[1], theirs[0], mine[2]]
    assert served(4) == [row.pk for row in order]


def test_a_plan_may_put_an_account_behind_others(
    alice: User, bob: User, version: Version, provider: FakeProvider
) -> None:
    mine, theirs = waiting(alice, version, 3), waiting(bob, version, 3)
    put_on(alice, priority=-1)
    assert served(3) == [theirs[0].pk, mine[0].pk, theirs[1].pk]


def test_the_place_in_the_queue_is_the_one_that_the_plan_gives(
    alice: User, bob: User, version: Version, provider: FakeProvider
) -> None:
    provider.limit = 100
    Account.objects.update(in_flight_limit=20)
    theirs, mine = waiting(bob, version, 6), waiting(alice, version, 6)
    put_on(alice, priority=3)
    rows = [*theirs, *mine]
    said = {row.pk: queue_position.queue_position(row).number for row in rows}  # type: ignore[union-attr]
    came = {pk: number for number, pk in enumerate(served(12), 1)}
    # Who stands level is told as behind the other; nobody is told to come sooner than they do by more than that.
    assert all(abs(said[pk] - came[pk]) <= 1 for pk in came), (said, came)


def test_eight_workers_keep_limits_of_plans_whatever_their_priority(
    alice: User, bob: User, version: Version, provider: FakeProvider
) -> None:
    provider.limit = 100
    put_on(alice, priority=50, in_flight_limit=3)
    put_on(bob, name="Studio", priority=0, in_flight_limit=5)
    rows = waiting(alice, version, 12) + waiting(bob, version, 12)
    batches = races.together([lambda: [one.prediction for one in lifecycle.claim_starts(16)]] * 8)
    got = [row for batch in batches for row in batch]
    assert sum(row.account_id == alice.account_id for row in got) == 3
    assert sum(row.account_id == bob.account_id for row in got) == 5
    assert len({row.pk for row in got}) == len(got) < len(rows)


def test_the_pace_of_a_plan_trips_at_the_door(
    alice: User, bearer: Any, version: Version, provider: FakeProvider
) -> None:
    put_on(alice, creates_per_minute=2, requests_per_minute=3)
    headers = bearer(alice)
    assert [post_create("/v1", version, headers).status_code for _ in range(3)] == [201, 201, 429]
    read = [Client().get("/v1/models", headers=headers).status_code for _ in range(4)]
    assert read == [200, 200, 200, 429]
    assert Prediction.objects.count() == 2


def test_a_plan_has_no_more_under_way_than_it_may_however_many_are_asked_for(
    alice: User, bearer: Any, version: Version, provider: FakeProvider
) -> None:
    put_on(alice, in_flight_limit=1)
    headers = bearer(alice)
    for _ in range(3):
        assert post_create("/v1", version, headers).status_code == 201
    assert (len(claimed()), len(claimed())) == (1, 0)


def test_the_spending_of_a_plan_trips_at_the_door(
    alice: User, bearer: Any, version: Version, provider: FakeProvider
) -> None:
    credits.plan_changed(put_on(alice, day_limit=2_500_000))
    headers = bearer(alice)
    assert [post_create("/v1", version, headers).status_code for _ in range(3)] == [201, 201, 402]


def test_the_room_of_a_plan_goes_before_the_servers(
    alice: User, bob: User, bearer: Any, version: Version, provider: FakeProvider, settings: Any
) -> None:
    settings.STORAGE_QUOTA = 10**9
    item = factories.make_item(alice)
    size = item.output.file.size
    put_on(alice, storage_quota=size)
    refused = post_create("/v1", version, bearer(alice))
    assert (refused.status_code, refused.json()["title"]) == (403, "Storage full")
    put_on(alice, storage_quota=size * 100)
    assert post_create("/v1", version, bearer(alice)).status_code == 201
    assert storage_usage.for_account(factories.account_of(alice)).quota == size * 100
    assert storage_usage.for_account(factories.account_of(bob)).quota == 10**9


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_plan_pays_its_part_of_the_price_at_every_door(
    endpoint: str, alice: User, bearer: Any, version: Version, provider: FakeProvider
) -> None:
    whole = calculator.ceiling(calculator.current_price(version.model), version, INPUT)
    put_on(alice, price_percent=70)
    if endpoint in ("quote", "batch"):
        answer = post_create(endpoint, version, bearer(alice)).json()
        quote = answer if endpoint == "quote" else answer["results"][0]["quote"]
        assert (quote["ceiling"], quote["percent"]) == (whole * 7 // 10, 70)
        return
    post_create(endpoint, version, bearer(alice))
    made = Prediction.objects.get()
    assert (made.ceiling, made.price_percent) == (whole * 7 // 10, 70)
    assert factories.account_of(alice).held == made.ceiling


def test_what_was_asked_for_under_another_plan_keeps_its_price(
    alice: User, bearer: Any, version: Version, provider: FakeProvider
) -> None:
    put_on(alice, price_percent=50)
    before = factories.account_of(alice).balance
    post_create("/v1", version, bearer(alice))
    held = Prediction.objects.get().ceiling
    put_on(alice, price_percent=300)
    Prediction.objects.update(status="processing", phase="collecting", claim="c")
    lifecycle.succeed(Prediction.objects.get(), "c", [output(0)], None)
    made = Prediction.objects.get()
    assert (made.status, made.charge) == ("succeeded", held)
    assert factories.account_of(alice).balance == before - held


def test_the_studio_says_the_price_of_the_plan(
    alice: User, client_of: Any, version: Version, provider: FakeProvider
) -> None:
    whole = calculator.ceiling(calculator.current_price(version.model), version, INPUT)
    put_on(alice, price_percent=50)
    form = {"model": version.model.ref, "switches": "1", **INPUT}
    page = client_of(alice).post("/studio/quote/", form).content.decode()
    assert amounts.with_unit(whole // 2) in page and amounts.with_unit(whole) not in page
    assert amounts.with_unit(whole // 2) in client_of(alice).get("/studio/").content.decode()


@pytest.mark.parametrize("percent", [-1, 1001, "x"])
def test_no_plan_pays_less_than_nothing_or_far_too_much(client_of: Any, percent: Any) -> None:
    answer = client_of(factories.make_staff("olga")).post(
        "/admin/accounts/plan/add/", {"name": "Odd", "allowance": "", "price_percent": percent}
    )
    assert answer.status_code == 200 and "price_percent" in answer.context["adminform"].form.errors
    assert not Plan.objects.filter(name="Odd").exists()


def test_the_studios_button_counts_the_allowance_that_is_owed(
    charlie: User, client_of: Any, version: Version, provider: FakeProvider
) -> None:
    browser: Client = client_of(charlie)
    form = {"model": version.model.ref, "switches": "1", **INPUT}
    assert "Add credits" in browser.post("/studio/quote/", form).content.decode()
    credits.set_plan(
        Account.objects.get(pk=charlie.account_id), Plan.objects.create(name="Monthly", allowance=5 * MICRO)
    )
    assert "Add credits" not in browser.post("/studio/quote/", form).content.decode()
    assert factories.account_of(charlie).balance == 5 * MICRO

"""Admin of prices: a new version, simulated on past requests before it is saved, and logged."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import MICRO, AuditEntry, User
from predictions.models import HostedModel, Prediction, Price, Status, Version
from predictions.pricing import revisions
from predictions.pricing.simulation import NEWEST, preview
from predictions.providers.provider_names import provider_name
from predictions.upstreams import run_records
from tests import factories, fakes
from tests.predictions.upstreams import upstream_rows
from tests.runner.sampling import one_in

ADD = "/admin/predictions/price/add/"


@pytest.fixture
def staff_client(staff: User, client_of: Any) -> Client:
    browser: Client = client_of(staff)
    return browser


def form(model: HostedModel, /, **fields: str) -> dict[str, str]:
    return {"model": str(model.pk), "unit": "output", "credits": "1", "rules": "", "source": "", **fields}


def seen(page: Any) -> str:
    """What the page's second button sends along: the price that was looked at."""
    match = re.search(
        r'name="seen"[^>]*value="([0-9a-f]{64})"|value="([0-9a-f]{64})"[^>]*name="seen"',
        page.content.decode(),
    )
    assert match, page.content.decode()[:3000]
    return match[1] or match[2]


def save(staff_client: Client, model: HostedModel, **fields: str) -> Any:
    """Look, then save what was looked at."""
    sent = form(model, **fields)
    page = staff_client.post(ADD, sent)
    assert page.status_code == 200, page.context["form"].errors
    return staff_client.post(ADD, sent | {"seen": seen(page)})


def test_a_price_is_looked_at_before_it_is_saved_and_the_old_one_stays(
    staff_client: Client, staff: User
) -> None:
    model = factories.make_version().model
    fields = {"unit": "run", "credits": "0.22", "source": "our own figure", "least": "0.1"}
    page = staff_client.post(ADD, form(model, **fields))
    assert page.status_code == 200
    assert Price.objects.filter(model=model).count() == 1
    assert save(staff_client, model, **fields).status_code == 302
    prices = Price.objects.filter(model=model).order_by("number")
    assert [(price.number, price.unit, price.amount, price.least) for price in prices] == [
        (1, "output", MICRO, 0),
        (2, "run", 220_000, 100_000),
    ]
    entry = AuditEntry.objects.get(action="price.add")
    assert (entry.actor, entry.reason) == (staff, "our own figure")
    assert (entry.detail["before"]["amount"], entry.detail["after"]["amount"]) == (MICRO, 220_000)


def test_saved_is_only_what_was_looked_at(staff_client: Client) -> None:
    model = factories.make_version().model
    page = staff_client.post(ADD, form(model, credits="2"))
    changed = staff_client.post(ADD, form(model, credits="200", seen=seen(page)))
    assert changed.status_code == 200
    assert Price.objects.filter(model=model).count() == 1


def test_what_was_looked_at_beside_another_price_is_looked_at_again(
    staff_client: Client, staff: User
) -> None:
    model = factories.make_version().model
    page = staff_client.post(ADD, form(model, credits="2"))
    revisions.add(model, staff, unit="output", amount=3 * MICRO, rules=[], least=0, most=None, source="")
    late = staff_client.post(ADD, form(model, credits="2", seen=seen(page)))
    assert late.status_code == 200
    assert model.prices.latest("number").amount == 3 * MICRO


def test_the_same_price_again_is_no_new_version(staff_client: Client) -> None:
    model = factories.make_version().model
    answer = save(staff_client, model, credits="1")
    assert "The present price says the same" in answer.content.decode()
    assert Price.objects.filter(model=model).count() == 1


@pytest.mark.parametrize(
    ("fields", "words"),
    one_in(
        2,
        [
            ({"credits": "-1"}, "A price is not negative"),
            ({"credits": "free"}, "An amount is a decimal number"),
            ({"credits": "0.0000001"}, "at most six decimals"),
            ({"unit": "hour"}, "Select a valid choice"),
            ({"unit": "second"}, "needs its most"),
            ({"unit": "megapixel"}, "needs its most"),
            ({"least": "3", "most": "2"}, "less than the least"),
            ({"rules": "width above many: add 1"}, "Line 1: “above” is a number"),
            ({"rules": "width above 5: set -1"}, "Line 1: “set” is not negative"),
            ({"rules": "wdith above 5: add 1"}, "This model has no input wdith"),
            ({"model": "999999"}, "Select a valid choice"),
        ],
    ),
)
def test_a_price_that_is_none_is_refused(staff_client: Client, fields: dict[str, str], words: str) -> None:
    model = factories.make_version().model
    answer = staff_client.post(ADD, form(model, **fields))
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert Price.objects.filter(model=model).count() == 1


def test_a_price_is_never_changed_or_deleted(staff_client: Client) -> None:
    price = factories.make_version().model.prices.get()
    address = reverse("admin:predictions_price_change", args=[price.pk])
    assert staff_client.post(address, form(price.model, credits="9")).status_code == 403
    price.refresh_from_db()
    assert price.amount == MICRO


def test_a_moderator_without_the_right_adds_none(db: None, client_of: Any) -> None:
    clerk = factories.make_user("clerk", is_staff=True)
    model = factories.make_version().model
    browser = client_of(clerk)
    assert browser.get(ADD).status_code == 403
    assert browser.post(ADD, form(model)).status_code == 403


def test_the_form_begins_with_the_present_price(staff_client: Client) -> None:
    model = factories.make_version().model
    revisions.add(
        model,
        None,
        unit="run",
        amount=5,
        rules=[{"input": "width", "is": 512, "add": 7}],
        least=1,
        most=9,
        source="",
    )
    page = staff_client.get(f"{ADD}?model={model.pk}").content.decode()
    assert "width is 512: add 0.000007" in page
    assert 'value="0.000005"' in page
    assert staff_client.get(f"{ADD}?model=999999").status_code == 200
    assert staff_client.get(f"{ADD}?model=1e9").status_code == 200


def made(user: User, version: Version, width: int, count: int = 1, **fields: Any) -> Prediction:
    return factories.make_prediction(
        user,
        version,
        status=Status.SUCCEEDED,
        input={"prompt": "x", "width": width},
        delivered=count,
        ceiling=count * MICRO,
        **fields,
    )


def test_the_preview_says_what_past_requests_would_have_cost(alice: User, version: Version) -> None:
    upstream = upstream_rows.make_upstream("far")
    upstream_rows.make_route(upstream, version.model, cost=MICRO)
    small, large = made(alice, version, 512), made(alice, version, 2048)
    factories.make_prediction(alice, version, status=Status.FAILED)
    run = run_records.reserve(large, upstream.keys.get().provider_name)
    assert run is not None
    run_records.ended(run, "succeeded", metrics={}, delivered=1, error="")
    proposed = Price(
        model=version.model,
        number=0,
        unit="output",
        amount=MICRO // 2,
        rules=[{"input": "width", "above": 1024, "factor": "4"}],
    )
    found = preview(version.model, proposed)
    assert (found.old, found.new, found.dearer, found.cheaper) == (2 * MICRO, 2_500_000, 1, 1)
    assert [line.public_id for line in found.largest] == [large.public_id, small.public_id]
    assert found.largest[0].inputs == {"width": 2048}
    assert found.margins() == (MICRO, 0, MICRO)
    assert len(found.lines) == 3
    # Nothing was changed by looking.
    small.refresh_from_db()
    assert small.charge == MICRO


def test_a_text_that_looks_like_a_number_is_a_text_in_the_preview_too(alice: User) -> None:
    version = factories.make_version()
    for size in ("1024", 1024, "true", True, "2K"):
        one = made(alice, version, 512)
        Prediction.objects.filter(pk=one.pk).update(input={"prompt": "x", "size": size})
    rules = [{"input": "size", "is": "1024", "add": 1}, {"input": "size", "is": "true", "add": 10}]
    proposed = Price(model=version.model, unit="output", amount=0, rules=rules)
    assert [line.new for line in preview(version.model, proposed).lines] == [0, 0, 10, 0, 1]


def test_what_could_not_be_priced_is_counted(alice: User) -> None:
    version = factories.make_version()
    made(alice, version, 512)
    found = preview(version.model, Price(model=version.model, unit="megapixel", amount=5, rules=[]))
    assert (found.refused, found.new) == (1, 0)


def test_megapixels_and_seconds_are_those_of_then(alice: User, version: Version) -> None:
    one = made(alice, version, 512, metrics={"predict_time": 2.5})
    factories.make_output(one, file=factories.make_stored_file(width=1000, height=500))
    by_size = Price(model=version.model, unit="megapixel", amount=MICRO, most=MICRO, rules=[])
    by_time = Price(model=version.model, unit="second", amount=100, most=MICRO, rules=[])
    assert preview(version.model, by_size).new == 500_000
    assert preview(version.model, by_time).new == 250


def test_it_looks_at_the_newest_alone_in_a_few_queries(
    alice: User, version: Version, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    monkeypatch.setattr("predictions.pricing.simulation.NEWEST", 3)
    for width in (100, 200, 300, 400):
        made(alice, version, width)
    proposed = Price(
        model=version.model, unit="output", amount=1, rules=[{"input": "width", "is": 100, "add": 1}]
    )
    with django_assert_max_num_queries(4):
        found = preview(version.model, proposed)
    assert [line.inputs["width"] for line in found.lines] == [400, 300, 200]
    assert NEWEST == 200


def test_the_desk_shows_the_preview_and_the_history(
    staff_client: Client, alice: User, version: Version
) -> None:
    made(alice, version, 2048)
    page = staff_client.post(ADD, form(version.model, rules="width above 1024: factor 3")).content.decode()
    assert "+2.00 (+200.0 %)" in page
    assert "width above 1024: factor 3" in page
    save(staff_client, version.model, rules="width above 1024: factor 3", credits="2")
    newest = version.model.prices.order_by("-number")[0]
    shown = staff_client.get(reverse("admin:predictions_price_change", args=[newest.pk])).content.decode()
    assert "<del>1.00</del> → <ins>2.00</ins>" in shown
    assert "<del>–</del> → <ins>width above 1024: factor 3</ins>" in shown
    assert f"{ADD}?model={version.model_id}" in shown


def test_a_prediction_keeps_the_price_that_it_was_asked_for_with(alice: User, version: Version) -> None:
    before = made(alice, version, 512)
    revisions.add(
        version.model, None, unit="output", amount=9 * MICRO, rules=[], least=0, most=None, source=""
    )
    before.refresh_from_db()
    assert (before.price.number, before.charge) == (1, MICRO)
    assert made(alice, version, 512).price.number == 2


def by_second(**more: str) -> dict[str, str]:
    return {"unit": "second", "credits": "0.01", "most": "2", **more}


@pytest.fixture
def elsewhere(version: Version) -> str:
    """The name under which an upstream has done what the version's model was asked for."""
    upstream = upstream_rows.make_upstream("slowpoke")
    upstream_rows.make_route(upstream, version.model)
    return provider_name(upstream.keys.get().pk)


def test_a_price_by_the_second_needs_a_least_where_nobody_may_say_how_long_it_took(
    staff_client: Client, staff: User, version: Version, elsewhere: str
) -> None:
    page = staff_client.post(ADD, form(version.model, **by_second()))
    assert page.status_code == 422 and "slowpoke may not say how long" in str(
        page.context["form"].errors["least"]
    )
    values = {"unit": "second", "amount": 10, "rules": [], "least": 0, "most": MICRO, "source": ""}
    with pytest.raises(revisions.NeedsLeast):
        revisions.add(version.model, staff, **values)
    assert save(staff_client, version.model, **by_second(least="0.05")).status_code == 302
    assert save(staff_client, version.model, unit="run", credits="0.5").status_code == 302


@pytest.mark.parametrize(
    ("metrics", "status"), [({"predict_time": 2.5}, 200), ({}, 422), ({"predict_time": "x"}, 422)]
)
def test_an_upstream_that_was_seen_to_say_it_is_believed(
    staff_client: Client, alice: User, version: Version, elsewhere: str, metrics: dict[str, Any], status: int
) -> None:
    fields = {"provider": elsewhere, "status": "succeeded"}
    factories.make_prediction(alice, version, metrics={"predict_time": 1.0}, **fields)  # type: ignore[arg-type]
    factories.make_prediction(alice, version, metrics=metrics, **fields)  # type: ignore[arg-type]
    assert staff_client.post(ADD, form(version.model, **by_second())).status_code == status


def test_our_own_engine_says_it_and_needs_no_least(
    staff_client: Client, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes.use(monkeypatch, fakes.FakeProvider())
    assert save(staff_client, version.model, **by_second()).status_code == 302


def test_the_preview_counts_those_of_which_nobody_said_how_long(
    staff_client: Client, alice: User, version: Version
) -> None:
    for metrics in ({"predict_time": 1.0}, {}, {}):
        factories.make_prediction(alice, version, status="succeeded", metrics=metrics)
    factories.make_prediction(alice, version, status="failed", metrics={})
    page = staff_client.post(ADD, form(version.model, **by_second(least="0.05"))).content.decode()
    assert "Of 2 of them nobody said how long they took" in page and "the least, 0.05" in page
    assert "nobody said" not in staff_client.post(ADD, form(version.model, credits="2")).content.decode()

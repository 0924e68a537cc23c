"""The price on the button and in the API is what is held: for every unit, rule, input and plan."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import MICRO, Account, LedgerEntry, Plan, User
from accounts.organizations import management
from predictions.models import Prediction, Price, Version
from studio import batches
from tests import factories, fakes
from tests.runner.sampling import short_or_whole

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["prompt"],
    "properties": {
        "prompt": {"type": "string"},
        "num_outputs": {"type": "integer", "default": 2, "minimum": 1, "maximum": 4},
        "width": {"type": "integer", "default": 1024, "minimum": 64, "maximum": 2048},
        "height": {"type": "integer", "minimum": 64, "maximum": 2048},
        "steps": {"type": "number", "default": 28.5, "minimum": 1, "maximum": 100},
        "quality": {"type": "string", "enum": ["sd", "hd"], "default": "sd"},
        "tiled": {"type": "boolean", "default": False},
        "seed": {"type": "integer"},
    },
}
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "num_outputs": st.integers(1, 4),
    "width": st.integers(64, 2048),
    "height": st.integers(64, 2048),
    "steps": st.sampled_from([1, 28.5, 30, 30.01, 99.9]),
    "quality": st.sampled_from(["sd", "hd"]),
    "tiled": st.booleans(),
    "seed": st.integers(0, 9),
}
EFFECTS = st.one_of(
    st.fixed_dictionaries({"factor": st.sampled_from(["0", "0.333333", "1.5", "3"])}),
    st.fixed_dictionaries({"add": st.integers(-MICRO, MICRO)}),
    st.fixed_dictionaries({"set": st.integers(0, 2 * MICRO)}),
)
BOUNDS = st.sampled_from([{"above": 2}, {"below": 900}, {"above": 1, "below": 1500}, {}])
RULES = st.one_of(
    # A value, one of some, a number's range, always; and so much for each step.
    st.builds(
        lambda name, raw, effect: {"input": name, "is": raw, **effect},
        st.sampled_from(["quality", "num_outputs", "tiled", "prompt", "seed"]),
        st.sampled_from(["hd", "sd", "a hill", 1, 2, 4, True, False]),
        EFFECTS,
    ),
    st.builds(lambda effect: {"input": "quality", "in": ["hd", "x"], **effect}, EFFECTS),
    st.builds(
        lambda name, bounds, effect: {"input": name, **bounds, **effect},
        st.sampled_from(["width", "height", "steps", "num_outputs", "seed"]),
        BOUNDS,
        EFFECTS,
    ),
    st.builds(
        lambda name, step, more: {"input": name, "each": step, "add": more},
        st.sampled_from(["width", "steps", "seed"]),
        st.sampled_from([0.5, 1, 256]),
        st.integers(-50_000, 50_000),
    ),
)
PRICES = st.fixed_dictionaries(
    {
        "unit": st.sampled_from(list(Price.Unit)),
        "amount": st.integers(0, 2 * MICRO),
        "rules": st.lists(RULES, max_size=4),
        "least": st.sampled_from([0, 1, 300_000]),
        "most": st.sampled_from([300_000, 1_000_001, 5 * MICRO]),
    }
)
FORMS = st.builds(
    lambda given, more: {**given, **more},
    st.fixed_dictionaries({}, optional=VALUES),
    st.sampled_from(
        [{}, {}, {"each_line": "on", "prompt": "a hill\na lake\na hill"}, {"seed_count": "3"},
         {"each_line": "on", "prompt": "a wood\n\na hill", "seed_count": "2"}]
    ),
)  # fmt: skip


@pytest.fixture
def version(db: None, monkeypatch: pytest.MonkeyPatch) -> Version:
    fakes.use(monkeypatch, fakes.FakeProvider())
    return factories.make_version(input_schema=SCHEMA)


@pytest.fixture
def plan(db: None) -> Plan:
    return Plan.objects.create(name="Studio")


def page_form(version: Version, inputs: dict[str, Any]) -> dict[str, str]:
    """The inputs as the page's form sends them."""
    fields = {"model": version.model.ref, "switches": "1", "prompt": "a hill"}
    for name, value in inputs.items():
        if value is True:
            fields[name] = "on"
        elif value is not False:
            fields[name] = str(value)
    return fields


def held_by(*references: str) -> int:
    rows = LedgerEntry.objects.filter(kind="hold", reference__in=references)
    assert rows.count() == len(references)
    return sum(row.held_delta for row in rows)


@settings(
    max_examples=short_or_whole(12, 40),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(said=PRICES, inputs=FORMS, percent=st.sampled_from([100, 100, 0, 33, 250]), shared=st.booleans())
def test_the_button_says_what_is_held(
    alice: User,
    version: Version,
    plan: Plan,
    client_of: Any,
    said: Any,
    inputs: Any,
    percent: int,
    shared: bool,
) -> None:
    account = factories.account_of(alice)
    Plan.objects.filter(pk=plan.pk).update(price_percent=percent)
    Account.objects.filter(pk=account.pk).update(plan=plan, balance=10**12)
    Price.objects.create(model=version.model, number=version.model.prices.count() + 1, **said)
    client, fields = client_of(alice), page_form(version, inputs)
    button = client.post("/studio/quote/", fields).content.decode()
    quoted = re.search(r'name="quoted" value="(\d+)"', button)
    assert quoted is not None
    before = set(Prediction.objects.values_list("pk", flat=True))
    made = client.post("/studio/make/", fields | {"quoted": quoted[1]})
    assert made.status_code == 302, made.content.decode()[-2000:]
    rows = Prediction.objects.exclude(pk__in=before)
    assert rows.count() == batches.count_of(version, fields)
    assert held_by(*rows.values_list("public_id", flat=True)) == int(quoted[1])
    for row in rows:
        response = client.post(
            "/api/quotes", {"version": version.pk, "input": row.input}, content_type="application/json"
        )
        assert response.json()["ceiling"] == held_by(row.public_id) == row.ceiling
    Account.objects.filter(pk=account.pk).update(balance=10**12)


def test_who_acts_for_an_organisation_sees_what_it_pays(
    alice: User, version: Version, plan: Plan, client_of: Any
) -> None:
    Plan.objects.filter(pk=plan.pk).update(price_percent=50)
    organization = management.create(alice, "House")
    Account.objects.filter(pk=organization.pk).update(plan=plan, balance=10 * MICRO)
    User.objects.filter(pk=alice.pk).update(account=organization)
    client, fields = client_of(alice), page_form(version, {"num_outputs": 3})
    assert 'name="quoted" value="1500000"' in client.post("/studio/quote/", fields).content.decode()
    assert client.post("/studio/make/", fields).status_code == 302
    assert held_by(Prediction.objects.get().public_id) == 1_500_000


def test_no_price_is_on_a_page_that_is_not_held(version: Version, alice: User, client_of: Any) -> None:
    """A prompt among several that is dearer by a rule was counted at the price of all lines together."""
    said = {"unit": "run", "amount": MICRO, "rules": [{"input": "prompt", "is": "a lake", "set": 7 * MICRO}]}
    Price.objects.create(model=version.model, number=9, **said)
    fields = page_form(version, {"each_line": "on", "prompt": "a hill\na lake"})
    assert 'value="8000000"' in client_of(alice).post("/studio/quote/", fields).content.decode()
    page = Client()
    page.force_login(alice, backend=django_settings.AUTHENTICATION_BACKENDS[0])
    shown = page.get("/studio/", {name: value for name, value in fields.items() if name != "switches"})
    assert 'name="quoted" value="8000000"' in shown.content.decode()

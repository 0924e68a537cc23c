"""Ceilings and charges by every unit: never above the hold, exact, never free by mistake."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts import credits
from predictions.models import HostedModel, Price, Version
from predictions.pricing import calculator
from predictions.pricing.calculator import Delivered
from tests.runner.sampling import short_or_whole

MICRO = 1_000_000
PROPERTIES: dict[str, Any] = {
    "prompt": {"type": "string"},
    "num_outputs": {"type": "integer", "default": 1, "minimum": 1, "maximum": 4},
    "width": {"type": "integer", "default": 1024, "minimum": 64, "maximum": 2048},
    "height": {"type": "integer", "minimum": 64, "maximum": 2048},
    "steps": {"type": "integer", "default": 28, "minimum": 1, "maximum": 100},
    "quality": {"type": "string", "enum": ["sd", "hd"], "default": "sd"},
}
UNITS = list(Price.Unit)


def version(properties: dict[str, Any] = PROPERTIES, work_limit: int | None = 60) -> Version:
    return Version(
        id="a" * 64,
        model=HostedModel(owner="acme", name="x", work_limit=work_limit),
        input_schema={"type": "object", "properties": properties},
        output_schema={"type": "array", "items": {"type": "string", "format": "uri"}},
    )


def price(unit: str = Price.Unit.OUTPUT, amount: int = MICRO, **fields: Any) -> Price:
    return Price(number=1, unit=unit, amount=amount, **fields)


def test_a_price_without_rules_is_what_it_always_was() -> None:
    assert calculator.ceiling(price(), version(), {"num_outputs": 3}) == 3 * MICRO
    assert calculator.charge(price(), version(), {"num_outputs": 3}, Delivered(2, 3)) == 2 * MICRO
    assert calculator.ceiling(price("run"), version(), {"num_outputs": 3}) == MICRO
    assert calculator.charge(price("run"), version(), {}, Delivered(1, 1)) == MICRO


@pytest.mark.parametrize(
    "name", ["num_images", "number_of_images", "num_images_per_prompt", "num_samples", "n"]
)
def test_a_models_own_name_for_the_number_of_outputs_is_held_and_charged_for(name: str) -> None:
    other = version({"prompt": {"type": "string"}, name: {"type": "integer", "default": 2, "maximum": 8}})
    assert calculator.ceiling(price(), other, {name: 4}) == 4 * MICRO
    assert calculator.ceiling(price(), other, {}) == 2 * MICRO
    assert calculator.charge(price(), other, {name: 4}, Delivered(4, 4)) == 4 * MICRO


def test_such_a_name_is_no_number_of_outputs_where_one_file_comes_or_where_it_is_no_whole_number() -> None:
    single = version({"num_samples": {"type": "integer", "default": 8}})
    single.output_schema = {"type": "string", "format": "uri"}
    assert calculator.requested_outputs(single, {"num_samples": 8}) == 1
    assert calculator.requested_outputs(version({"n": {"type": "string", "default": "8"}}), {"n": "8"}) == 1
    assert (
        calculator.requested_outputs(version(PROPERTIES | {"n": {"type": "integer", "default": 8}}), {"n": 8})
        == 1
    )


@pytest.mark.parametrize("unit", UNITS)
def test_nothing_delivered_costs_nothing_whatever_the_least(unit: str) -> None:
    one = price(unit, least=MICRO, most=9 * MICRO)
    assert calculator.charge(one, version(), {}, Delivered(0, 4, 0, Fraction(50))) == 0


def test_a_run_is_charged_for_the_part_that_came() -> None:
    assert calculator.charge(price("run"), version(), {}, Delivered(3, 4)) == 750_000
    assert calculator.charge(price("run"), version(), {}, Delivered(1, 3)) == 333_334
    # More than was asked for costs no more than the run.
    assert calculator.charge(price("run"), version(), {}, Delivered(5, 4)) == MICRO


def test_a_second_is_the_providers_and_a_part_of_a_micro_credit_is_a_whole_one() -> None:
    by_second = price("second", 700, most=MICRO)
    assert calculator.charge(by_second, version(), {}, Delivered(1, 1, seconds=Fraction("2.5001"))) == 1751
    assert calculator.charge(by_second, version(), {}, Delivered(2, 4, seconds=Fraction(10))) == 3500
    assert calculator.ceiling(by_second, version(), {}) == 60 * 700
    assert calculator.ceiling(price("second", 700, most=2000), version(), {}) == 2000


def test_seconds_that_nobody_measured_cost_the_least() -> None:
    by_second = price("second", 700, least=50, most=MICRO)
    assert calculator.charge(by_second, version(), {}, Delivered(1, 1)) == 50


def test_without_a_limit_of_its_own_a_model_has_the_servers(settings: Any) -> None:
    settings.WORK_LIMIT = 300
    assert calculator.ceiling(price("second", 10), version(work_limit=None), {}) == 3000


@pytest.mark.parametrize(
    ("metrics", "seconds"),
    [
        ({"predict_time": 1.25}, Fraction(5, 4)),
        ({"predict_time": 3}, 3),
        ({}, None),
        ({"predict_time": "7"}, None),
        ({"predict_time": -1}, None),
        ({"predict_time": True}, None),
        ({"predict_time": float("inf")}, None),
        ({"predict_time": None}, None),
    ],
)
def test_seconds_are_read_as_they_were_written_and_nonsense_is_none(metrics: Any, seconds: Any) -> None:
    assert calculator.seconds_of(metrics) == seconds


def test_megapixels_are_held_by_what_is_asked_and_charged_by_what_came() -> None:
    by_size = price("megapixel", MICRO)
    asked = {"width": 1024, "height": 768, "num_outputs": 2}
    assert calculator.ceiling(by_size, version(), asked) == 2 * 1024 * 768
    assert calculator.charge(by_size, version(), asked, Delivered(1, 2, 1024 * 768)) == 1024 * 768
    # The width has a default; of the height the schema's maximum is the most that can come.
    assert calculator.ceiling(by_size, version(), {}) == 1024 * 2048
    assert calculator.ceiling(by_size, version(), {"width": 0}) == 2048 * 2048
    assert calculator.ceiling(price("megapixel", most=1000), version(), asked) == 1000


def test_a_size_that_nobody_names_needs_a_most_or_is_refused() -> None:
    sizeless = version({"prompt": {"type": "string"}})
    with pytest.raises(calculator.NoPrice):
        calculator.ceiling(price("megapixel"), sizeless, {})
    assert calculator.ceiling(price("megapixel", most=5), sizeless, {}) == 5
    chosen = version({"width": {"enum": [512, 1024]}, "height": {"enum": [512, 2048]}})
    assert calculator.ceiling(price("megapixel"), chosen, {}) == 1024 * 2048


@pytest.mark.parametrize("count", [0, -4])
def test_who_asks_for_nothing_holds_what_one_would_cost(count: int) -> None:
    loose = version({**PROPERTIES, "num_outputs": {"type": "integer"}})
    asked = {"num_outputs": count, "width": 1000, "height": 1000}
    assert calculator.ceiling(price(), loose, asked) == MICRO
    assert calculator.ceiling(price("megapixel"), loose, asked) == MICRO


def test_rules_that_cannot_be_read_are_refused_and_never_free() -> None:
    with pytest.raises(calculator.NoPrice):
        calculator.ceiling(price(rules=[{"input": "steps"}]), version(), {})


def test_rules_see_the_defaults_of_what_is_not_given() -> None:
    dearer = [{"input": "steps", "above": 27, "factor": "1.5"}, {"input": "quality", "is": "sd", "add": 1}]
    one = price(amount=100, rules=dearer)
    assert calculator.ceiling(one, version(), {}) == 151
    assert calculator.ceiling(one, version(), {"steps": 5, "quality": "hd"}) == 100


def test_it_is_rounded_up_once_and_not_for_every_output() -> None:
    third = price(amount=1, rules=[{"input": "prompt", "factor": "0.333333"}])
    assert calculator.ceiling(third, version(), {"num_outputs": 3}) == 1


@given(st.sampled_from(UNITS), st.integers(0, 10**9), st.integers(0, 1000), st.integers(0, 4))
def test_a_part_of_a_price_is_charged_within_what_is_held(
    unit: str, amount: int, percent: int, came: int
) -> None:
    asked, one = {"num_outputs": 4, "width": 512, "height": 512}, price(unit, amount, least=7)
    delivered = Delivered(came, 4, came * 512 * 512, Fraction(came))
    held = calculator.ceiling(one, version(), asked, percent)
    charged = calculator.charge(one, version(), asked, delivered, percent)
    assert 0 <= charged <= held
    whole = calculator.charge(one, version(), asked, delivered)
    assert charged == -(-whole * percent // 100)


def test_no_input_makes_an_amount_that_the_ledger_cannot_hold() -> None:
    steep = price("run", rules=[{"input": "n", "each": 1, "add": MICRO}])
    ceiling = calculator.ceiling(steep, version({"n": {"type": "integer"}}), {"n": 10**300})
    assert ceiling == credits.LARGEST


def test_the_same_key_with_other_rules_is_read_anew() -> None:
    old, new = price(rules=[{"input": "x", "factor": "2"}]), price(rules=[{"input": "x", "factor": "3"}])
    old.pk = new.pk = 77
    assert calculator.ceiling(old, version(), {}) == 2 * MICRO
    assert calculator.ceiling(new, version(), {}) == 3 * MICRO


names = st.sampled_from(["steps", "quality", "width", "missing"])
conditions = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"above": st.integers(0, 1500)}),
    st.fixed_dictionaries({"below": st.integers(0, 1500)}),
    st.fixed_dictionaries({"is": st.sampled_from(["hd", "sd", 28])}),
    st.fixed_dictionaries({"in": st.lists(st.sampled_from(["hd", 28, 50]), min_size=1, max_size=3)}),
)
effects = st.one_of(
    st.fixed_dictionaries({"factor": st.decimals(0, 20, places=3).map(str)}),
    st.fixed_dictionaries({"add": st.integers(-2 * MICRO, 2 * MICRO)}),
    st.fixed_dictionaries({"set": st.integers(0, 3 * MICRO)}),
    st.fixed_dictionaries({"each": st.integers(1, 50), "add": st.integers(-MICRO, MICRO)}),
)
a_rule = st.builds(lambda name, one, two: {"input": name, **one, **two}, names, conditions, effects)
prices = st.builds(
    price,
    st.sampled_from(UNITS),
    st.integers(0, 5 * MICRO),
    rules=st.lists(a_rule, max_size=6),
    least=st.integers(0, MICRO),
    most=st.one_of(st.none(), st.integers(0, 50 * MICRO)),
)
inputs = st.fixed_dictionaries(
    {},
    optional={
        "num_outputs": st.integers(1, 4),
        "width": st.integers(64, 2048),
        "height": st.integers(64, 2048),
        "steps": st.integers(1, 100),
        "quality": st.sampled_from(["sd", "hd"]),
    },
)


@settings(max_examples=short_or_whole(100, 400), deadline=None)
@given(prices, inputs, st.data())
def test_whatever_comes_of_what_was_asked_costs_no_more_than_was_held(
    one: Price, values: dict[str, Any], data: st.DataObject
) -> None:
    here = version()
    asked = calculator.requested_outputs(here, values)
    came = data.draw(st.integers(0, asked))
    width, height = values.get("width", 1024), values.get("height", data.draw(st.integers(1, 2048)))
    seconds = data.draw(st.one_of(st.none(), st.fractions(0, 60)))
    ceiling = calculator.ceiling(one, here, values)
    charge = calculator.charge(one, here, values, Delivered(came, asked, came * width * height, seconds))
    assert 0 <= charge <= ceiling
    if came == 0:
        assert charge == 0


@settings(max_examples=short_or_whole(50, 200), deadline=None)
@given(prices, inputs)
def test_one_more_output_never_costs_less(one: Price, values: dict[str, Any]) -> None:
    here = version()
    costs = [
        calculator.charge(one, here, values, Delivered(came, 4, came * 512 * 512, Fraction(9)))
        for came in range(5)
    ]
    assert costs == sorted(costs)

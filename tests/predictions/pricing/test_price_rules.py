"""Price rules: conditions, effects, and invalid rules."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from predictions.pricing import price_rules

MICRO = 1_000_000


def priced(rule: dict[str, Any] | list[dict[str, Any]], value: Any, amount: int = MICRO) -> Fraction:
    found = price_rules.parse(rule if isinstance(rule, list) else [rule])
    return price_rules.apply(found, amount, {} if value is None else {"x": value})


@pytest.mark.parametrize(
    ("condition", "holds", "does_not"),
    [
        ({"is": "hd"}, ["hd"], ["HD", "sd", None, 1]),
        ({"is": 2}, [2, 2.0], [True, "2", 3, None]),
        ({"is": True}, [True], [1, "true", False, None]),
        ({"is": 0}, [0], [False, None]),
        ({"in": ["2K", "4K"]}, ["2K", "4K"], ["8K", None, ["2K"]]),
        ({"above": 30}, [31, 30.5, 10**400], [30, 29, "31", True, None, float("nan"), float("inf")]),
        ({"below": 30}, [29, -5], [30, None, False]),
        ({"above": 10, "below": 20}, [11, 19.9], [10, 20, None]),
        ({"above": 0.1}, [0.2], [0.1]),
        ({}, ["anything", 1, None], []),
    ],
)
def test_a_condition_holds_for_these_values(
    condition: dict[str, Any], holds: list[Any], does_not: list[Any]
) -> None:
    rule = {"input": "x", **condition, "factor": "2"}
    assert [value for value in holds if priced(rule, value) != 2 * MICRO] == []
    assert [value for value in does_not if priced(rule, value) != MICRO] == []


def test_what_rules_do_is_exact_and_in_order() -> None:
    doubled = {"input": "x", "factor": "2"}
    more = {"input": "x", "add": 5}
    assert priced([doubled, more], 1) == 2 * MICRO + 5
    assert priced([more, doubled], 1) == 2 * MICRO + 10
    assert priced([doubled, {"input": "x", "set": 7}, more], 1) == 12
    assert priced({"input": "x", "factor": "0.333333"}, 1, amount=1) == Fraction(333333, 1_000_000)


@pytest.mark.parametrize(
    ("value", "steps"),
    [(1024, 0), (1025, 1), (1280, 1), (1281, 2), (2048, 4), (512, 0), ("2048", 0), (None, 0), (1024.5, 1)],
)
def test_every_step_of_a_number_counts_begun_ones_included(value: Any, steps: int) -> None:
    assert priced({"input": "x", "above": 1024, "each": 256, "add": 50}, value) == MICRO + 50 * steps


def test_a_step_of_a_fraction_is_a_tenth_and_no_binary_neighbour() -> None:
    assert priced({"input": "x", "each": 0.1, "add": 1}, 0.3, amount=0) == 3


def test_no_price_is_less_than_nothing() -> None:
    assert priced([{"input": "x", "add": -5 * MICRO}, {"input": "x", "add": 3}], 1) == 3


def test_a_rule_on_an_input_that_is_not_given_waits_for_its_default() -> None:
    (rule,) = price_rules.parse([{"input": "steps", "above": 30, "factor": "2"}])
    assert price_rules.apply([rule], 10, {}) == 10
    assert price_rules.apply([rule], 10, {"steps": 50}) == 20


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"input": "x"}, "a list of objects"),
        ("rules", "a list of objects"),
        (["x"], "Rule 1: a rule is an object"),
        ([{"factor": "2"}], "the name of an input"),
        ([{"input": "", "factor": "2"}], "the name of an input"),
        ([{"input": 3, "factor": "2"}], "the name of an input"),
        ([{"input": "x" * 101, "factor": "2"}], "the name of an input"),
        ([{"input": "a\x00b", "factor": "2"}], "the name of an input"),
        ([{"input": "x", "factor": "2", "when": 1}], "“when” is no part of a rule"),
        ([{"input": "x"}], "says what it does"),
        ([{"input": "x", "factor": "2", "add": 1}], "says what it does"),
        ([{"input": "x", "factor": 2}], "as text"),
        ([{"input": "x", "factor": "-1"}], "as text"),
        ([{"input": "x", "factor": "1e3"}], "as text"),
        ([{"input": "x", "factor": "１"}], "as text"),
        ([{"input": "x", "factor": "99999"}], "as text"),
        ([{"input": "x", "factor": "0.1234567"}], "as text"),
        ([{"input": "x", "add": 1.5}], "whole number of micro-credits"),
        ([{"input": "x", "add": True}], "whole number of micro-credits"),
        ([{"input": "x", "add": 10**19}], "whole number of micro-credits"),
        ([{"input": "x", "set": -1}], "is not negative"),
        ([{"input": "x", "is": None, "add": 1}], "a value is"),
        ([{"input": "x", "is": [1], "add": 1}], "a value is"),
        ([{"input": "x", "is": "a" * 201, "add": 1}], "a value is"),
        ([{"input": "x", "is": float("nan"), "add": 1}], "a value is"),
        ([{"input": "x", "in": [], "add": 1}], "1 to 100 values"),
        ([{"input": "x", "in": list(range(101)), "add": 1}], "1 to 100 values"),
        ([{"input": "x", "in": "hd", "add": 1}], "1 to 100 values"),
        ([{"input": "x", "is": 1, "in": [1], "add": 1}], "do not stand together"),
        ([{"input": "x", "above": "30", "add": 1}], "“above” is a number"),
        ([{"input": "x", "above": 10**10, "add": 1}], "“above” is a number"),
        ([{"input": "x", "above": 5, "below": 5, "add": 1}], "nothing is above 5 and below 5"),
        ([{"input": "x", "each": 0, "add": 1}], "more than 0"),
        ([{"input": "x", "each": 5, "factor": "2"}], "“each” goes with “add”"),
        ([{"input": "x", "factor": "2"}] * 51, "at most 50 rules"),
        ([{"input": "x", "factor": "2"}, {"input": "x", "add": "1"}], "Rule 2:"),
    ],
)
def test_what_is_no_rule_is_refused_by_its_place_and_reason(raw: Any, words: str) -> None:
    with pytest.raises(price_rules.BadRules, match=words):
        price_rules.parse(raw)

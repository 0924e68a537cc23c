"""The text syntax of price rules: parsed as written, and written so that it parses to the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictions.pricing import price_rules, rule_syntax


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("steps above 30: factor 1.5", {"input": "steps", "above": 30, "factor": "1.5"}),
        ("quality is hd: add 0.4", {"input": "quality", "is": "hd", "add": 400_000}),
        ("size in 2K, 4K: set 2", {"input": "size", "in": ["2K", "4K"], "set": 2_000_000}),
        (
            "width above 1024 each 256: add -0.05",
            {"input": "width", "above": 1024, "each": 256, "add": -50_000},
        ),
        ("ratio is 16:9: factor 2", {"input": "ratio", "is": "16:9", "factor": "2"}),
        ("n in 1, 2.5, true, two: add 1", {"input": "n", "in": [1, 2.5, True, "two"], "add": 1_000_000}),
        ('name is "1": add 1', {"input": "name", "is": "1", "add": 1_000_000}),
        ('name in "a, b", c: add 1', {"input": "name", "in": ["a, b", "c"], "add": 1_000_000}),
        ("steps above 5 below 9.5: set 0", {"input": "steps", "above": 5, "below": 9.5, "set": 0}),
        ("prompt: factor 2", {"input": "prompt", "factor": "2"}),
    ],
)
def test_a_line_says_a_rule(line: str, rule: dict[str, Any]) -> None:
    assert rule_syntax.read(f"\n  {line}  \n\n") == [rule]
    assert rule_syntax.read(rule_syntax.write([rule])) == [rule]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("steps above 30", "Line 1: a rule ends in"),
        ("a: add 1\nb above many: add 1", "Line 2: “above” is a number"),
        ("a b c: add 1", "begins with the name of an input"),
        ("a is 1 is 2: add 1", "“is” stands there twice"),
        ("a is 1: add much", "Line 1: An amount is a decimal number"),
        ("a is 1: factor much", "Line 1: “factor” is a decimal number"),
        ("a each 5: factor 2", "“each” goes with “add”"),
        ('a in "b" c: add 1', "stand apart by commas"),
        ("\n".join(["a: add 1"] * 51), "at most 50 rules"),
        ("a" * 20_001, "at most 20,000 characters"),
        # Nothing closes any of these quotes: each was looked for to the end.
        ("a " + '\\"' * 9_900 + ": add 1", "begins with the name of an input"),
    ],
)
def test_what_is_no_rule_is_told_by_its_line(text: str, words: str) -> None:
    with pytest.raises(price_rules.BadRules, match=words):
        rule_syntax.read(text)


@pytest.mark.parametrize(
    "text",
    [
        "steps above 30", "b above many: add 1", "a b c: add 1", "a is 1 is 2: add 1", "a is 1: factor much",
        "a each 5: factor 2", "a each 0: add 2", "a above 5 below 4: add 1", 'a in "b" c: add 1', "a: set -1",
        "a is 1 in 2, 3: add 1", f"a is {'b' * 201}: add 1", "a" * 20_001,
    ],
)  # fmt: skip
def test_what_people_can_write_wrongly_is_said_in_their_language(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (rule_syntax, price_rules):
        monkeypatch.setattr(module, "_", lambda words: words if words.startswith("%(") else f"[{words}]")
    with pytest.raises(price_rules.BadRules) as caught:
        rule_syntax.read(text)
    where, colon, fault = str(caught.value).partition("]: ")
    assert (fault if colon else where).startswith("[") and (not colon or where == "[Line 1")


_ALPHABET = [*"ab1 ,:.-", '"', "\\", "\n", "点"]
values = st.one_of(
    st.text(_ALPHABET, max_size=12),
    st.integers(-(10**9), 10**9),
    st.booleans(),
    st.sampled_from(["true", "1", " hd", "a,b", 'say "x"', "is in above", "16:9", ""]),
)
a_rule = st.one_of(
    st.fixed_dictionaries(
        {"input": st.sampled_from(["x", "num_outputs"]), "is": values, "add": st.integers(-(10**9), 10**9)}
    ),
    st.fixed_dictionaries(
        {"input": st.just("x"), "in": st.lists(values, min_size=1, max_size=4), "factor": st.just("1.5")}
    ),
)


@given(st.lists(a_rule, max_size=4))
def test_whatever_rules_there_are_are_read_back_as_they_were(some: list[dict[str, Any]]) -> None:
    again = rule_syntax.read(rule_syntax.write(some))
    assert again == some
    assert [[type(v) for v in rule.get("in", [rule.get("is")])] for rule in again] == [
        [type(v) for v in rule.get("in", [rule.get("is")])] for rule in some
    ]

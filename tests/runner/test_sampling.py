"""Which of many alike cases one run tries."""

from __future__ import annotations

import pytest

from tests.runner import sampling
from tests.runner.sampling import one_in, one_in_each, one_of, short_or_whole

CASES = [f"case {number}" for number in range(400)]


@pytest.fixture(autouse=True)
def _a_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(sampling.WHOLE, raising=False)
    monkeypatch.delenv(sampling.TURN, raising=False)


def test_about_one_in_four_is_tried_in_its_order() -> None:
    chosen = one_in(4, CASES)
    assert 70 < len(chosen) < 130
    assert chosen == [case for case in CASES if case in set(chosen)]


def test_the_same_turn_tries_the_same() -> None:
    assert one_in(4, CASES) == one_in(4, CASES)


def test_forty_turns_try_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: set[str] = set()
    for turn in range(40):
        monkeypatch.setenv(sampling.TURN, f"commit {turn}")
        tried |= set(one_in(4, CASES))
    assert tried == set(CASES)


def test_one_is_always_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    for turn in range(40):
        monkeypatch.setenv(sampling.TURN, f"commit {turn}")
        assert one_in(1_000, CASES[:3])


def test_the_whole_is_tried_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (len(one_of(CASES)), short_or_whole(3, 20)) == (1, 3)
    monkeypatch.setenv(sampling.WHOLE, "1")
    assert one_in(4, CASES) == one_of(CASES) == CASES
    assert short_or_whole(3, 20) == 20


def test_each_of_two_has_its_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = []
    for turn in range(40):
        monkeypatch.setenv(sampling.TURN, f"commit {turn}")
        chosen += one_of(CASES[:2])
    assert 10 < chosen.count(CASES[0]) < 30


def test_cases_are_told_apart_by_what_they_are_named_by() -> None:
    assert one_in(4, enumerate(CASES), name=lambda case: case[1]) == [
        (number, case) for number, case in enumerate(CASES) if case in set(one_in(4, CASES, str))
    ]


def test_of_each_thing_others_of_its_cases_are_tried() -> None:
    assert one_in(4, CASES, of="a page") != one_in(4, CASES, of="a form")
    assert one_in(4, CASES, str, of="a page") == one_in(4, CASES, "a page {}".format)


def test_of_each_kind_one_is_always_tried() -> None:
    cases = [(kind, number) for kind in "abc" for number in range(9)]
    tried = one_in_each(4, cases, lambda case: case[0])
    assert {kind for kind, _number in tried} == set("abc") and set(tried) < set(cases)

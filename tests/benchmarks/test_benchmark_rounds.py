"""The benchmarks measure what they say: answers are counted once, errors are seen, ratios are taken round by round."""

from __future__ import annotations

import pytest

from benchmarks import load
from benchmarks.harness import Series, number, rounds, table
from benchmarks.parts.replay import _as_one
from tests.config.server.conftest import Served, _own_views, lean, serve

__all__ = ["_own_views", "lean", "serve"]


def test_the_load_counts_every_answer_once(lean: Served) -> None:
    seen = load.measure(lean.port, load.request("GET", "/hello"), connections=3, seconds=0.2)

    assert seen.errors == 0
    assert seen.answers == len(seen.times) >= 3
    assert seen.percentile(0.5) <= seen.percentile(0.99)


def test_an_answer_with_another_status_is_an_error(lean: Served) -> None:
    seen = load.measure(lean.port, load.request("GET", "/unknown"), connections=1, seconds=0.1)

    assert seen.errors == seen.answers > 0


def test_a_body_arrives_with_its_token(lean: Served) -> None:
    request = load.request("POST", "/v1/refuses-strangers", token="x", body=b"{}")

    assert load.measure(lean.port, request, connections=1, seconds=0.1).errors == 0


def test_a_ratio_is_taken_round_by_round() -> None:
    ratio = Series("mine", [1, 2, 30]).ratio_to(Series("control", [10, 10, 100]))

    assert ratio.values == [0.1, 0.2, 0.3]
    assert str(ratio) == "0.20 (0.10–0.30)"


def test_rounds_alternate_their_order() -> None:
    order: list[str] = []
    rounds({name: lambda name=name: order.append(name) or 1.0 for name in "ab"}, 2)

    assert order == ["a", "b", "b", "a"]


@pytest.mark.parametrize(
    ("value", "shown"), [(12345.6, "12,346"), (12.34, "12.3"), (1.234, "1.23"), (0.0123, "0.012")]
)
def test_numbers_have_three_digits(value: float, shown: str) -> None:
    assert number(value) == shown


def test_a_table_is_markdown() -> None:
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_writes_become_one_statement_with_all_their_values() -> None:
    writes = [("UPDATE a SET b = %s RETURNING b", [1]), ("INSERT INTO c VALUES (%s)", [2])]

    sql, values = _as_one(writes)

    assert sql == (
        "WITH w0 AS (UPDATE a SET b = %s RETURNING b), w1 AS (INSERT INTO c VALUES (%s) RETURNING 1) SELECT 1"
    )
    assert values == [1, 2]

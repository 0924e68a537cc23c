"""The lane on PostgreSQL is made smaller without a statement that nobody sends there any more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runner import postgres_selection, sqlite_only
from tests.runner.postgres_selection import Sent, plain, redundant_tests
from tests.support.source_rules import ROOT


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT 1 WHERE a IN (%s, %s)", "SELECT 1 WHERE a IN (%s, %s, %s)"),
        ("SELECT a LIMIT 21", "SELECT a LIMIT 3"),
        ("UPDATE a SET b = 'it''s'", "UPDATE a SET b = 'x'"),
        ("INSERT INTO a VALUES (%s, DEFAULT), (%s, DEFAULT)", "INSERT INTO a VALUES (%s, DEFAULT)"),
        ('SAVEPOINT "s140_x1"', 'SAVEPOINT "s99_x22"'),
    ],
)
def test_statements_that_differ_in_values_alone_are_one(one: str, other: str) -> None:
    first, second = plain(one), plain(other)
    assert first.replace("…", "") == second.replace("…", "")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT a FROM t1", "SELECT a FROM t2"),
        ("SELECT a WHERE a = %s", "SELECT a WHERE a > %s"),
        ('SAVEPOINT "s1"', 'RELEASE SAVEPOINT "s1"'),
        ("SELECT a WHERE b = %s FOR UPDATE", "SELECT a WHERE b = %s"),
    ],
)
def test_statements_that_ask_for_something_else_are_two(one: str, other: str) -> None:
    assert plain(one) != plain(other)


def test_every_statement_is_still_sent_and_what_is_more_than_a_statement_stays() -> None:
    tests = {
        "a": Sent({"1", "2"}, 0.1),
        "b": Sent({"2"}, 0.1),
        "c": Sent({"2", "3"}, 9.0),
        "d": Sent({"3"}, 0.1),
        "e": Sent({"1"}, 0.1, "races"),
    }

    gone = redundant_tests(tests)

    assert {text for name in tests.keys() - set(gone) for text in tests[name].texts} == {"1", "2", "3"}
    assert "e" not in gone and "c" in gone and gone


def test_what_the_kinds_answer_differently_is_asked_by_several() -> None:
    dates, texts = "SELECT a AT TIME ZONE %s", postgres_selection.TIMES + 3
    tests = {str(number): Sent({dates, "SELECT 1"}, 0.1) for number in range(texts)}

    assert len(tests) - len(redundant_tests(tests)) == postgres_selection.TIMES


def test_a_statement_counts_apart_where_it_is_refused() -> None:
    recorder = postgres_selection.Recorder(Path())
    recorder.note("SELECT 1")
    recorder.error(ValueError())

    assert len(recorder.sent("").texts) == 2


def test_the_list_names_tests_or_single_cases_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_only, "LIST", tmp_path / "list.txt")
    gone = {"tests/test_a.py::test_x[1]", "tests/test_a.py::test_y[1]", "tests/test_b.py::test_z"}

    sqlite_only.write(gone, {"tests/test_a.py::test_x[2]"})
    try:
        assert {name for name in [*gone, "tests/test_a.py::test_y[2]"] if sqlite_only.is_sqlite_only(name)} == {
            *gone, "tests/test_a.py::test_y[2]",
        }  # fmt: skip
        for name in ("tests/test_a.py::test_x[2]", "tests/test_a.py::test_new", "tests/test_c.py::test_z"):
            assert not sqlite_only.is_sqlite_only(name)
        monkeypatch.setenv(sqlite_only.ALL, "1")
        assert not any(map(sqlite_only.is_sqlite_only, gone))
    finally:
        sqlite_only.listed.cache_clear()


def test_the_list_is_made_of_the_tests_of_the_lane() -> None:
    script = (ROOT / "script" / "test").read_text()
    assert f'plain="{postgres_selection.COMPUTING}"' in script
    assert all(word in script for word in postgres_selection.LANE if word.startswith("--ignore"))


def test_what_is_always_chosen_is_there() -> None:
    files = [str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py")]
    assert [
        name for name in postgres_selection.WHOLE if not any(file.startswith(name) for file in files)
    ] == []

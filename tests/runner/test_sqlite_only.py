"""What runs on one kind of database is there, and asks nothing in which the kinds differ."""

from __future__ import annotations

import ast
import re

import pytest

from tests.runner.sqlite_only import SQLITE_ONLY, THREADS, is_sqlite_only
from tests.support.source_rules import ROOT

OF_A_KIND = re.compile(
    r"transaction=True|transactional_db|tests\.races|\bON_POSTGRES\b|\.vendor\b|\.raw\(|\.cursor\(|\bPostgres\b"
)
"""What a test that may tell one kind from another has in its text."""


def text_of(path: str, test: str) -> str:
    """A file, or one test of it with its decorators and its file's marks; an AssertionError where there is none."""
    text = (ROOT / path).read_text()
    if not test:
        return text
    parts = [one for one in ast.parse(text).body if getattr(one, "name", "") == test or _is_marks(one)]
    assert any(getattr(one, "name", "") == test for one in parts)
    lines, first = text.splitlines(), [min([one.lineno, *_decorated(one)]) for one in parts]
    return "\n".join(
        line for one, at in zip(parts, first, strict=True) for line in lines[at - 1 : one.end_lineno]
    )


def _decorated(one: ast.stmt) -> list[int]:
    return [each.lineno for each in getattr(one, "decorator_list", ())]


def _is_marks(one: ast.stmt) -> bool:
    return isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == "pytestmark"


@pytest.mark.parametrize("name", SQLITE_ONLY)
def test_it_is_there_and_asks_for_no_kind(name: str) -> None:
    path, _, test = name.partition("::")
    text = text_of(path, test.partition("[")[0])
    allowed = {"transaction=True"} if path in THREADS else set()
    assert set(OF_A_KIND.findall(text)) <= allowed


@pytest.mark.parametrize(
    ("name", "one_kind"),
    [
        ("tests/gallery/public/test_oembed.py::test_x[a-b]", True),
        ("tests/security/test_access_everywhere.py::test_alice_finds_what_others_do_not", True),
        ("tests/security/test_access_everywhere.py::test_x", False),
        ("tests/accounts/credits/test_credits.py::test_x", False),
        ("tests/gallery/search/test_search.py::test_x[tests/gallery/public/test_oembed.py]", False),
    ],
)
def test_it_names_files_and_single_tests(name: str, one_kind: bool) -> None:
    assert is_sqlite_only(name) is one_kind

"""What runs on one kind of database is there, and asks nothing in which the kinds differ."""

from __future__ import annotations

import re

import pytest

from tests.either import EITHER, THREADS, runs_on_either
from tests.rules import ROOT

OF_A_KIND = re.compile(
    r"transaction=True|transactional_db|tests\.races|\bON_POSTGRES\b|\.vendor\b|\.raw\(|\.cursor\(|\bPostgres\b"
)
"""What a test that may tell one kind from another has in its text."""


@pytest.mark.parametrize("name", EITHER)
def test_it_is_there_and_asks_for_no_kind(name: str) -> None:
    path, _, test = name.partition("::")
    text = (ROOT / path).read_text()
    assert not test or f"def {test}(" in text
    allowed = {"transaction=True"} if path in THREADS else set()
    assert set(OF_A_KIND.findall(text)) <= allowed


@pytest.mark.parametrize(
    ("name", "one_kind"),
    [
        ("tests/gallery/test_oembed.py::test_x[a-b]", True),
        ("tests/gallery/test_strangers_everywhere.py::test_alice_finds_what_others_do_not", True),
        ("tests/gallery/test_strangers_everywhere.py::test_x", False),
        ("tests/accounts/test_credits.py::test_x", False),
        ("tests/gallery/test_search.py::test_x[tests/gallery/test_oembed.py]", False),
    ],
)
def test_it_names_files_and_single_tests(name: str, one_kind: bool) -> None:
    assert runs_on_either(name) is one_kind

"""Tests that ask the database and would learn nothing from another kind of it: they run on SQLite alone.

The rule: what is asked there is settled before the database is reached or after it has answered: who may enter, what
is refused unread, what a page or a document looks like, how many questions were asked. Never here: money, lifecycle,
races, search, lists, what is deleted, and SQL of our own; nor what a number or a word from outside does to a column, on
which the two kinds do differ. In doubt a test runs on both. Some that walk through every page cost as much as a hundred
others: what of them is about columns stays (`test_what_can_be_no_id_is_not_there`, `test_hostile_words.py`).

Beside these stand, in `either.txt`, those that send no statement that others would not send (`tests/statements.py`).
"""

from __future__ import annotations

import os
from functools import lru_cache
from itertools import groupby
from pathlib import Path

ALL = "DARKROOM_TEST_ALL_DATABASES"
"""The variable that has those of the list run on each kind as well; `script/test --all-databases`."""
LIST = Path(__file__).with_suffix(".txt")
_HEAD = """\
# Tests that run on SQLite alone, by file: on PostgreSQL they would send no statement that no other test sends there.
# Made by `python -m tests.postgres --choose`; names that are no test any more do no harm.
"""

ENTRY = "who may enter is decided from the request, the member and a key"
REFUSED = "refused before anything is asked or stored"
LOOKS = "what is drawn of rows that are there"
FILES = "what becomes of a file's bytes"
WIRE = "what the server does with bytes before and after a view"

THREADS = ("tests/faults/test_upstream_matrix.py", "tests/serving/test_content_types.py")
"""Files of which transactions are committed for that alone that another thread answers, which must see the rows."""

EITHER: dict[str, str] = {
    # a file or a test: why the kind of database is nothing to it
    "tests/accounts/entrance/test_second_factor.py": ENTRY,
    "tests/accounts/entrance/test_social.py": ENTRY,
    "tests/accounts/staff/test_rights.py": ENTRY,
    "tests/test_banned_everywhere.py": ENTRY,
    "tests/test_permission_table.py": ENTRY,
    "tests/test_permissions.py": ENTRY,
    **{
        f"tests/gallery/test_strangers_everywhere.py::{name}": ENTRY
        for name in (
            "test_another_member_finds_nothing_of_alices_on_any_page",
            "test_a_visitor_finds_nothing_of_alices_anywhere",
            "test_another_members_token_opens_nothing_of_alices",
            "test_alice_finds_what_others_do_not",
            "test_no_list_and_no_form_tells_another_member_of_alices_things",
            "test_no_list_tells_others_of_alices_things",
            "test_what_is_open_is_still_its_owners_to_change",
        )
    },
    **{
        f"tests/gallery/test_taken_back.py::{name}": ENTRY
        for name in (
            "test_a_picture_that_is_no_longer_shown_is_gone_everywhere[hidden]",
            "test_a_picture_that_is_no_longer_shown_is_gone_everywhere[trashed]",
            "test_who_sees_what_of_a_collection_is_what_the_house_says",
        )
    },
    "tests/admin/test_panels.py::test_history_is_neither_added_to_nor_changed_nor_deleted": ENTRY,
    "tests/admin/test_panels.py::test_every_page_to_add_a_row_shows_nothing_that_is_not_there_yet": LOOKS,
    "tests/admin/test_panels.py::test_every_row_opens": LOOKS,
    "tests/admin/test_panels.py::test_the_side_bar_is_grouped": LOOKS,
    "tests/accounts/entrance/test_attempts.py::test_nothing_that_a_browser_says_of_a_passkey_breaks_the_page": REFUSED,
    "tests/api/test_cors.py": REFUSED,
    "tests/openai/test_sizes.py": REFUSED,
    "tests/replicate/test_bad_input.py": REFUSED,
    "tests/api/test_description.py": LOOKS,
    "tests/gallery/test_oembed.py": LOOKS,
    "tests/gallery/test_pages.py": LOOKS,
    "tests/gallery/test_pasted_links.py": LOOKS,
    "tests/gallery/test_studio.py": LOOKS,
    "tests/gallery/test_studio_inputs.py": LOOKS,
    "tests/gallery/test_studio_panel.py": LOOKS,
    "tests/gallery/test_transparent.py": LOOKS,
    "tests/guide/test_pages.py": LOOKS,
    "tests/replicate/test_openapi_documents.py": LOOKS,
    "tests/gallery/test_content_credentials.py": FILES,
    "tests/gallery/test_disguised_uploads.py": FILES,
    "tests/gallery/test_file_metadata.py": FILES,
    "tests/gallery/test_films.py": FILES,
    "tests/gallery/test_missing_files.py": FILES,
    "tests/serving/test_bodies.py": WIRE,
    "tests/serving/test_content_types.py": WIRE,
    "tests/serving/test_like_django.py": WIRE,
    "tests/test_middleware.py": WIRE,
    "tests/test_pages_only.py": WIRE,
    "tests/gallery/test_query_budgets.py": "the queries are counted, and are as many on each kind",
}


def runs_on_either(name: str) -> bool:
    """Whether a test, by pytest's name for it, is one of these."""
    words = {name, name.partition("[")[0]}
    if name.partition("::")[0] in EITHER or not words.isdisjoint(EITHER):
        return True
    return os.environ.get(ALL) != "1" and not words.isdisjoint(listed())


@lru_cache(maxsize=1)
def listed() -> frozenset[str]:
    """The names in the list: of tests, or of single cases of one."""
    path, names = "", []
    for line in LIST.read_text().splitlines() if LIST.exists() else ():
        if line.startswith("  "):
            names.append(f"{path}::{line[2:]}")
        elif not line.startswith("#"):
            path = line
    return frozenset(names)


def write(cases: set[str], others: set[str]) -> None:
    """Write the list anew. A test of which no case is among the others stands there once, for all of its cases."""
    needed = {name.partition("[")[0] for name in others}
    names = {name if (test := name.partition("[")[0]) in needed else test for name in cases}
    by_file = groupby(sorted(name.partition("::")[::2] for name in names), key=lambda one: one[0])
    lines = [line for path, tests in by_file for line in (path, *(f"  {test}" for _path, test in tests))]
    LIST.write_text(_HEAD + "".join(f"{line}\n" for line in lines))
    listed.cache_clear()

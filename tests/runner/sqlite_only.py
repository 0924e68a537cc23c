"""Tests that use the database but would find nothing more on another kind: they run on SQLite alone.

The rule: what is asked there is settled before the database is reached or after it has answered: who may enter, what
is refused unread, what a page or a document looks like, how many questions were asked. Never here: money, lifecycle,
races, search, lists, what is deleted, and SQL of our own; nor what a number or a word from outside does to a column, on
which the two kinds do differ. In doubt a test runs on both. Some that walk through every page cost as much as a hundred
others: what of them is about columns stays (`test_what_can_be_no_id_is_not_there`, `test_malicious_text.py`).

`sqlite_only.txt` adds those that send no statement that others would not send
(`tests/runner/postgres_selection.py`).
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

THREADS = ("tests/faults/test_upstream_faults.py", "tests/config/server/test_content_types.py")
"""Files of which transactions are committed for that alone that another thread answers, which must see the rows."""

SQLITE_ONLY: dict[str, str] = {
    # a file or a test: why the kind of database is nothing to it
    "tests/accounts/auth/test_second_factor.py": ENTRY,
    "tests/accounts/auth/test_social_login.py": ENTRY,
    "tests/accounts/staff/test_privilege_escalation.py": ENTRY,
    "tests/security/test_bans_everywhere.py": ENTRY,
    "tests/security/test_staff_permissions.py": ENTRY,
    "tests/security/test_token_scopes.py": ENTRY,
    **{
        f"tests/security/test_access_everywhere.py::{name}": ENTRY
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
        f"tests/gallery/items/test_withdrawal.py::{name}": ENTRY
        for name in (
            "test_a_picture_that_is_no_longer_shown_is_gone_everywhere[hidden]",
            "test_a_picture_that_is_no_longer_shown_is_gone_everywhere[trashed]",
            "test_each_audience_sees_its_part_of_a_collection",
        )
    },
    "tests/admin/test_model_admins.py::test_history_is_neither_added_to_nor_changed_nor_deleted": ENTRY,
    "tests/admin/test_model_admins.py::test_every_page_to_add_a_row_shows_nothing_that_is_not_there_yet": LOOKS,
    "tests/admin/test_model_admins.py::test_every_row_opens": LOOKS,
    "tests/admin/test_model_admins.py::test_the_side_bar_is_grouped": LOOKS,
    "tests/accounts/auth/test_second_factor_attempts.py::test_nothing_that_a_browser_says_of_a_passkey_breaks_the_page": REFUSED,  # noqa: E501
    "tests/api/test_cors.py": REFUSED,
    "tests/predictions/api_dialects/openai/test_image_sizes.py": REFUSED,
    "tests/predictions/api_dialects/replicate/test_create_errors.py": REFUSED,
    "tests/api/test_openapi_document.py": LOOKS,
    "tests/gallery/public/test_oembed.py": LOOKS,
    "tests/config/test_page_basics.py": LOOKS,
    "tests/gallery/shares/test_link_preview.py": LOOKS,
    "tests/studio/test_studio_form.py": LOOKS,
    "tests/studio/test_input_pictures.py": LOOKS,
    "tests/studio/test_model_controls.py": LOOKS,
    "tests/gallery/items/test_transparency.py": LOOKS,
    "tests/studio/guide/test_guide_pages.py": LOOKS,
    "tests/predictions/api_dialects/replicate/test_openapi_documents.py": LOOKS,
    "tests/gallery/provenance/test_content_credentials.py": FILES,
    "tests/security/test_disguised_uploads.py": FILES,
    "tests/gallery/provenance/test_file_metadata.py": FILES,
    "tests/gallery/items/test_videos.py": FILES,
    "tests/gallery/items/test_missing_files.py": FILES,
    "tests/config/server/test_request_bodies.py": WIRE,
    "tests/config/server/test_content_types.py": WIRE,
    "tests/config/server/test_django_parity.py": WIRE,
    "tests/config/middleware/test_response_headers.py": WIRE,
    "tests/config/middleware/test_page_only.py": WIRE,
    "tests/gallery/test_query_budgets.py": "the queries are counted, and are as many on each kind",
}


def is_sqlite_only(name: str) -> bool:
    """Whether a test, by pytest's name for it, is one of these."""
    words = {name, name.partition("[")[0]}
    if name.partition("::")[0] in SQLITE_ONLY or not words.isdisjoint(SQLITE_ONLY):
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
    """Rewrite the list. A test none of whose cases is among the others is listed once, for all of its cases."""
    needed = {name.partition("[")[0] for name in others}
    names = {name if (test := name.partition("[")[0]) in needed else test for name in cases}
    by_file = groupby(sorted(name.partition("::")[::2] for name in names), key=lambda one: one[0])
    lines = [line for path, tests in by_file for line in (path, *(f"  {test}" for _path, test in tests))]
    LIST.write_text(_HEAD + "".join(f"{line}\n" for line in lines))
    listed.cache_clear()

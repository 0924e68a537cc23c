"""The layout stays: small folders, names of the field, one name for one thing, no circles, a map that is true."""

from __future__ import annotations

import pytest

from tests import layout

pytestmark = pytest.mark.usefixtures("product_source")

ROOT_MODULES, FOLDER_MODULES = 8, 15
LONGEST, SHORTEST = 400, 25
LAZY_IMPORTS = 75
"""Imports of ours inside functions, most of them in `ready()` and in commands. May only fall."""
TERMS = {"accounts.sessions.known_devices"}
"""Names that the field has although a word in them is denied."""
LONG = {"config.server.http_protocol"}
"""Modules over the limit. May only become fewer."""
SHORT = {
    "accounts.auth.login_redirect", "core.api.examples", "core.cache.counters", "core.http.denials",
    "gallery.converters", "gallery.search.backend_registry", "predictions.admin.predictions",
    "predictions.api.example_values", "predictions.files.image_formats", "predictions.lifecycle.leases",
}  # fmt: skip
"""Modules that are their own subject in few lines. May only become fewer."""


def test_no_folder_holds_more_modules_than_one_overlooks() -> None:
    found = {folder: len(inside) for folder, inside in layout.folders().items()}
    assert {one: n for one, n in found.items() if n > (FOLDER_MODULES if "/" in one else ROOT_MODULES)} == {}


def test_what_wants_to_be_a_folder_is_one() -> None:
    flat = {
        (folder, prefix): names
        for folder, inside in layout.folders().items()
        for prefix in layout.FLAT_PREFIXES
        if len(names := [name for name in inside if name.startswith(prefix)]) > 1
    }
    assert flat == {}


def test_modules_bear_nouns_of_the_field() -> None:
    denied = {name for name in layout.modules() if layout.DENIED & set(layout.words(name))}
    assert layout.gerunds() == []
    assert denied - TERMS == set()


def test_no_basename_means_two_things() -> None:
    assert layout.repeated() == {}


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert layout.circles() == []


def test_ever_fewer_imports_stand_inside_functions() -> None:
    assert len(layout.lazy_imports()) <= LAZY_IMPORTS, "\n".join(layout.lazy_imports())


def test_modules_are_neither_long_nor_a_handful_of_lines() -> None:
    sizes = {
        name: layout.lines(name)
        for name, path in layout.modules().items()
        if path.stem not in layout.PER_APP and not {"commands", "templatetags"} & set(path.parts)
    }
    # `config.asgi` is where servers look.
    assert {name for name, size in sizes.items() if size < SHORTEST} - SHORT - {"config.asgi"} == set()
    assert {name for name, size in sizes.items() if size > LONGEST} - LONG == set()


def test_every_room_says_in_a_line_what_it_is_for() -> None:
    rooms = [name for name, path in layout.modules().items() if path.stem == "__init__"]
    django = {"management", "commands", "templatetags"}
    silent = [name for name in rooms if not layout.purpose(name) and not django & set(name.split("."))]
    assert silent == []


def test_the_map_shows_the_packages_as_they_are() -> None:
    assert layout.drawn_tree() == layout.tree(), "python -m tests.layout --tree draws it anew"

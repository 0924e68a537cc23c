"""The names under which browsers keep the pages' own files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.test import override_settings

from config.staticfiles import HashedStaticFiles


@pytest.fixture
def hashed(tmp_path: Path) -> HashedStaticFiles:
    """The storage over two modules of ours and one of somebody else's, processed as at a start."""
    (tmp_path / "js").mkdir()
    (tmp_path / "theirs").mkdir()
    (tmp_path / "js" / "one.js").write_text(
        'import { two } from "./two.js";\nexport * from "./two.js";\nconst late = () => import("./two.js");\n'
    )
    (tmp_path / "js" / "two.js").write_text("export const two = 2;\n")
    (tmp_path / "theirs" / "odd.js").write_text('// import x from "./nowhere.js";\n')
    storage = HashedStaticFiles(location=str(tmp_path), base_url="/static/")
    plain = FileSystemStorage(location=str(tmp_path))
    names = ["js/one.js", "js/two.js", "theirs/odd.js"]
    for _, _, processed in storage.post_process({name: (plain, name) for name in names}):
        assert not isinstance(processed, Exception), processed
    return storage


@override_settings(DEBUG=False)
def test_a_module_asks_for_its_neighbours_by_their_hashed_names(hashed: HashedStaticFiles) -> None:
    with hashed.open(hashed.stored_name("js/one.js")) as file:
        asked = re.findall(r'"(\./[^"]+)"', file.read().decode())
    two = "./" + Path(hashed.stored_name("js/two.js")).name
    assert two != "./two.js"
    assert asked == [two, two, two]


def test_what_others_import_is_left_as_it_is(hashed: HashedStaticFiles) -> None:
    with hashed.open(hashed.stored_name("theirs/odd.js")) as file:
        assert b'"./nowhere.js"' in file.read()


def test_every_import_of_ours_names_a_file_that_exists() -> None:
    scripts = Path(settings.BASE_DIR, "static", "js")
    for script in scripts.glob("*.js"):
        for name in re.findall(r'\b(?:from|import)\s*\(?\s*"(\.[^"]+)"', script.read_text()):
            assert (scripts / name).is_file(), f"{script.name} imports {name}"

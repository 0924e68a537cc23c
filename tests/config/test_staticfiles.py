"""The names under which browsers keep the pages' own files."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.test import Client, RequestFactory, override_settings

from config import staticfiles
from config.middleware import error_pages
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


def test_each_name_of_a_file_lies_there_compressed_and_source_maps_do_not(tmp_path: Path) -> None:
    for name in ("long.css", "long.css.map"):
        (tmp_path / name).write_text("a { color: red; }\n" * 500)
    storage = HashedStaticFiles(location=str(tmp_path), base_url="/static/")
    plain = FileSystemStorage(location=str(tmp_path))
    list(storage.post_process({name: (plain, name) for name in ("long.css", "long.css.map")}))
    compressed = sorted(tmp_path.glob("*.gz"))
    assert len(compressed) == 2 and not [path for path in compressed if ".map" in path.name]
    assert {gzip.decompress(path.read_bytes()) for path in compressed} == {
        (tmp_path / "long.css").read_bytes()
    }


def test_every_import_of_ours_names_a_file_that_exists() -> None:
    scripts = Path(settings.BASE_DIR, "static", "js")
    for script in scripts.glob("*.js"):
        for name in re.findall(r'\b(?:from|import)\s*\(?\s*"(\.[^"]+)"', script.read_text()):
            assert (scripts / name).is_file(), f"{script.name} imports {name}"


@pytest.fixture
def uncollected(settings: Any, tmp_path: Path) -> None:
    """A process whose static files were never collected."""
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "config.staticfiles.HashedStaticFiles"}
    }


def test_without_collected_files_a_page_and_the_page_of_an_error_open(uncollected: None, db: None) -> None:
    client = Client()
    page, error = client.get("/gallery/"), client.get("/nowhere/")
    assert (page.status_code, error.status_code) == (200, 404)
    assert "/static/css/base.css" in error.content.decode()
    assert "No such page" in error.content.decode()
    assert not staticfiles.are_here()


def test_an_error_whose_page_cannot_be_made_still_says_what_happened(
    monkeypatch: pytest.MonkeyPatch, rf: RequestFactory
) -> None:
    def broken(*_named: object) -> str:
        raise RuntimeError("no templates")

    monkeypatch.setattr(error_pages.loader, "render_to_string", broken)
    answer = error_pages.error_page(rf.get("/"), 500)
    assert answer.status_code == 500
    assert "Something broke on our side. Nothing was charged." in answer.content.decode()


def test_files_are_collected_once_however_many_processes_start(settings: Any, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATICFILES_DIRS = [tmp_path / "own"]
    (tmp_path / "own" / "css").mkdir(parents=True)
    (tmp_path / "own" / "css" / "own.css").write_text("a {}")
    staticfiles.collect()
    made = tmp_path / "static" / "css" / "own.css"
    made.unlink()
    staticfiles.collect()
    assert not made.exists()
    (tmp_path / "static" / ".collected").write_text("of another version")
    staticfiles.collect()
    assert made.exists()

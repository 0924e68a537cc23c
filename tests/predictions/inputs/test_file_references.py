"""`InputFiles`: the file references of an input, parsed once."""

from __future__ import annotations

from typing import Any

import pytest

from predictions.inputs.files import FileReference, InputFiles, output_named, upload_named
from predictions.models import Version

HERE = "https://here.example"
PUBLIC = "https://public.example"
ID = "a" * 26
URI = {"type": "string", "format": "uri"}
SCHEMA = {"properties": {"prompt": {"type": "string"}, "image": URI, "more": {"type": "array", "items": URI}}}


@pytest.fixture(autouse=True)
def public(settings: Any) -> None:
    settings.PUBLIC_URL = PUBLIC


def files(**given: Any) -> InputFiles:
    return InputFiles(Version(input_schema=SCHEMA), given, HERE)


def one(value: str) -> FileReference:
    (found,) = files(image=value).references
    return found


def test_it_tells_the_four_kinds_apart() -> None:
    inline, foreign = one("DATA:image/png;base64,AA=="), one("HTTP://far.example/a.png")
    upload, output = one(f"{HERE}/v1/files/{ID}"), one(f"{PUBLIC}/f/token/a%20b.png")
    kinds = [(each.is_inline, each.upload, each.output, each.is_foreign) for each in (inline, upload, output)]
    assert kinds == [
        (True, None, None, False),
        (False, ID, None, False),
        (False, None, ("token", "a b.png"), False),
    ]
    assert foreign.is_foreign and foreign.is_address and not inline.is_address
    assert [each.is_ours for each in (inline, upload, output, foreign)] == [False, True, True, False]


def test_it_reads_lists_and_what_the_schema_calls_a_file_alone() -> None:
    address = f"{HERE}/replicate/v1/files/{ID}/download?expiry=1"
    found = files(prompt=address, image=None, more=[address, 3, "https://far.example/b"], unknown=address)
    assert [(each.name, each.in_list, each.upload) for each in found.references] == [
        ("more", True, ID),
        ("more", True, None),
    ]
    assert found.uploads == {ID} and not found.addresses and not found.names_ours and not found.by_name()
    assert [each.value for each in found.foreign] == ["https://far.example/b"]
    assert not files(prompt=address) and not found.has_inline()
    assert files(more=["x", "data:,a"]).has_inline()


def test_it_reads_an_input_once() -> None:
    found = files(image="https://far.example/a")
    assert found.references is found.references and found.uploads is found.uploads


@pytest.mark.parametrize(
    "url", [f"{HERE}.evil/v1/files/{ID}", f"{HERE}/v1/files/{ID}x", f"{HERE}/f/a/b%00.png"]
)
def test_what_only_looks_like_ours_is_a_strangers(url: str) -> None:
    assert one(url).is_foreign
    assert upload_named(url, ("", HERE)) is None and output_named(url, ("", HERE)) is None

"""Data URIs in every form that clients send."""

from __future__ import annotations

import pytest

from core import data_uri


@pytest.mark.parametrize(
    ("text", "content_type", "data"),
    [
        ("data:image/png;base64,AAEC", "image/png", b"\x00\x01\x02"),
        ("data:IMAGE/PNG;BASE64,AAEC", "image/png", b"\x00\x01\x02"),
        ("data:image/png;name=x.png;base64,AAEC", "image/png", b"\x00\x01\x02"),
        ("data:image/png;base64,AAE", "image/png", b"\x00\x01"),
        ("data:image/png;base64,AA E%3D", "image/png", b"\x00\x01"),
        ("data:image/png;base64,AAE%3D", "image/png", b"\x00\x01"),
        ("data:;base64,AAEC", "text/plain", b"\x00\x01\x02"),
        ("data:,a%20b", "text/plain", b"a b"),
        ("data:text/plain;charset=utf-8,%E4%B8%80", "text/plain", "一".encode()),
        ("data:image/svg+xml,<svg/>", "image/svg+xml", b"<svg/>"),
        ('data:a"b/<c>;base64,AAEC', "text/plain", b"\x00\x01\x02"),
    ],
)
def test_it_reads_every_form(text: str, content_type: str, data: bytes) -> None:
    assert data_uri.parse(text) == (content_type, data)


@pytest.mark.parametrize(
    "text", ["", "image/png;base64,AAEC", "data:image/png;base64", "data:image/png;base64,A-_C", "data:,一"]
)
def test_it_says_what_it_cannot_read(text: str) -> None:
    with pytest.raises(data_uri.NotADataUri):
        data_uri.parse(text)


def test_what_it_writes_it_reads() -> None:
    assert data_uri.parse(data_uri.build("image/webp", b"\x00\xff")) == ("image/webp", b"\x00\xff")
    assert data_uri.parse(data_uri.build("", b"x")) == ("application/octet-stream", b"x")


@pytest.mark.parametrize(
    "text",
    [
        data_uri.build("image/png", bytes(range(256)) * 40),
        data_uri.build("image/png", b"ab"),
        "data:text/plain," + "a%20b" * 900,
        "data:text/plain," + "ab" * 5000,
        "data:;base64,AAEC%2B%2B%2B%2B" + "AAEC" * 2000,
        "data:image/png;base64,AA EC\n" + "AAEC" * 2000,
    ],
)
def test_the_beginning_is_that_of_the_whole(text: str) -> None:
    whole = data_uri.parse(text)[1]
    head, size = data_uri.first_bytes(text, 100)
    assert head == whole[:100]
    assert abs(size - len(whole)) <= 4


def test_the_beginning_of_something_long_is_read_without_the_rest() -> None:
    assert data_uri.first_bytes("data:image/png;base64," + "AAEC" * 500 + "@", 30)[0] == bytes((0, 1, 2)) * 10
    with pytest.raises(data_uri.NotADataUri):
        data_uri.first_bytes("data:image/png;base64,@" + "AAEC" * 500, 30)

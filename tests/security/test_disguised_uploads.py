"""Files that are not what they say: refused by name, or kept as the harmless picture that they are. Nothing is left."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from accounts.models import User
from predictions.catalogue import loader
from predictions.models import Prediction, Upload
from tests import factories
from tests.runner.sampling import is_whole, one_in

pytestmark = pytest.mark.django_db
REMBG = "cjwbw/rembg"
SCRIPT = b"<html><script>alert(1)</script></html>"


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, data: bytes, before: bytes = b"") -> bytes:
    """A PNG of one bit a pixel, whatever its data hold."""
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n" + head + before + _chunk(b"IDAT", zlib.compress(data, 9)) + _chunk(b"IEND", b"")
    )


def _picture(form: str, size: tuple[int, int] = (64, 48), **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "#c03020").save(buffer, form, **options)
    return buffer.getvalue()


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("../../evil.png", SCRIPT)
    return buffer.getvalue()


def _animated(form: str) -> bytes:
    frames = [Image.new("RGB", (16, 16), (number, 0, 0)) for number in range(40)]
    buffer = io.BytesIO()
    frames[0].save(buffer, form, save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def _rows(width: int, height: int) -> bytes:
    return bytes((width // 8 + 1) * height)


REFUSED: dict[str, Callable[[], bytes]] = {
    "a PDF": lambda: b"%PDF-1.7\n1 0 obj<</JS(app.alert(1))>>",
    "PostScript": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) (w) file\n",
    "a page": lambda: b"<!doctype html>" + SCRIPT,
    "an SVG": lambda: b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "a zip": _zip,
    "a page that begins like a PNG": lambda: b"\x89PNG\r\n\x1a\n" + SCRIPT,
    "a script that begins like a GIF": lambda: b"GIF89a=1/*" + SCRIPT,
    "half a PNG": lambda: _picture("PNG", (200, 200))[:-40],
    "half a JPEG": lambda: _picture("JPEG", (200, 200))[:300],
    "a PNG that says it is huge": lambda: _png(65_000, 65_000, b"\0" * 100),
    "a bomb of pixels": lambda: _png(20_000, 12_000, _rows(20_000, 12_000)),
    "a line of pixels": lambda: _png(2**31 - 1, 1, b"\0" * 100),
    "no pixel": lambda: _png(0, 0, b"\0"),
    "a TIFF": lambda: _picture("TIFF"),
    "an icon": lambda: _picture("ICO"),
    "nothing": lambda: b"",
    "noughts": lambda: bytes(70_000),
}  # fmt: skip
HARMLESS: dict[str, Callable[[], bytes]] = {
    "one pixel": lambda: _png(1, 1, b"\0\0"),
    "a PNG with a zip behind it": lambda: _picture("PNG") + _zip(),
    "a JPEG with a page behind it": lambda: _picture("JPEG") + SCRIPT,
    "a PNG with a bomb of words": lambda: _png(
        8, 8, _rows(8, 8), _chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(30_000_000), 9))
    ),
    "a film of pictures": lambda: _animated("GIF"),
    "another film of pictures": lambda: _animated("WEBP"),
}


def files() -> set[Path]:
    """Everything that lies on this server's disk for members."""
    roots = (Path(settings.MEDIA_ROOT), Path(settings.TEMPORARY))
    return {path for root in roots if root.exists() for path in root.rglob("*") if path.is_file()}


def named(kind: str) -> SimpleUploadedFile:
    return SimpleUploadedFile("hut.png", (REFUSED | HARMLESS)[kind](), "image/png")


def test_what_is_no_picture_is_refused_by_name_at_every_endpoint(as_alice: Client, alice: User) -> None:
    loader.load()
    faults = []
    before = files()
    for kind in one_in(3, REFUSED):
        answer = as_alice.post("/studio/upload/", {"file": named(kind)})
        detail = answer.json().get("detail", "")
        if answer.status_code not in (400, 422) or not (detail.startswith("hut.png") or kind == "nothing"):
            faults.append(f"{kind} sent: {answer.status_code} {answer.content[:90]!r}")
        page = as_alice.post("/studio/make/", {"model": REMBG, "switches": "1", "file.image": named(kind)})
        if page.status_code != 422 or "hut.png" not in page.content.decode():
            faults.append(f"{kind} with the form: {page.status_code}")
        if files() != before:
            faults.append(f"{kind} leaves {files() - before}")
            before = files()
    assert not faults, "\n".join(faults)
    assert not Upload.objects.exists() and not Prediction.objects.exists()


def test_what_is_a_picture_is_shown_as_nothing_but_a_picture(as_alice: Client, alice: User) -> None:
    faults = []
    for kind in one_in(2, HARMLESS):
        before = files()
        answer = as_alice.post("/studio/upload/", {"file": named(kind)})
        if answer.status_code == 422:
            # Refused is harmless too, if nothing stays.
            faults += [f"{kind}: refused and kept"] if files() != before else []
            continue
        shown = as_alice.get(answer.json()["view"])
        faults += _faults_of(kind, shown)
        if len(files() - before) != 1:
            faults.append(f"{kind}: {len(files() - before)} files for one picture")
    assert Upload.objects.count() >= 3 or not is_whole()
    assert not faults, "\n".join(faults)


def _faults_of(kind: str, shown: Any) -> list[str]:
    """What an answer with somebody's bytes must say so that no browser takes them for a page."""
    said = shown["Content-Type"]
    faults = [] if shown.status_code == 200 else [f"{kind}: not shown: {shown.status_code}"]
    faults += [] if said.startswith("image/") and "svg" not in said else [f"{kind}: shown as {said}"]
    faults += [] if shown.get("X-Content-Type-Options") == "nosniff" else [f"{kind}: may be guessed at"]
    return faults


@pytest.mark.parametrize("claimed", ["image/png", "text/html", "image/svg+xml", "text/html; charset=utf-7"])
def test_a_page_among_the_files_of_the_api_is_never_shown_as_a_page(
    as_alice: Client, alice: User, client: Client, claimed: str
) -> None:
    bearer = {"Authorization": f"Bearer {factories.make_token(alice)}"}
    file = SimpleUploadedFile("hut.png", b"<!doctype html>" + SCRIPT, claimed)
    made = client.post("/v1/files", {"content": file}, headers=bearer)
    assert made.status_code == 201
    shown = as_alice.get(f"/studio/file/{json.loads(made.content)['id']}/")
    assert shown.status_code == 404 or not _faults_of(claimed, shown)
    # Nor does a picture of it come into the form that names its address.
    address = json.loads(made.content)["urls"]["get"]
    form = as_alice.get("/studio/", {"model": REMBG, "image": address}).content.decode()
    assert "alert(1)" not in form

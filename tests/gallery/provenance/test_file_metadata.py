"""What a file says about how it was made: written into it while it is sent, its pixels untouched."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from PIL import Image, PngImagePlugin

from accounts.models import User
from gallery.models import Item
from gallery.provenance import container_parts, containers
from gallery.provenance.container_parts import ByteRange, UnsupportedContainer
from predictions.models import Status, StoredFile
from tests import factories
from tests.runner.sampling import is_whole, short_or_whole
from tests.support.picture_items import paint

PACKET = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">made here</x:xmpmeta>'
SECRET = "a secret garden nobody may read about"
PIECES = short_or_whole(10_000, 1_000_000)


def encoded(form: str, image: Image.Image | None = None, **options: Any) -> bytes:
    buffer = io.BytesIO()
    (image or paint(48, 32, 3)).save(buffer, form, **options)
    return buffer.getvalue()


def turned() -> Image.Exif:
    """Says that the picture lies on its side, and a secret."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = SECRET
    return exif


def texts() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", SECRET)
    info.add_itxt("prompt", SECRET, zip=True)
    info.add_itxt("XML:com.adobe.xmp", SECRET)
    return info


def film() -> list[Image.Image]:
    return [paint(40, 30, number) for number in range(3)]


def clear(alpha: int = 90) -> Image.Image:
    image = paint(33, 21, 5).convert("RGBA")
    image.putalpha(alpha)
    return image


FILES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "a PNG": ("image/png", lambda: encoded("PNG")),
    "a PNG with text": ("image/png", lambda: encoded("PNG", pnginfo=texts(), exif=turned())),
    "a PNG that moves": (
        "image/png",
        lambda: encoded("PNG", film()[0], save_all=True, append_images=film()[1:]),
    ),
    "a clear PNG": ("image/png", lambda: encoded("PNG", clear())),
    "a JPEG": ("image/jpeg", lambda: encoded("JPEG")),
    "a progressive JPEG": ("image/jpeg", lambda: encoded("JPEG", progressive=True, quality=95)),
    "a JPEG with EXIF": (
        "image/jpeg",
        lambda: encoded("JPEG", exif=turned(), comment=SECRET, xmp=SECRET.encode()),
    ),
    "a WebP": ("image/webp", lambda: encoded("WEBP")),
    "a lossless clear WebP": ("image/webp", lambda: encoded("WEBP", clear(), lossless=True)),
    "a clear WebP": ("image/webp", lambda: encoded("WEBP", clear())),
    "a WebP with EXIF": ("image/webp", lambda: encoded("WEBP", exif=turned(), xmp=SECRET.encode())),
    "a WebP that moves": (
        "image/webp",
        lambda: encoded("WEBP", film()[0], save_all=True, append_images=film()[1:]),
    ),
    "an AVIF": ("image/avif", lambda: encoded("AVIF")),
    "an AVIF with EXIF": (
        "image/avif",
        lambda: encoded("AVIF", clear(), exif=turned(), xmp=SECRET.encode()),
    ),
    "an AVIF that moves": (
        "image/avif",
        lambda: encoded("AVIF", film()[0], save_all=True, append_images=film()[1:]),
    ),
    "a GIF": ("image/gif", lambda: encoded("GIF", comment=SECRET)),
    "a GIF that moves": (
        "image/gif",
        lambda: encoded("GIF", film()[0], save_all=True, append_images=film()[1:], loop=0, comment=SECRET),
    ),
}


def written(data: bytes, content_type: str, packet: bytes = PACKET) -> bytes:
    parts = containers.rewrite(io.BytesIO(data), len(data), content_type, packet)
    whole = b"".join(
        data[part.start : part.start + part.length] if isinstance(part, ByteRange) else part for part in parts
    )
    assert len(whole) == container_parts.length_of(parts)
    return whole


def looks(data: bytes) -> list[tuple[bytes, Any]]:
    """Every frame's pixels and duration."""
    image = Image.open(io.BytesIO(data))
    frames = []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        frames.append((image.convert("RGBA").tobytes(), image.info.get("duration")))
    return frames


@pytest.mark.parametrize("name", FILES)
def test_the_packet_goes_in_everything_else_that_was_written_goes_out_and_no_pixel_changes(name: str) -> None:
    content_type, make = FILES[name]
    before = make()
    after = written(before, content_type)
    assert looks(after) == looks(before)
    assert after.count(PACKET) == 1 and SECRET.encode() not in after
    image = Image.open(io.BytesIO(after))
    image.load()
    # Pillow reads no XMP from a GIF, and in an AVIF from one of its items alone.
    found = (
        image.info.get("xmp")
        or image.info.get("XML:com.adobe.xmp")
        or PACKET * name.startswith(("a GIF", "an AVIF"))
    )
    assert b"made here" in (found.encode() if isinstance(found, str) else found)
    assert written(after, content_type) == after, "twice is as once"


@pytest.mark.parametrize("name", ["a PNG with text", "a JPEG with EXIF", "a WebP with EXIF"])
def test_which_side_is_up_is_the_one_thing_kept_of_exif(name: str) -> None:
    content_type, make = FILES[name]
    after = Image.open(io.BytesIO(written(make(), content_type)))
    assert dict(after.getexif()) == {0x0112: 6}


def test_a_place_that_a_camera_wrote_into_an_avif_goes_out() -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    exif[0x0110] = SECRET
    data = encoded("AVIF", exif=exif)
    assert Image.open(io.BytesIO(data)).getexif().get_ifd(0x8825)
    after = Image.open(io.BytesIO(written(data, "image/avif")))
    after.load()
    assert not after.getexif() and "exif" not in after.info


def test_a_cameras_own_segments_of_a_jpeg_go_out() -> None:
    plain = encoded("JPEG")
    for marker in (0xE0, 0xE2, 0xEE, 0xEF, 0xF0, 0xFD):
        told = b"CIFF" + SECRET.encode()
        segment = bytes([0xFF, marker]) + struct.pack(">H", len(told) + 2) + told
        assert SECRET.encode() not in written(plain[:2] + segment + plain[2:], "image/jpeg")


def test_bytes_behind_the_end_of_a_picture_are_left_out() -> None:
    for name in ("a PNG", "a JPEG", "a GIF", "a WebP"):
        content_type, make = FILES[name]
        assert SECRET.encode() not in written(make() + SECRET.encode(), content_type)


def box(kind: bytes, *inside: bytes) -> bytes:
    body = b"".join(inside)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def test_a_films_index_loses_its_notes_and_no_offset_changes() -> None:
    note = box(b"udta", box(b"\xa9cmt", SECRET.encode()))
    head = box(b"ftyp", b"isom\0\0\0\0") + box(b"moov", box(b"mvhd", b"\0" * 12), box(b"trak", note), note)
    data = head + box(b"mdat", b"frames") + box(b"uuid", b"\0" * 16, SECRET.encode())
    after = written(data, "video/mp4")
    assert SECRET.encode() not in after and after.index(b"frames") == data.index(b"frames")
    assert after.endswith(PACKET)


@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_anywhere_is_refused_or_passed_on_and_never_breaks(name: str) -> None:
    content_type, make = FILES[name]
    data = make()
    for end in range(0, len(data), max(1, len(data) // 60)):
        try:
            written(data[:end], content_type)
        except UnsupportedContainer:
            continue


def test_a_film_that_goes_on_to_the_end_of_its_file_ends_where_it_did() -> None:
    head = (
        box(b"ftyp", b"isom\0\0\0\0") + box(b"free", SECRET.encode()) + box(b"moov", box(b"mvhd", b"\0" * 12))
    )
    data = head + struct.pack(">I4s", 0, b"mdat") + b"frames"
    after = written(data, "video/mp4")
    assert SECRET.encode() not in after and after.index(b"frames") == data.index(b"frames")
    assert after[len(head) :].startswith(struct.pack(">I4s", 14, b"mdat") + b"frames")


@pytest.mark.parametrize(
    ("content_type", "data"),
    [
        ("image/gif", encoded("GIF")[:-1] + b"\x21\xf9\x00" * PIECES + b";"),
        ("image/png", encoded("PNG")[:33] + (b"\0\0\0\0teXt" + b"\0" * 4) * PIECES + encoded("PNG")[33:]),
    ],
    ids=["GIF", "PNG"],
)
def test_a_file_of_very_many_pieces_is_not_walked_through(
    content_type: str, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_whole():
        monkeypatch.setattr(containers, "MOST_PARTS", containers.MOST_PARTS // 100)
        monkeypatch.setattr(container_parts, "MOST_READS", container_parts.MOST_READS // 100)
    with pytest.raises(UnsupportedContainer):
        written(data, content_type)


def test_a_file_of_another_type_than_it_says_is_refused() -> None:
    with pytest.raises(UnsupportedContainer):
        written(encoded("PNG"), "image/jpeg")
    with pytest.raises(UnsupportedContainer):
        written(b"%PDF-1.7", "application/pdf")


def kept(data: bytes, content_type: str) -> StoredFile:
    return factories.make_stored_file(data, content_type=content_type, width=48, height=32)


@pytest.fixture
def telling(alice: User) -> Item:
    """A public picture whose file contains the prompt, as the provider wrote it."""
    prediction = factories.make_prediction(
        alice, status=Status.SUCCEEDED, input={"prompt": SECRET, "seed": 41, "num_inference_steps": 9}
    )
    file = kept(encoded("PNG", pnginfo=texts()), "image/png")
    medium = kept(encoded("PNG"), "image/png")
    output = factories.make_output(prediction, file=file, medium=medium)
    return factories.make_item(
        alice, output, prompt=SECRET, visibility="public", title='Dusk & "dawn" <b>', licence="CC-BY-4.0"
    )


def body_of(client: Client, item: Item, **headers: str) -> bytes:
    answer: Any = client.get(f"/gallery/{item.public_id}/picture/full", headers=headers)
    assert answer.status_code in (200, 206)
    data = b"".join(answer.streaming_content)
    assert int(answer["Content-Length"]) == len(data)
    return data


def test_a_published_file_names_its_model_its_maker_and_its_licence(telling: Item) -> None:
    image = Image.open(io.BytesIO(body_of(Client(), telling)))
    image.load()
    said = image.info["XML:com.adobe.xmp"]
    for words in (
        telling.model.ref, "xmp:CreateDate", "Dusk &amp; \"dawn\" &lt;b&gt;", "licenses/by/4.0", SECRET,
        "<darkroom:seed>41</darkroom:seed>", "DigitalSourceType",
    ):  # fmt: skip
        assert words in said


def test_a_file_whose_prompt_is_kept_back_does_not_tell_it(telling: Item) -> None:
    Item.objects.filter(pk=telling.pk).update(show_prompt=False)
    data = body_of(Client(), telling)
    assert SECRET.encode() not in data and b"darkroom:seed" not in data and telling.model.ref.encode() in data


def test_its_owner_gets_the_words_all_the_same(
    telling: Item, client_of: Callable[[User], Client], alice: User
) -> None:
    Item.objects.filter(pk=telling.pk).update(show_prompt=False)
    assert SECRET.encode() in body_of(client_of(alice), telling)


def test_ranges_and_conditions_work_across_the_new_bytes(telling: Item) -> None:
    client = Client()
    whole = body_of(client, telling)
    for start, end in ((0, 9), (20, 60), (500, 900), (len(whole) - 30, len(whole) - 1)):
        assert body_of(client, telling, Range=f"bytes={start}-{end}") == whole[start : end + 1]
    path = f"/gallery/{telling.public_id}/picture/full"
    etag = client.head(path)["ETag"]
    assert client.get(path, headers={"If-None-Match": etag}).status_code == 304
    Item.objects.filter(pk=telling.pk).update(title="Another")
    assert client.get(path, headers={"If-None-Match": etag}).status_code == 200, "what it says has changed"


def test_a_strangely_built_file_with_a_secret_goes_out_as_its_thumbnail(telling: Item) -> None:
    strange = kept(b"GIF?" + SECRET.encode(), "image/gif")
    output = telling.output
    output.file = strange
    output.save()
    Item.objects.filter(pk=telling.pk).update(show_prompt=False)
    assert SECRET.encode() not in body_of(Client(), telling)


def test_a_strangely_built_file_tells_no_place_either(telling: Item) -> None:
    output = telling.output
    output.file = kept(b"GIF?" + SECRET.encode(), "image/gif")
    output.save()
    assert SECRET.encode() not in body_of(Client(), telling)


def with_credentials(data: bytes) -> bytes:
    """A PNG that carries a box such as content credentials begin with."""
    import zlib

    inside = b"\0\0\0\x20jumb\0\0\0\x18jumdc2pa" + b"\0" * 12
    chunk = struct.pack(">I", len(inside)) + b"caBX" + inside
    return data[:33] + chunk + struct.pack(">I", zlib.crc32(chunk[4:])) + data[33:]


def test_a_makers_own_credentials_survive_to_the_byte(telling: Item) -> None:
    signed = with_credentials(encoded("PNG"))
    output = telling.output
    output.file = kept(signed, "image/png")
    output.save()
    for shown in (True, False):
        Item.objects.filter(pk=telling.pk).update(show_prompt=shown)
        assert body_of(Client(), telling) == signed


def test_credentials_go_where_the_file_beside_them_tells_a_prompt_that_is_kept_back(telling: Item) -> None:
    signed = with_credentials(encoded("PNG", pnginfo=texts()))
    output = telling.output
    output.file = kept(signed, "image/png")
    output.save()
    Item.objects.filter(pk=telling.pk).update(show_prompt=False)
    assert SECRET.encode() not in body_of(Client(), telling)

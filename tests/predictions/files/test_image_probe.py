"""What a look at a file finds: its true type and size, thumbnails that give nothing away, and whether it is whole."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from accounts.models import User
from gallery.items import tiles
from gallery.models import Item
from predictions.files import image_probe, sandbox_client
from predictions.models import Version
from predictions.submit import acceptance, work_request
from tests import factories, fakes
from tests.fakes import FakeProvider

FORMS = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "AVIF": "image/avif",
}
Looking = Callable[..., image_probe.ProbeResult]


@pytest.fixture
def look(tmp_path: Path) -> Looking:
    """Looks at bytes."""

    def looked(data: bytes) -> image_probe.ProbeResult:
        path = tmp_path / "file"
        path.write_bytes(data)
        return image_probe.probe(path, tmp_path)

    return looked


def written(picture: Image.Image, form: str = "PNG", **how: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **how)
    return file.getvalue()


def halves(
    mode: str = "RGB", left: Any = "red", right: Any = "blue", size: tuple[int, int] = (800, 400)
) -> Image.Image:
    """A picture whose left half has one colour and whose right half has another."""
    picture = Image.new(mode, size, right)
    picture.paste(left, (0, 0, size[0] // 2, size[1]))
    return picture


def shown(made: image_probe.Thumbnail | None) -> Image.Image:
    assert made is not None
    with Image.open(made.path) as picture:
        picture.load()
    assert (picture.size, Image.MIME[str(picture.format)]) == ((made.width, made.height), made.content_type)
    return picture


def near(pixel: Any, wanted: tuple[int, ...]) -> bool:
    return all(abs(one - other) < 12 for one, other in zip(pixel, wanted, strict=True))


@pytest.mark.parametrize("form", FORMS)
def test_each_kind_is_known_by_its_content_and_gets_two_thumbnails(look: Looking, form: str) -> None:
    found = look(written(halves(), form))
    assert (found.content_type, found.width, found.height) == (FORMS[form], 800, 400)
    for made, size in ((found.medium, (640, 320)), (found.small, (320, 160))):
        picture = shown(made).convert("RGB")
        assert picture.size == size
        assert near(picture.getpixel((40, 40)), (254, 0, 0))
        assert near(picture.getpixel((size[0] - 40, 40)), (0, 0, 254))
    assert found.blur.startswith("data:image/webp;base64,") and found.colour.startswith("#")


def test_a_small_picture_is_never_made_larger(look: Looking) -> None:
    found = look(factories.picture(64, 48))
    assert shown(found.medium).size == shown(found.small).size == (64, 48)


def test_a_line_of_pixels_has_thumbnails_too(look: Looking) -> None:
    assert shown(look(written(Image.new("RGB", (9000, 2)))).small).size == (320, 1)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("part", [0.1, 0.5, 0.95])
def test_a_file_that_is_cut_short_is_no_picture(look: Looking, form: str, part: float) -> None:
    noise = Image.effect_noise((400, 300), 60).convert("RGB")
    data = written(noise, form)
    with pytest.raises(image_probe.UnreadableImage):
        look(data[: int(len(data) * part)])


@pytest.mark.parametrize("form", ["BMP", "TIFF", "PPM", "ICO", "TGA", "PDF", "EPS"])
def test_no_other_reader_is_ever_asked(look: Looking, form: str) -> None:
    with pytest.raises(image_probe.UnreadableImage):
        look(written(halves(), form))


def test_a_video_is_known_by_its_head_alone(look: Looking) -> None:
    assert look(b"\x00\x00\x00\x20ftypisom" + b"\x00" * 100) == image_probe.ProbeResult("video/mp4")


def test_more_pixels_than_allowed_are_refused_by_the_header(look: Looking) -> None:
    with pytest.raises(image_probe.UnreadableImage, match="more than 40 million pixels"):
        look(written(Image.new("1", (8000, 5001))))


def test_a_turned_picture_is_measured_and_shown_upright(look: Looking) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter, clockwise: what is left comes to the top
    found = look(written(halves(), "JPEG", exif=exif))
    assert (found.width, found.height) == (400, 800)
    picture = shown(found.medium)
    assert picture.size == (320, 640)
    assert near(picture.getpixel((160, 40)), (254, 0, 0)) and near(picture.getpixel((160, 600)), (0, 0, 254))


def test_what_is_transparent_stays_so_and_what_only_could_be_becomes_a_jpeg(look: Looking) -> None:
    clear = look(written(halves("RGBA", (255, 0, 0, 0), (0, 0, 255, 255))))
    picture = shown(clear.medium)
    assert clear.blur == "" and clear.colour.startswith("#"), "a blur would be seen through it"
    assert picture.mode == "RGBA" and clear.medium is not None and clear.medium.content_type == "image/webp"
    assert picture.getpixel((40, 40))[3] == 0 and near(picture.getpixel((600, 40)), (0, 0, 254, 255))
    full = look(written(halves("RGBA", (255, 0, 0, 255), (0, 0, 255, 255))))
    assert full.medium is not None and full.medium.content_type == "image/jpeg" and full.blur


@pytest.mark.parametrize(
    ("mode", "dark", "light"), [("I;16", 0, 0xFFFF), ("L", 0, 255), ("1", 0, 1), ("P", 0, 255)]
)
def test_pictures_without_colours_keep_their_light(look: Looking, mode: str, dark: int, light: int) -> None:
    picture = Image.new(mode, (800, 400), light)
    picture.paste(dark, (0, 0, 400, 400))
    if mode == "P":
        picture.putpalette([level for grey in range(256) for level in (grey, grey, grey)])
    made = shown(look(written(picture)).medium).convert("RGB")
    assert near(made.getpixel((40, 40)), (0, 0, 0)) and near(made.getpixel((600, 40)), (255, 255, 255))


def test_thumbnails_tell_nothing_that_is_written_into_the_file(look: Looking, tmp_path: Path) -> None:
    words = PngImagePlugin.PngInfo()
    words.add_text("parameters", "a secret prompt")
    exif = Image.Exif()
    exif[0x010E] = "a secret place"
    files = [
        written(halves(), pnginfo=words, exif=exif, icc_profile=b"a secret profile" * 20),
        written(halves(), "JPEG", comment=b"a secret remark", exif=exif),
        written(halves("RGBA", (255, 0, 0, 0), (0, 0, 255, 255)), pnginfo=words, exif=exif),
        written(halves(), "GIF", comment=b"a secret remark"),
    ]
    for data in files:
        found = look(data)
        assert b"secret" in data
        for made in (found.small, found.medium):
            assert made is not None and b"secret" not in made.path.read_bytes()


@pytest.mark.django_db(transaction=True)
def test_pages_offer_the_sizes_that_there_are(alice: User, version: Version, provider: FakeProvider) -> None:
    provider.files = {"0": written(halves())}
    request = work_request.Request(
        account=alice.account, user=alice, version=version, input={"prompt": "two colours"}
    )
    acceptance.accept(request)
    fakes.work_off()
    offered = tiles.srcset(Item.objects.select_related("output__small", "output__medium").get())
    assert [one.rpartition("/")[2] for one in offered.split(", ")] == ["small 320w", "medium 640w"]


# -- a child that a file has taken over ----------------------------------------------------------------------

TRUE: dict[str, Any] = {
    "content_type": "image/png",
    "width": 64,
    "height": 48,
    "small": {"path": "small.jpg", "width": 64, "height": 48},
    "medium": {"path": "medium.jpg", "width": 64, "height": 48},
    "colour": "#000000",
    "blur": "data:image/webp;base64,AAAA",
    "phashes": ["0f" * 32],
}
LIES: dict[str, Any] = {
    "a file elsewhere": {"small": {**TRUE["small"], "path": "../secret.jpg"}},
    "another name": {"small": {**TRUE["small"], "path": "medium.jpg"}},
    "another kind of file": {"small": {**TRUE["small"], "path": "small.svg"}},
    "a link": {"medium": {**TRUE["medium"], "path": "medium.webp"}},
    "a file that is not there": {"small": {**TRUE["small"], "path": "small.webp"}},
    "a kind of its own": {"content_type": "text/html"},
    "a script": {"colour": "red;background:url(//evil)"},
    "an address": {"blur": "https://evil.example/"},
    "no numbers": {"width": "wide"},
    "too many pixels": {"width": 10**6, "height": 10**6},
    "nothing": {"medium": None},
    "a hash that is none": {"phashes": ["<script>"]},
    "hashes without end": {"phashes": ["0f" * 32] * 4},
}


@pytest.mark.parametrize("lie", [*LIES, None])
def test_a_child_is_believed_only_what_can_be_checked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lie: str | None
) -> None:
    for name in ("small.jpg", "medium.jpg", "small.svg"):
        (tmp_path / name).write_bytes(b"bytes")
    (tmp_path.parent / "secret.jpg").write_bytes(b"secret")
    (tmp_path / "medium.webp").symlink_to(tmp_path.parent / "secret.jpg")
    answer = {**TRUE, **LIES.get(str(lie), {})}
    monkeypatch.setattr(sandbox_client, "run_jobs", lambda jobs, limits: [answer])
    if lie is None:
        assert image_probe.probe(tmp_path / "file", tmp_path).width == 64
        return
    with pytest.raises(image_probe.UnreadableImage, match="made no sense"):
        image_probe.probe(tmp_path / "file", tmp_path)

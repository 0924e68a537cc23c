"""Perceptual hashes: the same image is recognised; other images and plain colours are not."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageEnhance, ImageOps
from skimage import data

from predictions.files import image_probe, phash
from predictions.image_safety import blocklist
from tests.predictions.image_safety.classifier_service import as_bytes, scene

NAMES = ["astronaut", "camera", "coffee", "chelsea", "rocket", "moon", "coins", "page"]
Change = Callable[[Image.Image], Image.Image]


def photo(name: str) -> Image.Image:
    return Image.fromarray(getattr(data, name)()).convert("RGB")


def jpeg(picture: Image.Image, quality: int = 40) -> Image.Image:
    import io

    return Image.open(io.BytesIO(as_bytes(picture, "JPEG", quality=quality))).convert("RGB")


def cropped(picture: Image.Image) -> Image.Image:
    width, height = picture.size
    return picture.crop((width // 100, height // 100, width - width // 100, height - height // 100))


CHANGES: dict[str, Change] = {
    "as it was": lambda one: one,
    "half as large": lambda one: one.resize((one.width // 2, one.height // 2)),
    "stretched": lambda one: one.resize((one.width, one.height * 4 // 5)),
    "recompressed": jpeg,
    "recompressed badly": lambda one: jpeg(one, 12),
    "brighter": lambda one: ImageEnhance.Brightness(one).enhance(1.2),
    "darker": lambda one: ImageEnhance.Brightness(one).enhance(0.6),
    "grey": lambda one: one.convert("L").convert("RGB"),
    "mirrored": ImageOps.mirror,
    "mirrored, smaller and recompressed": lambda one: jpeg(ImageOps.mirror(one).resize((200, 200))),
    "cut by a hundredth on each side": cropped,
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", NAMES[:4])
def test_a_changed_copy_is_the_same_picture(name: str, change: str) -> None:
    own = photo(name)
    assert (
        blocklist.distance(phash.compute(own), phash.compute(CHANGES[change](own))) <= blocklist.MAX_DISTANCE
    )


def test_no_two_photographs_are_taken_for_each_other() -> None:
    hashes = [phash.compute(photo(name)) for name in NAMES] + [
        phash.compute(scene(seed)) for seed in range(30)
    ]
    nearest = min(blocklist.distance(one, other) for one, other in itertools.combinations(hashes, 2))
    assert nearest > blocklist.MAX_DISTANCE


@pytest.mark.parametrize("colour", ["black", "white", "#808080"])
def test_a_picture_of_one_colour_is_known_by_nothing(colour: str) -> None:
    assert phash.compute(Image.new("RGB", (300, 200), colour)) == ""


def test_what_nobody_sees_through_a_transparent_picture_does_not_count() -> None:
    own = photo("coffee").convert("RGBA")
    hidden = Image.new("RGBA", own.size, (255, 0, 0, 0))
    both = [Image.composite(own, one, own.getchannel("A").point(lambda _: 0)) for one in (hidden, own)]
    assert phash.compute(both[0]) == phash.compute(Image.new("RGBA", own.size, (0, 0, 0, 0))) == ""


def test_the_child_that_looks_at_a_picture_gives_its_hash(tmp_path: Path) -> None:
    file = tmp_path / "in.jpg"
    file.write_bytes(as_bytes(photo("astronaut"), "JPEG", quality=90))
    look = image_probe.probe(file, tmp_path)
    assert blocklist.distance(look.phash, phash.compute(photo("astronaut"))) < 16 and look.phashes == (
        look.phash,
    )


def test_an_animation_is_known_by_its_first_and_its_middle_frame(tmp_path: Path) -> None:
    frames = [photo("coffee"), photo("astronaut"), photo("astronaut")]
    file = tmp_path / "in.gif"
    frames = [one.resize((512, 400)) for one in frames]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    first, middle = image_probe.probe(file, tmp_path).phashes
    assert blocklist.distance(first, phash.compute(frames[0])) <= blocklist.MAX_DISTANCE
    assert blocklist.distance(middle, phash.compute(frames[1])) <= blocklist.MAX_DISTANCE


def test_an_animation_that_begins_black_is_known_by_its_middle(tmp_path: Path) -> None:
    shown = photo("coffee")
    file = tmp_path / "in.gif"
    Image.new("RGB", shown.size).save(file, "GIF", save_all=True, append_images=[shown, shown])
    assert (
        blocklist.distance(image_probe.probe(file, tmp_path).phash, phash.compute(shown))
        <= blocklist.MAX_DISTANCE
    )

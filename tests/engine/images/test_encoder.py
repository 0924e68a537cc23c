"""The encoder: metadata of provenance in every file, and identical bytes each time."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from engine.images.encoder import NAMESPACE, Format, Label, encode, encode_preview

EXTENSION = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
FORMATS: list[Format] = ["png", "jpg", "webp"]
LABEL = Label(
    model="stability-ai/sdxl", painter="7.1", seed=42, settings={"steps": 5, "note": '<a> & "b" 猫'}
)


def scene() -> np.ndarray:
    ramp = np.linspace(0, 255, 96).astype(np.uint8)
    return np.stack(
        [np.tile(ramp, (64, 1)), np.full((64, 96), 90, np.uint8), np.tile(ramp[::-1], (64, 1))], axis=2
    )


def metadata(data: bytes) -> dict[str, str]:
    """The attributes of the file's XMP packet, in any format."""
    info: dict[str, Any] = Image.open(io.BytesIO(data)).info
    packet = info.get("xmp") or info["XML:com.adobe.xmp"]
    text = packet.decode() if isinstance(packet, bytes) else packet
    body = text[text.index("<x:xmpmeta") : text.index("<?xpacket end")]
    return dict(ElementTree.fromstring(body)[0][0].attrib)


@pytest.mark.parametrize("fmt", FORMATS)
def test_it_declares_that_an_algorithm_without_training_made_the_file(fmt: Format) -> None:
    found = metadata(encode(scene(), fmt, 80, LABEL))
    source = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia"
    assert found[f"{EXTENSION}DigitalSourceType"] == source
    ours = f"{{{NAMESPACE}}}"
    assert found[f"{ours}engine"] == "procedural, no neural network"
    assert (found[f"{ours}model"], found[f"{ours}version"]) == ("stability-ai/sdxl", "7.1")
    assert found[f"{ours}seed"] == "42"
    assert json.loads(found[f"{ours}settings"]) == LABEL.settings


@pytest.mark.parametrize("fmt", FORMATS)
def test_a_changed_picture_of_somebodys_is_declared_as_one(fmt: Format) -> None:
    label = replace(LABEL, source="algorithmicallyEnhanced", tool="procedural cut-out")
    found = metadata(encode(scene(), fmt, 80, label))
    source = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced"
    assert found[f"{EXTENSION}DigitalSourceType"] == source
    tool = found["{http://ns.adobe.com/xap/1.0/}CreatorTool"]
    assert tool == "Darkroom embedded engine, procedural cut-out 7.1"


def test_transparent_pixels_stay_what_they_are_in_a_png_and_are_refused_in_a_jpeg() -> None:
    alpha = np.tile(np.linspace(0, 255, 96).astype(np.uint8), (64, 1))
    picture = np.dstack([scene(), alpha])
    read = Image.open(io.BytesIO(encode(picture, "png", 80, LABEL)))
    assert read.mode == "RGBA" and np.array_equal(np.asarray(read), picture)
    webp = Image.open(io.BytesIO(encode(picture, "webp", 80, LABEL)))
    assert webp.mode == "RGBA" and np.abs(np.asarray(webp)[..., 3].astype(int) - alpha).max() <= 2
    with pytest.raises(ValueError, match="alpha"):
        encode(picture, "jpg", 80, LABEL)


@pytest.mark.parametrize("fmt", FORMATS)
def test_it_gives_the_same_bytes_twice(fmt: Format) -> None:
    assert encode(scene(), fmt, 80, LABEL) == encode(scene(), fmt, 80, LABEL)


def test_it_keeps_every_pixel_of_a_png() -> None:
    read = np.asarray(Image.open(io.BytesIO(encode(scene(), "png", 1, LABEL))))
    assert np.array_equal(read, scene())


@pytest.mark.parametrize("fmt", ["jpg", "webp"])
def test_it_makes_smaller_files_of_lower_quality(fmt: Format) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    sizes = [len(encode(noise, fmt, quality, LABEL)) for quality in (0, 50, 100)]
    assert sizes == sorted(sizes) and sizes[0] < sizes[2] / 2


def test_it_makes_previews_of_at_most_256_pixels_a_side_and_24_kib() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (500, 1000, 3)).astype(np.uint8)
    for pixels in (np.zeros((500, 1000, 3), np.uint8), noise, noise[:, :500]):
        data = encode_preview(pixels)
        picture = Image.open(io.BytesIO(data))
        assert (picture.format, max(picture.size)) == ("JPEG", 256)
        assert len(data) <= 24 * 1024

"""Demo pictures: a stock painted by the embedded engine, of which every output gets files of its own.

They are hard links of the stock's files where the folders share a disk, copies elsewhere.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from accounts.models import Account
from engine.performers import performer
from engine.protocol.job_output import JobOutput
from predictions.files import image_probe, media
from predictions.files.media import FinishedFile
from predictions.lifecycle.completion import PreparedOutput

_links = count()


@dataclass(frozen=True)
class Picture:
    """One painted picture with its thumbnails, for any number of outputs."""

    prompt: str
    files: tuple[FinishedFile, ...]
    """The picture, then the small and the medium thumbnail."""
    colour: str
    blur: str
    phash: str


class _LastFile(JobOutput):
    """Keeps the name of the last file that a model put out."""

    def __init__(self, folder: Path) -> None:
        super().__init__(os.open(os.devnull, os.O_WRONLY), folder)
        self.name = ""

    def _send(self, event: dict[str, Any]) -> None:
        if "output" in event:
            self.name = event["output"]["name"]


def paint(ref: str, given: dict[str, Any], folder: Path) -> Picture:
    """Paint one picture in this process and make its thumbnails, all in a new folder below this one."""
    folder = _new_folder(folder)
    output = _LastFile(folder)
    performer(ref)(given, output, 0)
    return _probed(str(given.get("prompt", "")), folder / output.name, folder)


def from_file(prompt: str, path: Path, folder: Path) -> Picture:
    """The picture of an image file, with thumbnails made as of any output."""
    folder = _new_folder(folder)
    copy = folder / path.name
    shutil.copyfile(path, copy)
    return _probed(prompt, copy, folder)


def _new_folder(parent: Path) -> Path:
    folder = parent / f"picture-{next(_links)}"
    folder.mkdir()
    return folder


def _probed(prompt: str, path: Path, folder: Path) -> Picture:
    found = image_probe.probe(path, folder)
    files = [_finished(path, found.content_type, found.width or 1, found.height or 1)]
    files += [
        _finished(thumbnail.path, thumbnail.content_type, thumbnail.width, thumbnail.height)
        for thumbnail in (found.small, found.medium)
        if thumbnail is not None
    ]
    return Picture(prompt, tuple(files), found.colour, found.blur, found.phash)


def _finished(path: Path, content_type: str, width: int, height: int) -> FinishedFile:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return FinishedFile(path, path.suffix[1:], digest, content_type, width, height)


def store(pictures: list[Picture], account: Account) -> list[PreparedOutput]:
    """Outputs with stored files of their own, still pending."""
    links = [_linked(file) for picture in pictures for file in picture.files]
    rows = iter(media.store_all(links, account.pk))
    outputs = []
    for index, picture in enumerate(pictures):
        file, *thumbnails = (next(rows) for _ in picture.files)
        small, medium = [*thumbnails, None, None][:2]
        outputs.append(
            PreparedOutput(
                index, f"out-{index}.{picture.files[0].extension}", media.new_token(), file, small, medium,
                picture.colour, picture.blur, picture.phash,
            )
        )  # fmt: skip
    return outputs


def _linked(file: FinishedFile) -> FinishedFile:
    path = file.path.with_name(f"link-{next(_links)}.{file.extension}")
    try:
        os.link(file.path, path)
    except OSError:
        shutil.copyfile(file.path, path)
    return replace(file, path=path)


PROMPTS = (
    "a lighthouse on a cliff at dawn, oil painting", "an orange cat, studio photograph, blue backdrop",
    "a sailboat on a mountain lake at sunset", "an astronaut in front of a striped planet",
    "a castle with blue roofs in a green valley", "a yellow flower in the mountains, macro",
    "a night city, neon, rain, a blue car", "a white dog in the alps, sunny day",
    "a hot air balloon over green hills, evening", "a penguin on an iceberg", "樱花树下的小屋，水彩",
    "雪山下的湖，黄昏",
    "a red barn in a wheat field, thunderstorm", "a fox in an autumn forest, mist", "a fishing boat at dawn",
    "a windmill among tulips", "a desert with dunes and two moons", "a waterfall in a jungle, morning light",
    "竹林里的灯笼，夜晚", "an old bridge over a river, autumn", "a volcano at night, lava",
    "a robot watering flowers", "a beach with palm trees, poster", "a snowy village, warm windows",
    "a whale under a full moon", "a field of lavender at dusk", "a tiger in tall grass", "海边的灯塔，版画",
    "a cactus in bloom, white background", "a train crossing a viaduct, winter", "a cup of tea by a window, rain",
    "an owl on a branch, moonlight", "a spaceship over the sea, sunset", "a mountain hut, stars",
    "a horse on a beach, black and white", "金鱼在荷塘，工笔画", "a garden gate with roses", "a rainbow over hills",
    "a pine forest from above, fog", "a bicycle against a yellow wall",
)  # fmt: skip

"""Malicious images: each of two hundred files is refused with a sentence that names the input, or decoded correctly."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core import data_uri, image_header
from engine.images.decoder import decode
from engine.protocol.job_output import Refusal
from engine.published_models import picture_inputs, refs
from tests.engine import malicious_images
from tests.engine.engine_service import ROOT, Service
from tests.runner.sampling import is_whole, one_in, one_of

PICTURE_INPUTS = {model: names for model in sorted(refs()) if (names := picture_inputs(model))}
FIELDS = sorted({name for names in PICTURE_INPUTS.values() for name in names})
MEMORY = 200 * 1024**2
"""Bytes that opening them may add to a process."""
REFUSED_SOONER = {
    "nothing": "the file is empty",
    "more bytes than are taken": "the file is larger than 25 MB",
    "SVG": "SVG files cannot be read here",
    "HTML": "HTML files cannot be read here",
    "PDF": "PDF files cannot be read here",
    "EPS": "EPS files cannot be read here",
    "PSD": "PSD files cannot be read here",
    "a box file of heic": "HEIC files cannot be read here",
    "NULs": "the file is not a picture that can be read here",
    "PNG that claims 50000 x 50000": "the picture of 50000 x 50000 pixels is too large",
}
_PROGRAM = """
import json, resource, sys
from pathlib import Path
from core import data_uri
from engine.images.input_images import picture
from core.processes.resource_limits import apply_limits
from engine.protocol.job_output import Refusal
from engine.published_models import picture_inputs, refs
import PIL.Image
PIL.Image.init()

class Desk:
    def log(self, text): pass

def outcome(value, name):
    try:
        found = picture({name: value}, name, Desk())
    except Refusal as refusal:
        return str(refusal)
    return [found.image.mode, *found.image.size, *found.original_size]

apply_limits(1024**3, 120)
files, fields, every = Path(sys.argv[1]), *map(json.loads, sys.argv[2:])
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
for path in sorted(files.iterdir(), key=lambda one: int(one.name)):
    value = data_uri.build("image/png", path.read_bytes())
    if path.name == "0":
        outcome(value, fields[0])
        before = peak()
    # Each field's own sentence; a file is opened afresh each time, so nothing is remembered.
    asked = fields if path.name in every else [fields[int(path.name) % len(fields)]]
    print(json.dumps({"file": int(path.name), "outcomes": {name: outcome(value, name) for name in asked}}), flush=True)
print(json.dumps({"grown": peak() - before}))
"""


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return {"a sound picture": malicious_images.sound("PNG"), **malicious_images.all_of_them()}


@pytest.fixture(scope="module")
def results(files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The results of one limited process for every file, in order; the last is its growth in memory.

    Files whose error message is tested are passed for every input, each of the others for one input.
    """
    folder: Path = tmp_path_factory.mktemp("hostile")
    for number in tried(files):
        (folder / str(number)).write_bytes([*files.values()][number])
    every = [str(number) for number, name in enumerate(files) if name in {"a sound picture", *REFUSED_SOONER}]
    command = [sys.executable, "-c", _PROGRAM, str(folder), json.dumps(FIELDS), json.dumps(every)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{done.stdout[-300:]}\n{done.stderr[-2000:]}"
    return [json.loads(line) for line in done.stdout.splitlines()]


def tried(files: dict[str, bytes]) -> list[int]:
    """Indices of the decoded files: a valid picture, all whose message is tested, and a sample of the others."""
    chosen = {"a sound picture", *REFUSED_SOONER, *one_in(8, files, str)}
    return [number for number, name in enumerate(files) if name in chosen]


def test_there_are_two_hundred_of_them(files: dict[str, bytes]) -> None:
    assert len(set(files.values())) > 200


def test_no_file_ends_the_process_and_none_takes_much_memory(
    files: dict[str, bytes], results: list[dict[str, Any]]
) -> None:
    *each, last = results
    assert [one["file"] for one in each] == tried(files)
    assert last["grown"] < MEMORY


def test_each_is_refused_in_a_sentence_that_names_the_input_or_is_read_as_a_picture(
    files: dict[str, bytes], results: list[dict[str, Any]]
) -> None:
    refused = asked = 0
    names = [*files]
    for one in results[:-1]:
        name = names[one["file"]]
        for field, outcome in one["outcomes"].items():
            asked += 1
            if isinstance(outcome, str):
                refused += 1
                assert re.fullmatch(rf"Input {field}: [^\n]{{10,200}}\.", outcome), (name, outcome)
            else:
                mode, width, height, *claimed = outcome
                assert mode in ("RGB", "RGBA") and 0 < width <= 2048 and 0 < height <= 2048, name
                assert claimed[0] * claimed[1] <= image_header.MAX_PIXELS, name
    assert results[0]["outcomes"][FIELDS[0]] == ["RGB", 40, 30, 40, 30]
    assert asked > len(results) and (refused > 0.6 * asked or not is_whole())


@pytest.mark.parametrize(("name", "sentence"), REFUSED_SOONER.items())
def test_what_can_be_known_from_its_first_bytes_is_said_by_name(
    files: dict[str, bytes], results: list[dict[str, Any]], name: str, sentence: str
) -> None:
    number = tried(files).index(list(files).index(name))
    for field in FIELDS:
        assert results[number]["outcomes"][field].startswith(f"Input {field}: {sentence}")


def test_first_bytes_never_refuse_what_the_decoder_takes(files: dict[str, bytes]) -> None:
    for fmt in malicious_images.FORMATS:
        content = malicious_images.sound(fmt)
        assert image_header.objection(content[: image_header.HEADER_BYTES], len(content)) is None
        claimed = image_header.claimed_size(content[: image_header.HEADER_BYTES])
        assert claimed in (None, malicious_images.SIZE)
        assert (claimed is None) == (fmt in ("TIFF", "AVIF"))
        assert decode(content).image.size == malicious_images.SIZE


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (None, "a picture is required."),
        ("", "a picture is required."),
        (5, "it must be a data URI."),
        (["data:image/png;base64,AA=="], "it must be a data URI."),
        ("https://files.example.test/a.png", "it is no data URI."),
        ("data:image/png;base64,@@@@", "its Base64 cannot be read."),
        ("data:image/png;base64", "it is no data URI."),
        ("data:image/png;base64,", "the file is empty; send a PNG, JPEG or WebP picture instead."),
        ("data:,一只猫", "it holds characters that no data URI may hold."),
    ],
)
def test_what_is_no_file_at_all_is_refused_too(value: Any, sentence: str) -> None:
    from engine.images.input_images import picture

    with pytest.raises(Refusal) as caught:
        picture({"mask": value}, "mask", None)  # type: ignore[arg-type]
    assert str(caught.value) == f"Input mask: {sentence}"


# -- through the engine ----------------------------------------------------------------------------------------


SENT = ("PNG that claims 50000 x 50000", "PNG with a bomb of text", "JPEG cut at 60 %", "EPS", "many NULs",
        "TIFF with a chain of three thousand directories", "GIF of ten thousand frames")  # fmt: skip
TINY = {"width": 64, "height": 64, "num_inference_steps": 5}
"""For what is read rightly, and so becomes a picture; one of 2048 pixels a side would take some models ten seconds."""


def test_the_engine_refuses_them_for_every_model_and_lives_on(
    service: Service, files: dict[str, bytes]
) -> None:
    painters = service.painters()
    sound = data_uri.build("image/png", files["a sound picture"])
    waiting: dict[str, str] = {}
    for number, (model, names) in enumerate(PICTURE_INPUTS.items()):
        for field in one_of(names, str, of=model):
            bad = SENT[(number + len(waiting)) % len(SENT)]
            inputs = dict.fromkeys(names, sound) | {field: data_uri.build("image/png", files[bad])}
            id = f"hostile-{len(waiting)}"
            service.put(id, {"prompt": "a lake", "seed": 3, **TINY, **inputs}, model)
            waiting[id] = field
    for id, field in waiting.items():
        state = service.ended(id)
        refusal = state["status"] == "failed" and state["error"].startswith(f"Input {field}: ")
        assert refusal or state["status"] == "succeeded", state
        assert state["status"] == "succeeded" or not (service.work / id).exists()
    assert service.painters() == painters
    assert service.run("after-them", {"image": sound, "seed": 3}, "cjwbw/rembg")["status"] == "succeeded"

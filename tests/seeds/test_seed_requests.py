"""Every request that the seeds print, sent to a started server unchanged but for host and token, and both answers."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from typing import Any

import httpx
import jsonschema
import pytest
from PIL import Image, ImageChops, ImageDraw, ImageStat

from tests.runner.sampling import one_of
from tests.seeds import documents
from tests.seeds.documents import Seed
from tests.servers.file_server import FileServer
from tests.servers.server_process import ServerProcess

pytestmark = pytest.mark.seeds

SEEDS = {seed.number: seed for seed in documents.all_of_them()}
if not SEEDS:
    pytest.skip(f"There are no seeds in {documents.FOLDER}.", allow_module_level=True)
LINKED = "002"
"""The seed whose request names two files elsewhere; they are long gone."""
SAMPLES_READ = {
    "python": "4d85a600a03612a2e582a6c50bb1b88a9b30567497f36ad23a98afc2d6af2d6a",
    "javascript": "b80f3f1fee74e91ca82075b704a9efe8bd5cc792624a7d5f38569b774f571cf4",
}
"""Programs in the seeds are run only as long as they are those that somebody has read."""
HERE = "http://127.0.0.1"
PHOTOGRAPH = Image.merge("RGB", [Image.linear_gradient("L").rotate(turn) for turn in (0, 90, 180)]).resize(
    (512, 512)
)
MASK = Image.new("L", (512, 512))
ImageDraw.Draw(MASK).ellipse((170, 150, 350, 400), fill=255)


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess(DARKROOM_OUTBOUND_ALLOW="127.0.0.1/32") as running:
        yield running
        done = running.manage("audit")
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def pictures_token(server: ServerProcess) -> str:
    """A token of the same account whose setting says that creates answer with pictures."""
    made = server.manage("token", "admin", "--answer", "openai")
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


@pytest.fixture
def seed(number: str) -> Seed:
    return SEEDS[number]


@pytest.fixture(scope="module")
def links() -> Iterator[dict[str, str]]:
    """Addresses on this machine in place of those that are gone, by what they stand for."""
    files = {"mask.png": MASK, "overture-creations-5sI6fQgYIuo.png": PHOTOGRAPH}
    paths = {f"/{name}": (200, {"Content-Type": "image/png"}, as_png(one)) for name, one in files.items()}
    with FileServer(paths) as there:
        found = {str(SEEDS[LINKED].requests()[0]["input"][name]) for name in ("image", "mask")}
        yield {old: f"{there.url}/{old.rpartition('/')[2]}" for old in found}


def as_png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def alive(text: str, links: dict[str, str]) -> str:
    for old, new in links.items():
        text = text.replace(old, new)
    return text


def request_of(seed: Seed, links: dict[str, str]) -> dict[str, Any]:
    """The body that the seed prints, with links that work."""
    (body,) = seed.requests()
    found: dict[str, Any] = json.loads(alive(json.dumps(body), links))
    return found


def sent(seed: Seed, url: str, token: str, links: dict[str, str]) -> Iterator[tuple[int, Any]]:
    """Code and JSON for each way in which the seed prints its request: the call of curl, and the JSON alone."""
    words = seed.curl(url, token)
    if words is not None:
        words = [alive(word, links) for word in words]
        command = [words[0], "--silent", "--write-out", "\n%{http_code}", *words[1:]]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
        text, code = done.stdout.rsplit("\n", 1)
        yield int(code), json.loads(text)
    for body in [request_of(seed, links)] if words is None else ():
        answer = httpx.post(
            f"{url}/replicate/v1/predictions",
            json=body,
            headers={"Authorization": f"Bearer {token}"},
            timeout=120,
        )
        yield answer.status_code, answer.json()


def ended(server: ServerProcess, shown: dict[str, Any]) -> dict[str, Any]:
    """The prediction when its stream of events has said that it is over."""
    with httpx.stream("GET", shown["urls"]["stream"], timeout=120) as stream:
        assert "event: done" in list(stream.iter_lines())
    found: dict[str, Any] = read(server, shown["urls"]["get"])
    return found


def read(server: ServerProcess, url: str) -> Any:
    answer = httpx.get(url, headers={"Authorization": f"Bearer {server.token}"})
    assert answer.status_code == 200, answer.text
    return answer.json()


def kind_of(url: str) -> tuple[int, int, str | None]:
    """Width, height and format of the picture there."""
    answer = httpx.get(url)
    assert answer.status_code == 200
    picture = Image.open(io.BytesIO(answer.content))
    return *picture.size, picture.format


def kind_asked_for(body: dict[str, Any]) -> tuple[int, int, str | None]:
    """Each of these models has 768, or as square 1024, where nothing is said, and PNG."""
    given = body["input"]
    side = 1024 if "aspect_ratio" in given else 768
    return given.get("width", side), given.get("height", side), given.get("output_format", "png").upper()


# -- what is read ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", sorted(SEEDS))
def test_each_seed_prints_one_request_however_often(seed: Seed) -> None:
    (body,) = seed.requests()
    words = seed.curl(HERE, "dr_token")
    if words is not None:
        assert json.loads(words[words.index("--data-raw") + 1]) == body
        assert f"{HERE}/replicate/v1/predictions" in words and "Authorization: Bearer dr_token" in words


def test_the_two_that_print_schemas_print_a_request_that_fits() -> None:
    found = {number: seed.request_schema() for number, seed in SEEDS.items()}
    assert {number for number, schema in found.items() if schema} == {"001", "004"}
    for number, schema in found.items():
        if schema:
            jsonschema.validate(SEEDS[number].requests()[0], schema)


def test_only_the_first_lists_versions_and_both_answers_are_printed_somewhere() -> None:
    assert len(SEEDS["000"].versions()) == 10
    answers = [set(answer) for seed in SEEDS.values() for answer in seed.answers()]
    assert {"created", "data"} in answers and {"id", "status"} in answers


# -- the two answers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "answer"), one_of(product(sorted(SEEDS), ("a prediction", "pictures"))))
def test_a_request_as_printed_is_answered_as_printed_and_ends_well(
    server: ServerProcess, pictures_token: str, seed: Seed, links: dict[str, str], answer: str
) -> None:
    if answer == "pictures":
        is_answered_with_pictures(server, pictures_token, seed, links)
    else:
        is_answered_with_a_prediction(server, seed, links)


def is_answered_with_a_prediction(server: ServerProcess, seed: Seed, links: dict[str, str]) -> None:
    body = request_of(seed, links)
    for code, shown in sent(seed, server.url, server.token, links):
        assert code == 200
        for schema in seed.answer_schemas():
            jsonschema.validate(shown, but_for_other_models_inputs(schema, body))
        for example in seed.answers():
            if "status" in example:
                assert documents.same_shape(shown, {**example, "input": {}})
                assert shown["status"] == example["status"] == "starting"
        for name, kind in seed.answer_parameters().items():
            assert name == "output" or documents.is_of(shown[name], kind)
        assert shown["input"] == body["input"]
        found = ended(server, shown)
        assert found["status"] == "succeeded", found
        assert [kind_of(url) for url in found["output"]] == [kind_asked_for(body)]


def but_for_other_models_inputs(schema: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """The documented answer without what it demands of `input`: keys of a third model, which no request here sends."""
    told = schema["properties"]["input"]
    assert not set(told["required"]) <= set(body["input"])
    loose = {**told, "required": [name for name in told["required"] if name in body["input"]]}
    return {**schema, "properties": {**schema["properties"], "input": loose}}


def is_answered_with_pictures(
    server: ServerProcess, pictures_token: str, seed: Seed, links: dict[str, str]
) -> None:
    """The same request, where the token says so."""
    (example,) = (one for number in ("000",) for one in SEEDS[number].answers())
    body = request_of(seed, links)
    for code, shown in sent(seed, server.url, pictures_token, links):
        assert code == 200 and set(shown) == set(example)
        assert documents.same_shape(shown, example) and shown["data"]
        assert [kind_of(one["url"]) for one in shown["data"]] == [kind_asked_for(body)]
        newest = read(server, f"{server.url}/replicate/v1/predictions")["results"][0]
        assert (newest["status"], newest["input"]) == ("succeeded", body["input"])
        assert [one["url"] for one in shown["data"]] == newest["output"]


# -- what they say besides -------------------------------------------------------------------------------------


def test_every_version_that_is_listed_is_there_under_its_model(server: ServerProcess) -> None:
    for version, model in SEEDS["000"].versions().items():
        found = read(server, f"{server.url}/replicate/v1/models/{model}/versions/{version}")
        assert found["id"] == version


@pytest.mark.parametrize("number", ["001", "003", "004"])
def test_every_documented_input_is_one_of_the_model_with_that_type(
    server: ServerProcess, number: str
) -> None:
    seed = SEEDS[number]
    model, _, version = seed.requests()[0]["version"].partition(":")
    found = read(server, f"{server.url}/replicate/v1/models/{model}/versions/{version}")
    schemas = found["openapi_schema"]["components"]["schemas"]
    told = seed.parameters()
    assert len(told) >= 5
    for name, kind in told.items():
        published = schemas["Input"]["properties"][name]
        for referred in published.get("allOf", []):
            published = schemas[referred["$ref"].rpartition("/")[2]]
        assert published["type"] == kind or (published["type"], kind) == ("integer", "number"), name


def test_the_printed_python_program_runs(server: ServerProcess) -> None:
    plain = SEEDS["003"].python_sample("host", "TOKEN")
    assert documents.digest(plain) == SAMPLES_READ["python"], (
        "Read the program before it is run, then note its digest."
    )
    program = SEEDS["003"].python_sample(f"127.0.0.1:{server.port}", server.token)
    shown = printed([sys.executable, "-I", "-c", str(program)])
    assert ended(server, shown)["status"] == "succeeded"


@pytest.mark.skipif(not shutil.which("node"), reason="There is no Node.")
def test_the_printed_javascript_program_runs(server: ServerProcess) -> None:
    plain = SEEDS["003"].javascript_sample("http://host", "TOKEN")
    assert documents.digest(plain) == SAMPLES_READ["javascript"], (
        "Read the program before it is run, then note its digest."
    )
    shown = printed(["node", "-e", str(SEEDS["003"].javascript_sample(server.url, server.token))])
    # It is the same picture.
    answer = httpx.post(shown["urls"]["cancel"], headers={"Authorization": f"Bearer {server.token}"})
    assert answer.status_code == 200, answer.text


def printed(command: list[str]) -> dict[str, Any]:
    """The prediction that a program prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    shown: dict[str, Any] = json.loads(done.stdout)
    assert documents.same_shape(shown, SEEDS["003"].answers()[0])
    return shown


# -- the one that names files elsewhere ------------------------------------------------------------------------


def test_the_picture_that_is_named_comes_back_with_its_masked_part_painted_anew(
    server: ServerProcess, links: dict[str, str]
) -> None:
    ((code, shown),) = sent(SEEDS[LINKED], server.url, server.token, links)
    assert code == 200
    found = ended(server, shown)
    (url,) = found["output"]
    result = Image.open(io.BytesIO(httpx.get(url).content)).convert("RGB")
    assert result.size == PHOTOGRAPH.size
    away = ImageChops.difference(result, PHOTOGRAPH).convert("L").point(lambda level: 255 if level else 0)
    assert ImageChops.subtract(away, MASK).getbbox() is None
    assert ImageStat.Stat(away, MASK).mean[0] > 128
    assert found["logs"].startswith("Using seed: ") and "No neural network, no weights" in found["logs"]


def test_a_request_whose_links_lead_nowhere_fails_in_a_sentence_and_costs_nothing(
    server: ServerProcess, links: dict[str, str]
) -> None:
    before = read(server, f"{server.url}/api/me")["balance"]
    nowhere = {old: f"{new}.gone" for old, new in links.items()}
    for code, shown in sent(SEEDS[LINKED], server.url, server.token, nowhere):
        assert code == 200
        found = ended(server, shown)
        assert found["status"] == "failed"
        assert re.match(r"Input (image|mask) could not be fetched: its server answered 404\.", found["error"])
    assert read(server, f"{server.url}/api/me")["balance"] == before

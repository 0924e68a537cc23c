"""Every request that the seeds print, sent to a started server unchanged but for host and token, and both answers."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema
import pytest
from PIL import Image

from tests import seeds
from tests.seeds import Seed
from tests.server import RunningServer

pytestmark = pytest.mark.seeds

SEEDS = {seed.number: seed for seed in seeds.all_of_them()}
if not SEEDS:
    pytest.skip(f"There are no seeds in {seeds.FOLDER}.", allow_module_level=True)
NOT_SERVED = {"002"}
"""Seeds whose model nobody serves yet."""
SERVED = sorted(set(SEEDS) - NOT_SERVED)
SAMPLES_READ = {
    "python": "4d85a600a03612a2e582a6c50bb1b88a9b30567497f36ad23a98afc2d6af2d6a",
    "javascript": "b80f3f1fee74e91ca82075b704a9efe8bd5cc792624a7d5f38569b774f571cf4",
}
"""Programs in the seeds are run only as long as they are those that somebody has read."""
HERE = "http://127.0.0.1"


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with RunningServer() as running:
        yield running
        done = running.manage("audit")
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def pictures_token(server: RunningServer) -> str:
    """A token of the same account whose setting says that creates answer with pictures."""
    made = server.manage("token", "admin", "--answer", "openai")
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


@pytest.fixture(params=sorted(SEEDS))
def seed(request: pytest.FixtureRequest) -> Seed:
    return SEEDS[request.param]


@pytest.fixture(params=SERVED)
def served(request: pytest.FixtureRequest) -> Seed:
    return SEEDS[request.param]


def sent(seed: Seed, url: str, token: str) -> Iterator[tuple[int, Any]]:
    """Code and JSON for each way in which the seed prints its request: the call of curl, and the JSON alone."""
    words = seed.curl(url, token)
    if words is not None:
        command = [words[0], "--silent", "--write-out", "\n%{http_code}", *words[1:]]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
        text, code = done.stdout.rsplit("\n", 1)
        yield int(code), json.loads(text)
    for body in seed.requests() if words is None else ():
        answer = httpx.post(
            f"{url}/replicate/v1/predictions",
            json=body,
            headers={"Authorization": f"Bearer {token}"},
            timeout=120,
        )
        yield answer.status_code, answer.json()


def ended(server: RunningServer, shown: dict[str, Any]) -> dict[str, Any]:
    """The prediction when its stream of events has said that it is over."""
    with httpx.stream("GET", shown["urls"]["stream"], timeout=120) as stream:
        assert "event: done" in list(stream.iter_lines())
    found: dict[str, Any] = read(server, shown["urls"]["get"])
    return found


def read(server: RunningServer, url: str) -> Any:
    answer = httpx.get(url, headers={"Authorization": f"Bearer {server.token}"})
    assert answer.status_code == 200, answer.text
    return answer.json()


def size_of(url: str) -> tuple[int, int]:
    answer = httpx.get(url)
    assert answer.status_code == 200
    return Image.open(io.BytesIO(answer.content)).size


def size_asked_for(body: dict[str, Any]) -> tuple[int, int]:
    """Each of these models has 768, or as square 1024, where nothing is said."""
    side = 1024 if "aspect_ratio" in body["input"] else 768
    return body["input"].get("width", side), body["input"].get("height", side)


# -- what is read ----------------------------------------------------------------------------------------------


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


# -- the first answer: a prediction ----------------------------------------------------------------------------


def test_a_request_as_printed_is_answered_with_a_prediction_that_ends_well(
    server: RunningServer, served: Seed
) -> None:
    (body,) = served.requests()
    for code, shown in sent(served, server.url, server.token):
        assert code == 200
        for schema in served.answer_schemas():
            jsonschema.validate(shown, but_for_other_models_inputs(schema, body))
        for example in served.answers():
            if "status" in example:
                assert seeds.same_shape(shown, {**example, "input": {}})
                assert shown["status"] == example["status"] == "starting"
        for name, kind in served.answer_parameters().items():
            assert name == "output" or seeds.is_of(shown[name], kind)
        assert shown["input"] == body["input"]
        found = ended(server, shown)
        assert found["status"] == "succeeded", found
        assert [size_of(url) for url in found["output"]] == [size_asked_for(body)]


def but_for_other_models_inputs(schema: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """The documented answer without what it demands of `input`: keys of a third model, which no request here sends."""
    told = schema["properties"]["input"]
    assert not set(told["required"]) <= set(body["input"])
    loose = {**told, "required": [name for name in told["required"] if name in body["input"]]}
    return {**schema, "properties": {**schema["properties"], "input": loose}}


# -- the second answer: pictures -------------------------------------------------------------------------------


def test_the_same_request_is_answered_with_pictures_where_the_token_says_so(
    server: RunningServer, pictures_token: str, served: Seed
) -> None:
    (example,) = (one for number in ("000",) for one in SEEDS[number].answers())
    (body,) = served.requests()
    for code, shown in sent(served, server.url, pictures_token):
        assert code == 200 and set(shown) == set(example)
        assert seeds.same_shape(shown, example) and shown["data"]
        assert [size_of(one["url"]) for one in shown["data"]] == [size_asked_for(body)]
        newest = read(server, f"{server.url}/replicate/v1/predictions")["results"][0]
        assert (newest["status"], newest["input"]) == ("succeeded", body["input"])
        assert [one["url"] for one in shown["data"]] == newest["output"]


# -- what they say besides -------------------------------------------------------------------------------------


def test_every_version_that_is_listed_is_there_under_its_model(server: RunningServer) -> None:
    for version, model in SEEDS["000"].versions().items():
        found = read(server, f"{server.url}/replicate/v1/models/{model}/versions/{version}")
        assert found["id"] == version


@pytest.mark.parametrize("number", ["001", "003", "004"])
def test_every_documented_input_is_one_of_the_model_with_that_type(
    server: RunningServer, number: str
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


def test_the_printed_python_program_runs(server: RunningServer) -> None:
    plain = SEEDS["003"].python_sample("host", "TOKEN")
    assert seeds.digest(plain) == SAMPLES_READ["python"], (
        "Read the program before it is run, then note its digest."
    )
    program = SEEDS["003"].python_sample(f"127.0.0.1:{server.port}", server.token)
    must_print_a_prediction(server, [sys.executable, "-I", "-c", str(program)])


@pytest.mark.skipif(not shutil.which("node"), reason="There is no Node.")
def test_the_printed_javascript_program_runs(server: RunningServer) -> None:
    plain = SEEDS["003"].javascript_sample("http://host", "TOKEN")
    assert seeds.digest(plain) == SAMPLES_READ["javascript"], (
        "Read the program before it is run, then note its digest."
    )
    must_print_a_prediction(
        server, ["node", "-e", str(SEEDS["003"].javascript_sample(server.url, server.token))]
    )


def must_print_a_prediction(server: RunningServer, command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    shown = json.loads(done.stdout)
    assert seeds.same_shape(shown, SEEDS["003"].answers()[0])
    assert ended(server, shown)["status"] == "succeeded"


# -- the one whose model is not served yet ---------------------------------------------------------------------


@pytest.mark.parametrize("number", sorted(NOT_SERVED))
def test_a_request_for_a_model_that_nobody_serves_is_refused_clearly_and_costs_nothing(
    server: RunningServer, pictures_token: str, number: str
) -> None:
    def standing() -> tuple[Any, int]:
        me = read(server, f"{server.url}/api/me")
        return me, len(read(server, f"{server.url}/replicate/v1/predictions")["results"])

    before = standing()
    for code, problem in sent(SEEDS[number], server.url, server.token):
        assert (code, problem["status"], problem["title"]) == (422, 422, "Model not available")
        assert problem["detail"]
    for code, told in sent(SEEDS[number], server.url, pictures_token):
        assert 400 <= code < 500 and told["error"]["message"]
    assert standing() == before

"""The official Python client: lists and the catalogue, files, webhooks, and its own exceptions."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import replicate
from PIL import Image
from replicate.exceptions import ReplicateError
from replicate.helpers import FileOutput
from replicate.pagination import paginate
from replicate.webhook import InvalidSignatureError, Webhooks

from tests.clients.conftest import GIF
from tests.clients.suite import PAGE, SMALL, Suite
from tests.clients.tls import BehindTls
from tests.servers.installations import eventually
from tests.servers.webhook_receiver import WebhookReceiver

pytestmark = pytest.mark.clients
TINY = {"prompt": "a", "width": 128, "height": 128}


def client_of(suite: Suite, mount: str = "/v1", token: str | None = None, **options: Any) -> replicate.Client:
    return replicate.Client(
        api_token=token or suite.tokens["funded"], base_url=suite.url + mount.removesuffix("/v1"), **options
    )


@pytest.fixture
def client(suite: Suite, mount: str) -> replicate.Client:
    return client_of(suite, mount)


# -- lists and the catalogue -----------------------------------------------------------------------------------


def test_paginate_walks_over_every_prediction_once(client: replicate.Client, suite: Suite) -> None:
    pages = list(paginate(client.predictions.list))
    found = [row.id for page in pages for row in page.results]
    assert len(pages) >= 2 and len(pages[0].results) == PAGE
    assert len(found) == len(set(found)) and set(suite.many) <= set(found)


def test_models_are_listed_read_and_found(client: replicate.Client, suite: Suite) -> None:
    owner, name = suite.model("text")
    assert f"{owner}/{name}" in {model.id for page in paginate(client.models.list) for model in page.results}
    model = client.models.get(f"{owner}/{name}")
    assert model.latest_version.id == suite.version("text")
    assert suite.version("text") in [version.id for version in model.versions.list().results]
    version = model.versions.get(suite.version("text"))
    assert "prompt" in version.openapi_schema["components"]["schemas"]["Input"]["properties"]
    assert {model.id for model in client.models.search("sdxl").results} == {"stability-ai/sdxl"}


def test_the_small_lists_can_be_read(client: replicate.Client) -> None:
    assert client.accounts.current().username == "conformance-funded"
    assert [(row.sku, row.name) for row in client.hardware.list()]
    collections = client.collections.list().results
    assert all(client.collections.get(one.slug).models for one in collections)
    assert client.trainings.list().results == []


def test_a_deployment_is_listed_read_and_run_with_what_it_fixes(
    client: replicate.Client, suite: Suite
) -> None:
    name = "/".join(suite.deployment)
    assert [one.id for one in client.deployments.list().results] == [name]
    deployment = client.deployments.get(name)
    assert deployment.current_release is not None
    assert deployment.current_release.version == suite.version("image")
    given = {"prompt": "a", "width": 640}
    for made in (
        deployment.predictions.create(input=given),
        client.deployments.predictions.create(deployment=name, input=given),
    ):
        made.wait()
        picture = Image.open(io.BytesIO(httpx.get(made.output[0]).content))
        assert picture.size == (SMALL["width"], SMALL["height"])
    assert refusal(lambda: client.deployments.get("house/nothing")).status == 404


# -- files -----------------------------------------------------------------------------------------------------


def test_a_file_is_uploaded_read_listed_used_and_deleted(
    client: replicate.Client, suite: Suite, picture: Path
) -> None:
    with picture.open("rb") as content:
        made = client.files.create(content, metadata={"shelf": {"row": 3}})
    assert (made.name, made.content_type, made.size) == ("dot.gif", "image/gif", len(GIF))
    assert made.metadata == {"shelf": {"row": 3}}
    assert client.files.get(made.id).checksums == made.checksums
    assert made.id in [one.id for one in client.files.list()]
    given = {"image": made.urls["get"]}
    assert httpx.get(str(client.run(suite.models["file_input"], input=given))).content == GIF
    assert client.files.delete(made.id) is True
    with pytest.raises(ReplicateError) as gone:
        client.files.get(made.id)
    assert gone.value.status == 404


@pytest.mark.parametrize("strategy", ["url", "base64"])
def test_an_open_file_in_the_input_reaches_the_model(
    client: replicate.Client, suite: Suite, picture: Path, strategy: Any
) -> None:
    with picture.open("rb") as content:
        back = client.run(
            suite.models["file_input"], input={"image": content}, file_encoding_strategy=strategy
        )
    answer = httpx.get(str(back))
    assert (answer.content, answer.headers["content-type"]) == (GIF, "image/gif")


def test_a_file_without_a_name_and_a_data_uri_reach_the_model(client: replicate.Client, suite: Suite) -> None:
    uri = "data:image/gif;base64," + base64.b64encode(GIF).decode()
    for image in (uri, io.BytesIO(GIF)):
        assert httpx.get(str(client.run(suite.models["file_input"], input={"image": image}))).content == GIF


def test_behind_tls_outputs_are_file_objects_that_can_be_read_with_the_token(
    suite: Suite, mount: str
) -> None:
    client = client_of(suite, mount, transport=BehindTls())
    made = client.run(suite.models["image"], input={"prompt": "a", "num_outputs": 2})
    assert all(isinstance(one, FileOutput) and one.url.startswith("https:") for one in made)
    assert made[0].read().startswith(b"\x89PNG") and b"".join(made[1]).startswith(b"\x89PNG")
    assert made[0].read() != made[1].read()


# -- webhooks --------------------------------------------------------------------------------------------------


def test_webhooks_pass_the_clients_own_check_and_a_changed_one_does_not(
    client: replicate.Client, suite: Suite, receiver: WebhookReceiver
) -> None:
    made = client.predictions.create(
        version=suite.version("text"),
        input={"prompt": "ein Käfer 🐞"},
        webhook=receiver.url,
        webhook_events_filter=["start", "completed"],
    )
    eventually(lambda: any(b'"succeeded"' in body for _, body in receiver.requests))
    secret = client.webhooks.default.secret()
    for headers, body in receiver.requests:
        Webhooks.validate(headers=headers, body=body.decode(), secret=secret, tolerance=300)
    headers, body = receiver.requests[-1]
    told = json.loads(body)
    assert told["id"] == made.id and "ein Käfer 🐞" in told["output"]
    assert told["urls"]["get"] == made.urls["get"]
    with pytest.raises(InvalidSignatureError):
        Webhooks.validate(headers=headers, body=body.decode() + " ", secret=secret)


# -- errors ----------------------------------------------------------------------------------------------------


def refusal(ask: Any) -> ReplicateError:
    with pytest.raises(ReplicateError) as refused:
        ask()
    assert refused.value.detail
    return refused.value


def test_its_own_exception_tells_what_was_refused(suite: Suite, mount: str) -> None:
    client = client_of(suite, mount)
    version = suite.version("text")
    stranger = client_of(suite, mount, token="dr_" + "x" * 40)
    poor = client_of(suite, mount, token=suite.tokens["no_credit"])
    unknown = refusal(stranger.accounts.current)
    assert (unknown.status, unknown.title) == (401, "Unauthenticated")
    broke = refusal(lambda: poor.predictions.create(version=version, input={"prompt": "a"}))
    assert (broke.status, broke.title) == (402, "Insufficient credit")
    missing = refusal(lambda: client.models.get("no/body"))
    assert (missing.status, missing.title) == (404, "Not found")
    wrong = refusal(lambda: client.predictions.create(version=version, input={}))
    assert (wrong.status, wrong.title) == (422, "Input validation failed")
    assert wrong.detail == "- input: prompt is required\n"
    nowhere = refusal(lambda: client.predictions.create(version="0" * 64, input={}))
    assert (nowhere.status, nowhere.title) == (422, "Invalid version or not permitted")


def test_another_accounts_prediction_is_not_found(suite: Suite, mount: str) -> None:
    made = client_of(suite, mount).predictions.create(version=suite.version("text"), input={"prompt": "a"})
    other = client_of(suite, mount, token=suite.tokens["other"])
    assert refusal(lambda: other.predictions.get(made.id)).status == 404
    assert refusal(lambda: other.predictions.cancel(made.id)).status == 404


def test_too_many_creates_raise_its_own_exception(suite: Suite, mount: str) -> None:
    client = replicate.Client(
        api_token=suite.tokens["narrow"], base_url=suite.url + mount.removesuffix("/v1")
    )
    refused = refusal(lambda: [client.run("stability-ai/sdxl", input=TINY, wait=False) for _ in range(3)])
    assert (refused.status, refused.title) == (429, "Too many requests")

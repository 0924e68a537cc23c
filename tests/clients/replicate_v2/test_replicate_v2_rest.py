"""The coming generation of the official Python client: lists, files, the webhook secret, and its own exceptions."""

from __future__ import annotations

import asyncio
import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import replicate
from PIL import Image

from tests.clients.conftest import GIF
from tests.clients.replicate_v2.conftest import client_of
from tests.clients.suite import PAGE, SMALL, Suite
from tests.clients.tls import BehindTls

pytestmark = pytest.mark.clients


# -- lists and the catalogue -----------------------------------------------------------------------------------


def test_iterating_a_list_walks_over_every_page_once(client: Any, suite: Suite) -> None:
    first = client.predictions.list()
    assert len(first.results) == PAGE and first.has_next_page()
    found = [row.id for row in client.predictions.list()]
    assert len(found) == len(set(found)) and set(suite.many) <= set(found)


def test_an_async_list_keeps_its_filter_over_its_pages(suite: Suite, base_url: str) -> None:
    async def ids() -> tuple[list[str], list[str]]:
        async with replicate.AsyncReplicate(bearer_token=suite.tokens["funded"], base_url=base_url) as busy:
            everything = [row.id async for row in busy.predictions.list()]
            oldest = await busy.predictions.get(prediction_id=everything[-1])
            later = busy.predictions.list(created_after=oldest.created_at + timedelta(milliseconds=1))
            return everything, [row.id async for row in later]

    everything, later = asyncio.run(ids())
    assert everything[-1] not in later and len(later) > PAGE and set(later) < set(everything)


def test_models_are_listed_in_either_direction_and_read(client: Any, suite: Suite) -> None:
    owner, name = suite.model("text")
    forth, back = (
        [
            (model.owner, model.name)
            for model in client.models.list(sort_by="model_created_at", sort_direction=way)
        ]
        for way in ("asc", "desc")
    )
    assert (owner, name) in forth and forth == back[::-1]
    model = client.models.get(model_owner=owner, model_name=name)
    assert model.latest_version.id == suite.version("text")
    where = {"model_owner": owner, "model_name": name}
    assert suite.version("text") in [version.id for version in client.models.versions.list(**where)]
    version = client.models.versions.get(version_id=suite.version("text"), **where)
    assert "prompt" in version.openapi_schema["components"]["schemas"]["Input"]["properties"]


def test_examples_and_the_readme_of_a_model(client: Any) -> None:
    where = {"model_owner": "stability-ai", "model_name": "sdxl"}
    assert all(example.status == "succeeded" for example in client.models.examples.list(**where))
    with pytest.raises(replicate.NotFoundError):
        client.models.readme.get(model_owner="stability-ai", model_name="nothing")


def test_models_are_searched_both_ways(client: Any) -> None:
    assert [model.name for model in client.models.search(body="sdxl")] == ["sdxl"]
    found = client.search(query="sdxl", limit=3)
    assert [one.model.name for one in found.models] == ["sdxl"]


def test_the_small_lists_can_be_read(client: Any) -> None:
    assert client.account.get().username == "conformance-funded"
    assert all(row.sku and row.name for row in client.hardware.list())
    for one in client.collections.list():
        assert client.collections.get(collection_slug=one.slug).slug == one.slug
    assert list(client.trainings.list()) == []
    assert client.webhooks.default.secret.get().key.startswith("whsec_")


def test_a_deployment_is_listed_read_and_run_with_what_it_fixes(client: Any, suite: Suite) -> None:
    owner, name = suite.deployment
    where = {"deployment_owner": owner, "deployment_name": name}
    assert [(one.owner, one.name) for one in client.deployments.list()] == [suite.deployment]
    assert client.deployments.get(**where).current_release.version == suite.version("image")
    made = client.deployments.predictions.create(**where, input={"prompt": "a", "width": 640}, prefer="wait")
    assert (made.status, made.deployment) == ("succeeded", f"{owner}/{name}")
    picture = Image.open(io.BytesIO(httpx.get(made.output[0]).content))
    assert picture.size == (SMALL["width"], SMALL["height"])
    with pytest.raises(replicate.UnprocessableEntityError):
        client.deployments.delete(**where)


# -- files -----------------------------------------------------------------------------------------------------


def test_a_file_is_uploaded_read_listed_used_and_deleted(client: Any, suite: Suite) -> None:
    made = client.files.create(
        content=GIF, filename="dot.gif", type="image/gif", metadata={"shelf": {"row": "3"}}
    )
    assert (made.content_type, made.size, made.metadata) == ("image/gif", len(GIF), {"shelf": {"row": "3"}})
    assert (made.expires_at - made.created_at).total_seconds() > 3600
    assert client.files.get(file_id=made.id).checksums.sha256 == made.checksums.sha256
    assert made.id in [one.id for one in client.files.list()]
    back = client.run(suite.models["file_input"], input={"image": made.urls.get})
    assert httpx.get(str(back)).content == GIF
    client.files.delete(file_id=made.id)
    with pytest.raises(replicate.NotFoundError):
        client.files.get(file_id=made.id)


@pytest.mark.parametrize("strategy", [None, "base64"])
def test_an_open_file_and_a_path_in_the_input_reach_the_model(
    client: Any, suite: Suite, picture: Path, strategy: Any
) -> None:
    with picture.open("rb") as content:
        for image in (content, picture):
            back = client.run(
                suite.models["file_input"], input={"image": image}, file_encoding_strategy=strategy
            )
            assert httpx.get(str(back)).content == GIF


def test_behind_tls_outputs_are_file_objects_that_can_be_read(suite: Suite, base_url: str) -> None:
    client = client_of(suite, base_url, http_client=httpx.Client(transport=BehindTls()))
    made = client.run(suite.models["image"], input={"prompt": "a", "num_outputs": 2})
    assert all(isinstance(one, replicate.FileOutput) and one.url.startswith("https:") for one in made)
    assert made[0].read().startswith(b"\x89PNG") and b"".join(made[1]).startswith(b"\x89PNG")


# -- errors ----------------------------------------------------------------------------------------------------


def test_each_refusal_is_an_exception_of_its_own(client: Any, suite: Suite, base_url: str) -> None:
    version = suite.version("text")
    with pytest.raises(replicate.AuthenticationError) as unknown:
        client_of(suite, base_url, "dr_" + "x" * 40).account.get()
    assert unknown.value.body["title"] == "Unauthenticated"
    with pytest.raises(replicate.APIStatusError) as broke:
        client_of(suite, base_url, "no_credit").predictions.create(version=version, input={"prompt": "a"})
    assert broke.value.status_code == 402 and broke.value.body["title"] == "Insufficient credit"
    assert broke.value.response.headers["x-should-retry"] == "false"
    with pytest.raises(replicate.NotFoundError):
        client.models.get(model_owner="no", model_name="body")
    with pytest.raises(replicate.UnprocessableEntityError) as wrong:
        client.predictions.create(version=version, input={})
    assert wrong.value.body["detail"] == "- input: prompt is required\n"
    assert wrong.value.body["invalid_fields"] == [
        {"type": "required", "field": "input", "description": "prompt is required"}
    ]
    with pytest.raises(replicate.PermissionDeniedError):
        client.models.delete(model_owner="stability-ai", model_name="sdxl")
    with pytest.raises(replicate.UnprocessableEntityError) as trained:
        client.trainings.create(
            model_owner="a", model_name="b", version_id=version, destination="a/c", input={}
        )
    assert trained.value.body["title"] == "Trainings are not supported"


def test_too_many_creates_raise_its_own_exception(suite: Suite, mount: str) -> None:
    client = replicate.Replicate(
        bearer_token=suite.tokens["narrow"], base_url=suite.url + mount, max_retries=0
    )
    with pytest.raises(replicate.RateLimitError) as refused:
        for _ in range(3):
            client.models.predictions.create(
                model_owner="stability-ai",
                model_name="sdxl",
                input={"prompt": "a", "width": 128, "height": 128},
            )
    assert 1 <= int(refused.value.response.headers["retry-after"]) <= 10

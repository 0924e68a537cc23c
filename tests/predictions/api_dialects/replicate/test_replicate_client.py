"""The real thing: a started server, and the official Python client."""

from __future__ import annotations

import io

import httpx
import pytest
import replicate
from PIL import Image
from replicate.exceptions import ReplicateError

from predictions.catalogue import shipped_models
from tests.servers.server_process import ServerProcess

pytestmark = pytest.mark.server

SD = "ac732df83cea7fff18b8472768c88ad041fa750ff7682a21affe81863cbe77e4"
SDXL = "7762fd07cf82c948538e41f63f77d685e02b063e37e496e96eefd46c929f9bdc"


@pytest.fixture(scope="module")
def server(conformant_server: ServerProcess) -> ServerProcess:
    return conformant_server.member("replica")


@pytest.fixture
def client(server: ServerProcess) -> replicate.Client:
    return replicate.Client(api_token=server.token, base_url=server.url)


def picture(url: str) -> Image.Image:
    answer = httpx.get(url)
    assert answer.status_code == 200
    return Image.open(io.BytesIO(answer.content))


def test_the_official_client_runs_a_model(client: replicate.Client) -> None:
    given = {"prompt": "a rainbow unicorn", "refine": "expert_ensemble_refiner", "width": 192, "height": 128}
    output = client.run(f"stability-ai/sdxl:{SDXL}", input=given)
    assert [picture(str(url)).size for url in output] == [(192, 128)]  # type: ignore[union-attr]


def test_the_official_client_creates_waits_lists_and_cancels(client: replicate.Client) -> None:
    made = client.predictions.create(version=SD, input={"prompt": "a red car", "width": 128, "height": 128})
    made.wait()
    assert made.status == "succeeded" and made.progress is not None and made.progress.percentage == 1.0
    listed = client.predictions.list()
    assert made.id in [row.id for row in listed.results]
    running = client.predictions.create(
        version=SD, input={"prompt": "a forest", "num_outputs": 4, "width": 512, "height": 512}
    )
    running.cancel()
    running.reload()
    assert running.status == "canceled"


def test_the_official_client_streams_and_reads_the_catalogue(client: replicate.Client) -> None:
    events = list(client.stream("lucataco/flux-schnell-lora", input={"prompt": "a red car", "seed": 1}))
    assert [event.event.value for event in events][-2:] == ["output", "done"]
    listed = [one for one in client.models.list().results if one.owner != "conformance"]
    assert len(listed) == len(shipped_models.refs())
    assert client.models.get("stability-ai/sdxl").latest_version.id == SDXL  # type: ignore[union-attr]


def test_the_official_client_raises_its_own_errors(client: replicate.Client, server: ServerProcess) -> None:
    with pytest.raises(ReplicateError) as refused:
        client.run("lucataco/flux-dev-lora", input={})
    assert (refused.value.status, refused.value.title) == (422, "Input validation failed")
    stranger = replicate.Client(api_token="dr_" + "x" * 40, base_url=server.url)
    with pytest.raises(ReplicateError) as unknown:
        stranger.predictions.list()
    assert unknown.value.status == 401


def test_afterwards_the_audit_finds_nothing(server: ServerProcess) -> None:
    done = server.manage("audit")
    assert done.returncode == 0, done.stdout + done.stderr

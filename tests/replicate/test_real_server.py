"""The real thing: a started server, the seeds' bodies, and the official Python client."""

from __future__ import annotations

import io
import json
import subprocess
from typing import Any

import httpx
import pytest
import replicate
from PIL import Image
from replicate.exceptions import ReplicateError

from tests.server import RunningServer
from tests.share import one_of

pytestmark = pytest.mark.server

SD = "ac732df83cea7fff18b8472768c88ad041fa750ff7682a21affe81863cbe77e4"
SDXL = "7762fd07cf82c948538e41f63f77d685e02b063e37e496e96eefd46c929f9bdc"
FLUX_DEV = "091495765fa5ef2725a175a57b276ec30dc9d39c22d30410f2ede68a3eab66b3"
# The request bodies of the seeds that text-to-image models serve: number, body, size and format of the files.
SEEDS: dict[str, tuple[dict[str, Any], tuple[int, int], str]] = {
    "000": (
        {
            "version": f"stability-ai/stable-diffusion:{SD}",
            "input": {
                "width": 768,
                "height": 768,
                "prompt": "an astronaut riding a horse on mars, hd, dramatic lighting",
                "scheduler": "K_EULER",
                "num_outputs": 1,
                "guidance_scale": 7.5,
                "num_inference_steps": 50,
            },
        },
        (768, 768),
        "PNG",
    ),
    "001": (
        {
            "version": f"stability-ai/sdxl:{SDXL}",
            "input": {
                "width": 768,
                "height": 768,
                "prompt": "An astronaut riding a rainbow unicorn, cinematic, dramatic",
                "refine": "expert_ensemble_refiner",
                "scheduler": "K_EULER",
                "lora_scale": 0.6,
                "num_outputs": 1,
                "guidance_scale": 7.5,
                "apply_watermark": False,
                "high_noise_frac": 0.8,
                "negative_prompt": "",
                "prompt_strength": 0.8,
                "num_inference_steps": 25,
            },
        },
        (768, 768),
        "PNG",
    ),
    "003": (
        {
            "version": f"stability-ai/stable-diffusion:{SD}",
            "input": {"prompt": "an astronaut riding a horse on mars, hd, dramatic lighting"},
        },
        (768, 768),
        "PNG",
    ),
    "004": (
        {
            "version": f"lucataco/flux-dev-lora:{FLUX_DEV}",
            "input": {
                "prompt": "a beautiful castle frstingln illustration",
                "hf_lora": "alvdansen/frosting_lane_flux",
                "lora_scale": 0.8,
                "num_outputs": 1,
                "aspect_ratio": "1:1",
                "output_format": "webp",
                "guidance_scale": 3.5,
                "output_quality": 80,
                "prompt_strength": 0.8,
                "num_inference_steps": 28,
            },
        },
        (1024, 1024),
        "WEBP",
    ),
}
REQUIRED = {
    "id", "model", "version", "input", "logs", "output", "data_removed", "error", "status", "created_at", "urls",
}  # fmt: skip


@pytest.fixture(scope="module")
def server(plain_server: RunningServer) -> RunningServer:
    return plain_server.member("replica")


@pytest.fixture
def client(server: RunningServer) -> replicate.Client:
    return replicate.Client(api_token=server.token, base_url=server.url)


def picture(url: str, **headers: str) -> Image.Image:
    answer = httpx.get(url, headers=headers)
    assert answer.status_code == 200
    return Image.open(io.BytesIO(answer.content))


def ended(server: RunningServer, url: str) -> dict[str, Any]:
    """Poll until it has ended; the stream of events says when, so that nothing is slept away."""
    headers = {"Authorization": f"Bearer {server.token}"}
    with httpx.stream("GET", httpx.get(url, headers=headers).json()["urls"]["stream"], timeout=60) as stream:
        for _line in stream.iter_lines():
            pass
    shown: dict[str, Any] = httpx.get(url, headers=headers).json()
    return shown


# Each as its document prints it, byte by byte, is sent by tests/test_seeds.py.
@pytest.mark.parametrize("seed", one_of(sorted(SEEDS)))
def test_a_seeds_body_sent_as_written_ends_with_the_files_it_asks_for(
    server: RunningServer, seed: str
) -> None:
    body, size, form = SEEDS[seed]
    url = f"{server.url}/replicate/v1/predictions"
    command = [
        "curl", "-s", "-w", "\n%{http_code}", "--location", "--request", "POST", url,
        "--header", f"Authorization: Bearer {server.token}", "--header", "Content-Type: application/json",
        "--data-raw", json.dumps(body),
    ]  # fmt: skip
    text, code = subprocess.run(command, capture_output=True, text=True, check=True).stdout.rsplit("\n", 1)
    created = json.loads(text)
    assert code == "200" and set(created) >= REQUIRED and created["status"] == "starting"
    assert set(created["urls"]) == {"cancel", "get", "stream", "web"}
    shown = ended(server, created["urls"]["get"])
    assert shown["status"] == "succeeded", shown
    made = picture(shown["output"][0], Authorization=f"Bearer {server.token}")
    assert (made.size, made.format) == (size, form)
    assert shown["logs"].startswith("Using seed: ")


def test_the_official_client_runs_a_model(client: replicate.Client) -> None:
    body, _size, _form = SEEDS["001"]
    output = client.run(body["version"], input={**body["input"], "width": 192, "height": 128})
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
    assert len(client.models.list().results) == 10
    assert client.models.get("stability-ai/sdxl").latest_version.id == SDXL  # type: ignore[union-attr]


def test_the_official_client_raises_its_own_errors(client: replicate.Client, server: RunningServer) -> None:
    with pytest.raises(ReplicateError) as refused:
        client.run("lucataco/flux-dev-lora", input={})
    assert (refused.value.status, refused.value.title) == (422, "Input validation failed")
    stranger = replicate.Client(api_token="dr_" + "x" * 40, base_url=server.url)
    with pytest.raises(ReplicateError) as unknown:
        stranger.predictions.list()
    assert unknown.value.status == 401


def test_afterwards_the_audit_finds_nothing(server: RunningServer) -> None:
    done = server.manage("audit")
    assert done.returncode == 0, done.stdout + done.stderr

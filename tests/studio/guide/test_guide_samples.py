"""Every sample of the documentation works as it is printed: pasted into a shell, against a started server."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from studio.guide import documents
from tests.runner.sampling import one_in, one_of
from tests.servers.installations import eventually
from tests.servers.server_process import ServerProcess
from tests.studio.guide.sample_runner import Sample, command, free_port, run, samples

# Long, so that this lane begins with the server that many files share.
pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]

RUN = {"bash", "python", "javascript"}
SHOWN = {"sh", "json", "text"}
AT_ONCE = 4
MODELS = ("stability-ai/stable-diffusion", "lucataco/flux-schnell-lora")
"""Whose pages are tried: one that has sizes, one that has shapes. All are written from one source."""
USUAL = "conformance/image"
"""The model that samples name where they name any: one that paints in no time what others take seconds for."""
FIRST = f"""
from predictions.models import HostedModel
owner, name = {USUAL!r}.split("/")
assert HostedModel.objects.filter(owner=owner, name=name).update(position=0) == 1
"""
PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc0000003"
    "010100c9fe92ef0000000049454e44ae426082"
)


@dataclass(frozen=True)
class Reader:
    """Somebody who reads the docs of a running server, and has followed them so far."""

    server: ServerProcess
    folder: Path
    environment: dict[str, str]

    def page(self, name: str) -> list[Sample]:
        """The samples of a page, as this server hands it out."""
        answer = httpx.get(f"{self.server.url}/docs/{name}.md")
        assert answer.status_code == 200
        return samples(name, answer.text)

    def run(self, sample: Sample) -> subprocess.CompletedProcess[str]:
        return run(sample, self.folder, **self.environment)

    def runs(self, sample: Sample) -> subprocess.CompletedProcess[str]:
        """Run it to its good end; one that needs what this server has not ends as the page says."""
        done = self.run(sample)
        said = done.stdout + done.stderr
        if "edits" in sample.words and done.returncode:
            # The second is what OpenAI's client says under Node 18.
            why = ("No model of this server works from a picture", "`File` is not defined as a global")
            assert any(one in said for one in why), (sample, said[-2000:])
        elif sample.fails:
            assert done.returncode == 22 and f"error: {sample.fails}" in done.stderr, (sample, said[-2000:])
        else:
            assert done.returncode == 0, f"{sample}\n{done.stdout[-1000:]}\n{done.stderr[-2000:]}"
        return done


@pytest.fixture(scope="module")
def reader(conformant_server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Reader:
    folder = tmp_path_factory.mktemp("reader")
    (folder / "picture.png").write_bytes(PICTURE)
    server = conformant_server.member("reader")
    first = server.manage("shell", "-c", FIRST)
    assert first.returncode == 0, first.stderr
    headers = {"Authorization": f"Bearer {server.token}"}
    made = httpx.post(
        f"{server.url}/v1/models/{USUAL}/predictions",
        headers={**headers, "Prefer": "wait"},
        json={"input": {"prompt": "a small thing"}},
        timeout=70,
    ).json()
    secret = httpx.get(f"{server.url}/v1/webhooks/default/secret", headers=headers).json()["key"]
    nowhere = {"url": f"http://127.0.0.1:{free_port()}/", "event": "completed"}
    tried = httpx.post(f"{server.url}/api/webhooks/test", headers=headers, json=nowhere).json()
    told = f"{server.url}/api/deliveries/{tried['id']}"
    eventually(lambda: httpx.get(told, headers=headers).json()["state"] == "given_up")
    environment = {
        "MESSAGE_ID": tried["id"],
        "DARKROOM_TOKEN": server.token,
        "PREDICTION_ID": made["id"],
        "STREAM_URL": made["urls"]["stream"],
        "DARKROOM_WEBHOOK_SECRET": secret,
    }
    return Reader(server, folder, environment)


def side_by_side(
    do: Callable[[Sample], subprocess.CompletedProcess[str]], found: list[Sample]
) -> list[tuple[Sample, subprocess.CompletedProcess[str]]]:
    """Run several samples at once: most of their time they start up, or wait for a picture."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(zip(found, pool.map(do, found), strict=True))


def to_run(name: str, language: str) -> Callable[[Reader], list[Sample]]:
    def chosen(reader: Reader) -> list[Sample]:
        found = [one for one in reader.page(name) if one.language == language]
        return [one for one in found if not {"receiver", "verify"} & set(one.words)]

    return chosen


ABOUT_MODELS = [f"models/{ref}" for ref in MODELS]
WRITTEN = list(documents.NAMES)
PAGES = WRITTEN + ABOUT_MODELS


def some_pages(language: str) -> list[str]:
    """The first page, which everybody reads, and some of the others: its programs take a second each to begin."""
    return WRITTEN[:1] + one_in(6, PAGES[1:], lambda page: f"{page} {language}")


@pytest.mark.parametrize("page", some_pages("python"))
def test_what_python_readers_paste_runs(reader: Reader, page: str) -> None:
    for sample, done in side_by_side(reader.runs, to_run(page, "python")(reader)):
        assert (
            done.stdout.strip()
            or "edits" in sample.words
            or "assert " in sample.code
            or "open(" in sample.code
        ), sample


@pytest.mark.parametrize("page", WRITTEN + one_of(ABOUT_MODELS))
def test_what_curl_readers_paste_runs_and_gives_the_answer_shown(reader: Reader, page: str) -> None:
    everything = reader.page(page)
    for sample, done in side_by_side(reader.runs, to_run(page, "bash")(reader)):
        shown = shown_answer(everything, sample)
        if shown is not None:
            assert_like(shown, json.loads(done.stdout), str(sample))
        assert done.stdout.strip(), sample


@pytest.mark.parametrize("page", some_pages("javascript"))
def test_what_javascript_readers_paste_runs(reader: Reader, page: str, node_modules: Path) -> None:
    found = to_run(page, "javascript")(reader)
    needed = {name for sample in found for name in sample.packages}
    assert {name for name in needed if not (node_modules / name).is_dir()} == set()
    side_by_side(reader.runs, found)


@pytest.fixture(scope="module")
def node_modules(reader: Reader) -> Path:
    """The published clients beside the samples, as `npm install` would put them there."""
    from tests.clients import packages

    try:
        found = packages.npm()
    except packages.NoNode as missing:
        if os.environ.get("DARKROOM_TEST_ALL") == "1":
            raise
        pytest.skip(str(missing))
    here = reader.folder / "node_modules"
    here.symlink_to(found)
    return here


def shown_answer(found: list[Sample], asked: Sample) -> Any:
    """The JSON that the page shows as the answer to this request; None where it shows none."""
    for sample in found[found.index(asked) + 1 :]:
        if "answer" in sample.words:
            return json.loads(sample.code)
        if sample.language == "bash":
            break
    return None


def assert_like(shown: Any, real: Any, where: str) -> None:
    """Everything that is shown is there, of the same kind; what is not shown may be there as well."""
    if isinstance(shown, dict):
        assert isinstance(real, dict) and not set(shown) - set(real), (where, set(shown) - set(real))
        for key in shown:
            assert_like(shown[key], real[key], f"{where}.{key}")
    elif isinstance(shown, list) and shown:
        assert isinstance(real, list) and real, where
        assert_like(shown[0], real[0], f"{where}[0]")
    elif shown is not None and real is not None:
        kinds = (int, float) if isinstance(shown, int | float) else type(shown)
        assert isinstance(real, kinds), (where, shown, real)


@pytest.mark.parametrize("page", PAGES)
def test_no_block_of_code_is_left_untried(reader: Reader, page: str) -> None:
    for sample in reader.page(page):
        assert sample.language in RUN | SHOWN, sample
        assert set(sample.words) <= {"answer", "receiver", "verify", "edits"} or sample.fails, sample
        if sample.language == "sh":
            # What a test cannot run is only what sets the environment up.
            assert re.fullmatch(r"(export [A-Z_]+=\S+\n|pip install .*\n|npm install .*\n)+", sample.code), (
                sample
            )
        if sample.language == "json":
            json.loads(sample.code)


# -- Webhooks: the receivers of the page receive a real one ---------------------------------------------------


@contextlib.contextmanager
def receiving(reader: Reader, sample: Sample) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    port = free_port()
    with subprocess.Popen(
        command(sample, reader.folder),
        cwd=reader.folder,
        env={"PATH": "/usr/bin:/bin", **reader.environment, "PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            eventually(lambda: _answers(port))
            yield f"http://127.0.0.1:{port}/", process
        finally:
            process.kill()


def _answers(port: int) -> bool:
    with contextlib.suppress(httpx.RequestError):
        return httpx.get(f"http://127.0.0.1:{port}/").status_code > 0
    return False


def receivers(reader: Reader) -> list[Sample]:
    return [one for one in reader.page("webhooks") if "receiver" in one.words]


def test_the_receivers_of_the_page_take_a_real_webhook_and_refuse_a_forged_one(
    reader: Reader, request: pytest.FixtureRequest
) -> None:
    found = receivers(reader)
    assert [one.language for one in found] == ["python", "python", "javascript"]
    for sample in found:
        if sample.language == "javascript":
            if not shutil.which("node"):
                continue
            request.getfixturevalue("node_modules")
        with receiving(reader, sample) as (address, process):
            forged = {
                "webhook-id": "msg_1",
                "webhook-timestamp": "1795165200",
                "webhook-signature": "v1,AAAA",
            }
            assert httpx.post(address, json={"id": "x"}, headers=forged).status_code == 401
            made = _create_with_webhook(reader, address)
            assert process.stdout is not None
            # A receiver that refuses the webhook would be listened to for ever.
            (ended := threading.Timer(60, process.kill)).start()
            assert any(made in line for line in process.stdout), "it was not told of the end"
            ended.cancel()


def _create_with_webhook(reader: Reader, address: str) -> str:
    answer = httpx.post(
        f"{reader.server.url}/v1/models/{USUAL}/predictions",
        headers={"Authorization": f"Bearer {reader.server.token}"},
        json={"input": {"prompt": "a bell"}, "webhook": address, "webhook_events_filter": ["completed"]},
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_the_signature_made_by_hand_is_the_librarys(reader: Reader) -> None:
    from datetime import UTC, datetime

    from standardwebhooks.webhooks import Webhook

    body = '{"id": "k3v8q0zc", "prompt": "一只猫"}'
    (reader.folder / "body.json").write_text(body, encoding="utf-8")
    at = datetime.fromtimestamp(1795165200, UTC)
    signature = (
        Webhook(reader.environment["DARKROOM_WEBHOOK_SECRET"]).sign("msg_1", at, body).removeprefix("v1,")
    )
    tried = [one for one in reader.page("webhooks") if "verify" in one.words]
    assert [one.language for one in tried] == ["bash", "python", "javascript"]
    for sample in tried:
        if sample.language == "javascript" and not shutil.which("node"):
            continue
        given = {**reader.environment, "WEBHOOK_ID": "msg_1", "WEBHOOK_TIMESTAMP": "1795165200"}
        done = run(sample, reader.folder, **given)
        assert done.stdout.strip() == signature, (sample, done.stderr)


def test_afterwards_the_audit_finds_nothing(reader: Reader) -> None:
    done = reader.server.manage("audit")
    assert done.returncode == 0, done.stdout + done.stderr

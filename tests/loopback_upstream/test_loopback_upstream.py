"""The loopback upstream: it answers as Replicate's API does, and goes wrong exactly as it is told."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import replicate
from PIL import Image

from tests.loopback_upstream import Upstream, UpstreamProcess, faults, sample_outputs
from tests.loopback_upstream import __main__ as program
from tests.loopback_upstream.faults import UnknownFault
from tests.servers.installations import eventually
from tests.servers.webhook_receiver import WebhookReceiver

SDXL = "stability-ai/sdxl:7762fd07cf82c948538e41f63f77d685e02b063e37e496e96eefd46c929f9bdc"
PLAIN = "stability-ai/stable-diffusion"
PICTURE = "data:image/png;base64," + base64.b64encode(b"a picture").decode()
HTTP = httpx.Client(trust_env=False, timeout=60)


@pytest.fixture(scope="module")
def shared() -> Iterator[Upstream]:
    with Upstream() as there:
        yield there


@pytest.fixture
def there(shared: Upstream) -> Upstream:
    """One for all tests of this file, as if new."""
    shared.forget()
    return shared


def ask(there: Upstream, method: str, path: str, **more: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {there.token}", **more.pop("headers", {})}
    return HTTP.request(method, there.url + path, headers=headers, **more)


def create(there: Upstream, prompt: str = "a cat", key: str = "", **more: Any) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    given = {"prompt": prompt, **more}
    return ask(there, "POST", "/predictions", json={"version": PLAIN, "input": given}, headers=headers)


# -- as it should be -----------------------------------------------------------------------------------------
def test_the_published_client_runs_a_model_and_reads_its_pictures(there: Upstream) -> None:
    client = replicate.Client(api_token=there.token, base_url=there.origin)
    outputs = client.run(SDXL, input={"prompt": "a fox", "num_outputs": 2, "width": 96, "height": 64})
    pictures = [Image.open(io.BytesIO(HTTP.get(str(one)).content)) for one in outputs]
    assert [one.size for one in pictures] == [(96, 64), (96, 64)]
    assert pictures[0].tobytes() != pictures[1].tobytes()


@pytest.mark.parametrize("ref", sorted(sample_outputs.models()))
def test_every_model_gives_what_its_schema_promises_and_the_same_again(there: Upstream, ref: str) -> None:
    model = sample_outputs.models()[ref]
    given: dict[str, Any] = {"prompt": "a boat", "width": 64, "height": 64}
    given |= {name: PICTURE for name in model.input_schema.get("required", []) if name not in given}
    outputs = []
    for _ in range(2):
        made = ask(there, "POST", f"/models/{ref}/predictions", json={"input": given}).json()
        done = ask(there, "GET", f"/predictions/{made['id']}").json()
        assert (made["status"], done["status"]) == ("starting", "succeeded")
        assert isinstance(done["output"], list) == model.gives_list
        if model.gives_files:
            urls = done["output"] if model.gives_list else [done["output"]]
            outputs.append([HTTP.get(url).content for url in urls])
        else:
            outputs.append(done["output"])
    assert outputs[0] == outputs[1]


def test_a_repeated_key_finds_the_first_prediction_unless_it_forgets_keys(there: Upstream) -> None:
    first, second = create(there, key="one-0"), create(there, key="one-0")
    assert first.json()["id"] == second.json()["id"]
    assert second.headers["idempotent-replayed"] == "true"
    there.settings.idempotent = False
    create(there, key="one-0")
    create(there, key="two-0")
    assert there.starts() == {"one-0": 2, "two-0": 1}


def test_a_wrong_token_starts_nothing_and_tokens_are_not_written_down(there: Upstream) -> None:
    refused = create(there, "a cat")
    assert refused.status_code == 201
    answer = ask(
        there, "POST", "/predictions", json={}, headers={"Authorization": "Bearer wrong-one-entirely"}
    )
    assert answer.status_code == 401
    text = json.dumps(list(there.service.journal.rows))
    assert "wrong-one-entirely" not in text
    assert there.token not in text


def test_it_says_what_is_missing_and_which_models_and_versions_it_knows(there: Upstream) -> None:
    lacking = ask(there, "POST", "/predictions", json={"version": SDXL.replace("7762", "0000"), "input": {}})
    assert (lacking.status_code, lacking.json()["title"]) == (422, "Invalid version or not permitted")
    assert ask(there, "POST", "/models/nobody/nothing/predictions", json={"input": {}}).status_code == 404
    needy = ask(there, "POST", "/models/sujaykhandekar/object-removal/predictions", json={"input": {}})
    assert needy.json()["invalid_fields"][0]["description"] == "image_path is required"
    assert len(ask(there, "GET", "/models").json()["results"]) == 16
    assert ask(there, "GET", "/account").json()["username"] == "loopback"


def test_an_upload_is_named_in_an_input_and_read(there: Upstream) -> None:
    file = ask(there, "POST", "/files", files={"content": ("fox.png", b"a fox", "image/png")}).json()
    assert (file["name"], file["size"], file["content_type"]) == ("fox.png", 5, "image/png")
    ask(there, "POST", "/models/cjwbw/rembg/predictions", json={"input": {"image": file["urls"]["get"]}})
    told = there.rows("start")[-1]["inputs"]["image"]
    assert told == {"by": "upload", "size": 5, "sha256": hashlib.sha256(b"a fox").hexdigest()}
    assert ask(there, "DELETE", f"/files/{file['id']}").status_code == 204
    assert ask(there, "GET", f"/files/{file['id']}").status_code == 404


def test_statuses_come_over_time_and_a_cancel_ends_them(there: Upstream) -> None:
    there.settings.seconds = 600
    made = create(there, "a slow cat").json()
    assert ask(there, "GET", f"/predictions/{made['id']}").json()["status"] == "starting"
    there.service.jobs[made["id"]].created -= 300
    assert ask(there, "GET", f"/predictions/{made['id']}").json()["status"] == "processing"
    assert ask(there, "POST", f"/predictions/{made['id']}/cancel").json()["status"] == "canceled"
    assert ask(there, "GET", f"/predictions/{made['id']}").json()["status"] == "canceled"


def test_the_seeds_mount_answers_200(there: Upstream) -> None:
    body = {"version": SDXL, "input": {"prompt": "a fox"}}
    url = there.origin + "/replicate/v1/predictions"
    answer = HTTP.post(url, json=body, headers={"Authorization": f"Bearer {there.token}"})
    assert answer.status_code == 200
    assert answer.json()["urls"]["get"].startswith(url)


def test_above_its_limits_it_asks_to_wait(there: Upstream) -> None:
    there.settings.limit, there.settings.seconds = 1, 600
    assert create(there).status_code == 201
    answer = create(there)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")


# -- webhooks ------------------------------------------------------------------------------------------------
def _verified(secret: str, headers: dict[str, str], body: bytes) -> bool:
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    right = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return hmac.compare_digest(headers["webhook-signature"], f"v1,{right}")


def _hooked(there: Upstream, prompt: str, count: int) -> list[tuple[dict[str, str], bytes]]:
    from tests.servers.installations import eventually

    with WebhookReceiver() as receiver:
        body = {"version": PLAIN, "input": {"prompt": prompt}, "webhook": receiver.url}
        ask(there, "POST", "/predictions", json={**body, "webhook_events_filter": ["completed"]})
        eventually(lambda: len(there.rows("hook")) >= count, 10)
        return list(receiver.requests)


def test_webhooks_are_signed_with_the_secret_that_it_tells(there: Upstream) -> None:
    secret = ask(there, "GET", "/webhooks/default/secret").json()["key"]
    ((headers, body),) = _hooked(there, "a cat", 1)
    assert json.loads(body)["status"] == "succeeded"
    assert _verified(secret, headers, body)


@pytest.mark.parametrize(("fault", "count", "good"), [("twice", 2, True), ("forged", 1, False)])
def test_webhooks_come_twice_or_forged(there: Upstream, fault: str, count: int, good: bool) -> None:
    seen = _hooked(there, f"a cat fault:hook-{fault}", count)
    assert [_verified(there.settings.secret, *one) for one in seen] == [good] * count
    assert len({headers["webhook-id"] for headers, _ in seen}) == 1


def test_webhooks_never_come_or_come_unsigned(there: Upstream) -> None:
    ((headers, _),) = _hooked(there, "a cat fault:hook-unsigned", 1)
    assert "webhook-signature" not in headers
    create(there, "a cat fault:hook-never", webhook="http://127.0.0.1:9/")
    assert len(there.rows("hook")) == 1


# -- as it is told to go wrong -------------------------------------------------------------------------------
STATUSES = {
    "401": 401, "401-zh": 401, "402": 402, "402-zh": 403, "404": 404, "413": 413, "422": 422, "429": 429,
    "500": 500, "502": 502, "503": 503, "504": 504, "200-error": 200, "400-safety": 400,
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(STATUSES))
def test_a_refusal_has_its_status_and_starts_nothing(there: Upstream, kind: str) -> None:
    answer = create(there, f"a cat fault:create-{kind}", key="k-0")
    assert answer.status_code == STATUSES[kind]
    assert there.starts() == {}


def test_a_fault_strikes_as_often_as_it_was_asked_for(there: Upstream) -> None:
    seen = [create(there, "a cat fault:create-500*2", key="k-0").status_code for _ in range(3)]
    assert seen == [500, 500, 201]
    there.fault("create-429=7", match="dog", times=1)
    answer = create(there, "a dog")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert create(there, "a dog").status_code == 201


def test_a_rule_for_outputs_counts_the_fetches_of_each(there: Upstream) -> None:
    there.fault("output-500*1")
    for _ in range(2):
        url = ask(there, "GET", f"/predictions/{create(there).json()['id']}").json()["output"][0]
        assert [HTTP.get(url).status_code for _ in range(2)] == [500, 200]


def test_chances_are_the_same_for_the_same_seed() -> None:
    def rolls(seed: int) -> list[bool]:
        rules = faults.Rules(seed)
        rules.add("create-500", chance=0.5)
        return [rules.strikes("create", "a cat") is not None for _ in range(40)]

    assert rolls(3) == rolls(3)
    assert 5 < sum(rolls(3)) < 35


@pytest.mark.parametrize(("words", "started"), [("drop", 0), ("drop-after", 1), ("500", 0), ("500-after", 1)])
def test_a_lost_answer_may_have_started_something_or_not(there: Upstream, words: str, started: int) -> None:
    try:
        assert create(there, f"a cat fault:create-{words}", key="k-0").status_code == 500
    except httpx.TransportError:
        assert words.startswith("drop")
    assert sum(there.starts().values()) == started


def test_a_hanging_answer_ends_when_the_caller_leaves(there: Upstream) -> None:
    with pytest.raises(httpx.ReadTimeout), httpx.Client(trust_env=False, timeout=0.2) as client:
        body = {"version": PLAIN, "input": {"prompt": "fault:create-hang-after"}}
        client.post(there.url + "/predictions", json=body, headers={"Authorization": f"Bearer {there.token}"})
    eventually(lambda: sum(there.starts().values()) == 1)


@pytest.mark.parametrize(
    ("kind", "fits"),
    [
        ("thin", lambda body: sorted(json.loads(body)) == ["id", "status"]),
        ("images", lambda body: json.loads(body)["data"][0]["url"].startswith("http")),
        ("images-b64", lambda body: base64.b64decode(json.loads(body)["data"][0]["b64_json"])),
        ("html", lambda body: body.startswith(b"<!DOCTYPE")),
        ("empty", lambda body: body == b""),
        ("nul", lambda body: json.loads(body)["logs"] == "a\x00b"),
        ("deep", lambda body: body.count(b"[") == 100_000),
        ("laughs", lambda body: len(body) > 1024**2 and json.loads(body)["status"]),
        ("types", lambda body: json.loads(body)["id"] == ["a", "list"]),
        ("utf8", lambda body: b"\xff\xfe" in body),
        ("nan", lambda body: b"NaN" in body),
        ("bigint", lambda body: len(body) > 100_000),
        ("surrogate", lambda body: json.loads(body)["logs"].startswith("half \ud83d")),
        ("huge=3", lambda body: len(body) > 3 * 1024**2 and json.loads(body)["id"]),
        ("no-id", lambda body: "id" not in json.loads(body)),
        ("slow=0.1", lambda body: json.loads(body)["status"] == "starting"),
    ],
)
def test_a_strange_answer_is_what_its_name_says(there: Upstream, kind: str, fits: Any) -> None:
    answer = create(there, f"a cat fault:create-{kind}", key="k-0")
    assert answer.status_code in (200, 201)
    assert fits(answer.content)
    assert there.starts() == {"k-0": 1}


@pytest.mark.parametrize("kind", ["short", "garbage"])
def test_a_broken_answer_cannot_be_read(there: Upstream, kind: str) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        create(there, f"a cat fault:create-{kind}")


def test_a_gzip_bomb_is_small_on_the_wire(there: Upstream) -> None:
    with httpx.Client(trust_env=False) as client:
        body = {"version": PLAIN, "input": {"prompt": "fault:create-bomb"}}
        headers = {"Authorization": f"Bearer {there.token}"}
        with client.stream("POST", there.url + "/predictions", json=body, headers=headers) as answer:
            assert answer.headers["content-encoding"] == "gzip"
            assert int(answer.headers["content-length"]) < 2 * 1024**2


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ("steps=processing+starting+succeeded", ["processing", "starting", "succeeded", "succeeded"]),
        ("unknown", ["warming_up", "warming_up", "succeeded", "succeeded"]),
        ("forever", ["processing"] * 4),
        ("hidden=2", [404, 404, "succeeded", "succeeded"]),
        ("lost", ["succeeded", 404, 404, 404]),
        ("fail=out+of+luck", ["failed"] * 4),
        ("abort", ["aborted"] * 4),
    ],
)
def test_a_run_goes_as_its_fault_says(there: Upstream, fault: str, seen: list[Any]) -> None:
    made = create(there, f"a cat fault:run-{fault}").json()
    answers = [ask(there, "GET", f"/predictions/{made['id']}") for _ in seen]
    assert [one.json()["status"] for one in answers] == seen


@pytest.mark.parametrize(
    ("fault", "status", "fits"),
    [
        ("gone", 404, lambda body: True),
        ("500*1", 500, lambda body: True),
        ("html", 200, lambda body: body.startswith(b"<!DOCTYPE")),
        ("type", 200, lambda body: Image.open(io.BytesIO(body)).format == "JPEG"),
        ("empty", 200, lambda body: body == b""),
        ("redirect", 302, lambda body: body == b""),
        ("huge=2", 200, lambda body: len(body) == 2 * 1024**2),
        ("key", 403, lambda body: True),
    ],
)
def test_an_output_is_wrong_as_its_fault_says(there: Upstream, fault: str, status: int, fits: Any) -> None:
    made = create(there, f"a cat fault:output-{fault}").json()
    url = ask(there, "GET", f"/predictions/{made['id']}").json()["output"][0]
    answer = HTTP.get(url)
    assert answer.status_code == status
    assert fits(answer.content)


def test_one_of_several_outputs_may_be_gone(there: Upstream) -> None:
    made = create(there, "a cat fault:output-gone=1", num_outputs=3).json()
    urls = ask(there, "GET", f"/predictions/{made['id']}").json()["output"]
    assert [HTTP.get(url).status_code for url in urls] == [200, 404, 200]


def test_a_fault_that_does_not_exist_is_an_error(there: Upstream) -> None:
    assert create(there, "a cat fault:create-999").status_code == 400
    with pytest.raises(UnknownFault):
        there.fault("output-nonsense")


def test_the_trap_is_a_real_picture_that_is_too_large_to_open() -> None:
    assert len(sample_outputs.trap()) < 200_000
    with pytest.raises(Image.DecompressionBombError):
        Image.open(io.BytesIO(sample_outputs.trap()))


# -- as a process --------------------------------------------------------------------------------------------
def test_a_killed_service_leaves_its_journal(tmp_path: Path) -> None:
    process = UpstreamProcess(
        8541, tmp_path, "--seconds", "0", "--fault", "get-500@0.5", "--seed", "9"
    ).start()
    try:
        process.ask("/_faults", {"fault": "create-500", "match": "dog"})
        body = {"version": PLAIN, "input": {"prompt": "a cat"}}
        headers = {"Authorization": f"Bearer {process.token}", "Idempotency-Key": "k-0"}
        answer = HTTP.post(process.url + "/predictions", json=body, headers=headers)
        assert answer.status_code == 201
    finally:
        process.kill()
    assert process.starts() == {"k-0": 1}
    with pytest.raises(httpx.ConnectError):
        HTTP.get(process.url + "/account")


def test_it_lists_its_faults_for_people(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["script/upstream", "--list"])
    assert program.main() == 0
    told = capsys.readouterr().out
    assert "create|get|cancel|upload|account-429-date" in told
    assert "output-vanish" in told

"""The engine's HTTP API on its socket."""

from __future__ import annotations

import io
import itertools

import httpx
import pytest
from PIL import Image

from tests.engine.engine_service import LONG, SD, SMALL, Service, wait_for


@pytest.fixture(scope="module")
def service(single: Service) -> Service:
    return single


@pytest.fixture(scope="module")
def painted(service: Service) -> str:
    """The id of a succeeded prediction."""
    assert service.run("painted-1", SMALL)["status"] == "succeeded"
    return "painted-1"


@pytest.mark.parametrize("header", [{}, {"authorization": "Bearer wrong"}, {"authorization": "s3cret"}])
@pytest.mark.parametrize("path", ["/health", "/predictions/painted-1", "/nowhere"])
def test_it_refuses_requests_without_the_secret(service: Service, header: dict[str, str], path: str) -> None:
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(service.socket))) as stranger:
        answer = stranger.get(f"http://engine{path}", headers=header)
    assert answer.status_code == 401
    assert answer.json() == {"detail": "The engine's secret is missing or wrong."}


def test_it_names_its_start_in_every_answer(service: Service) -> None:
    boot = service.health()["boot"]
    for path in ("/health", "/predictions/unknown", "/nowhere"):
        assert service.client.get(path).headers["engine-boot"] == boot


def test_it_listens_where_only_its_own_user_can_come(service: Service) -> None:
    assert service.socket.parent.stat().st_mode & 0o777 == 0o700
    assert service.socket.stat().st_mode & 0o777 == 0o600


def test_it_does_not_know_a_prediction_that_was_never_started(service: Service) -> None:
    for method, path in (("GET", ""), ("POST", "/cancel"), ("DELETE", ""), ("GET", "/files/out-0.png")):
        assert service.client.request(method, f"/predictions/unknown{path}").status_code == 404


def test_it_returns_the_state_of_a_finished_prediction(service: Service, painted: str) -> None:
    state = service.get(painted)
    assert state["progress"] == 1.0 and state["error"] is None and state["preview"] is None
    assert state["metrics"]["engine"] == "procedural" and state["metrics"]["predict_time"] > 0
    (output,) = state["output"]
    assert (output["name"], output["content_type"]) == ("out-0.png", "image/png")


def test_it_streams_a_finished_file(service: Service, painted: str) -> None:
    answer = service.client.get(f"/predictions/{painted}/files/out-0.png")
    assert answer.headers["content-type"] == "image/png"
    assert len(answer.content) == service.get(painted)["output"][0]["size"]
    assert Image.open(io.BytesIO(answer.content)).size == (64, 64)


@pytest.mark.parametrize("name", ["order.json", ".out-0.png.part", "out-1.png", "..%2f..%2flock", "../lock"])
def test_it_serves_no_file_but_announced_outputs(service: Service, painted: str, name: str) -> None:
    assert service.client.get(f"/predictions/{painted}/files/{name}").status_code == 404


def test_it_answers_a_repeated_start_with_the_present_state(service: Service, painted: str) -> None:
    before = service.get(painted)
    assert service.put(painted, {**SMALL, "seed": 99}) == before
    assert service.file(painted) == service.file(painted)


def test_it_forgets_a_deleted_prediction_and_its_files(service: Service) -> None:
    service.run("deleted-1", SMALL)
    assert (service.work / "deleted-1").is_dir()
    assert service.client.delete("/predictions/deleted-1").status_code == 204
    assert service.client.get("/predictions/deleted-1").status_code == 404
    assert not (service.work / "deleted-1").exists()


def test_it_lets_jobs_beyond_its_slots_wait(service: Service) -> None:
    service.put("first", LONG)
    service.put("second", SMALL)
    service.painting("first")
    assert service.get("second")["status"] == "starting"
    assert [child["id"] for child in service.health()["running"]] == ["first"]
    service.client.post("/predictions/first/cancel")
    assert service.ended("second")["status"] == "succeeded"


def test_it_cancels_a_waiting_job_at_once(service: Service) -> None:
    service.put("holder", LONG)
    service.put("waiter", SMALL)
    service.painting("holder")
    state = service.client.post("/predictions/waiter/cancel").json()
    assert (state["status"], state["logs"], state["metrics"]) == ("canceled", "", {"predict_time": 0.0})
    assert service.client.post("/predictions/holder/cancel").json()["status"] == "canceled"


def test_it_deletes_a_running_job_by_stopping_it_first(service: Service) -> None:
    service.put("rushed", LONG)
    service.painting("rushed")
    assert service.client.delete("/predictions/rushed").status_code == 204
    assert service.health()["running"] == []
    assert not (service.work / "rushed").exists()


def test_it_shows_a_small_preview_while_it_paints(service: Service) -> None:
    service.put("slow-1", LONG)
    answer = wait_for(
        lambda: (got := service.client.get("/predictions/slow-1/preview")).status_code == 200 and got,
        "a preview",
    )
    assert answer.headers["content-type"] == "image/jpeg"
    picture = Image.open(io.BytesIO(answer.content))
    assert picture.format == "JPEG" and max(picture.size) <= 256
    assert service.get("slow-1")["preview"] is not None
    service.client.delete("/predictions/slow-1")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 400),
        (b"[]", 422),
        (b'{"model": "stability-ai/sdxl", "input": [], "deadline_s": 5}', 422),
        (b'{"model": "someone/else", "input": {}, "deadline_s": 5}', 422),
        (b'{"model": "stability-ai/sdxl", "input": {}}', 422),
        (b'{"model": "stability-ai/sdxl", "input": {}, "deadline_s": 0}', 422),
        (b'{"model": "stability-ai/sdxl", "input": {}, "deadline_s": NaN}', 422),
        (b'{"model": ["a"], "input": {}, "deadline_s": 5}', 422),
    ],
)
def test_it_refuses_an_order_that_makes_no_sense(service: Service, body: bytes, status: int) -> None:
    answer = service.client.put("/predictions/senseless", content=body)
    assert answer.status_code == status
    assert answer.json()["detail"].endswith(".")
    assert service.client.get("/predictions/senseless").status_code == 404


def test_it_refuses_an_order_that_is_too_long(service: Service) -> None:
    piece, pieces = b" " * 65_536, 73 * 16
    # In pieces: of one long text httpcore copies the rest at each write.
    length = {"content-length": str(len(piece) * pieces)}
    answer = service.client.put(
        "/predictions/senseless", content=itertools.repeat(piece, pieces), headers=length
    )
    assert answer.status_code == 413
    assert answer.json()["detail"].endswith(".")
    assert service.client.get("/predictions/senseless").status_code == 404


@pytest.mark.parametrize("id", ["a.b", "x" * 101, "%2e%2e", "a%20b", "é"])
def test_it_refuses_ids_that_could_be_paths(service: Service, id: str) -> None:
    body = {"model": SD, "input": SMALL, "deadline_s": 5}
    assert service.client.put(f"/predictions/{id}", json=body).status_code in (400, 404)


def test_it_says_no_when_too_many_wait(service: Service) -> None:
    service.put("plug", LONG)
    body = {"model": SD, "input": SMALL, "deadline_s": 5}
    answers = [service.client.put(f"/predictions/crowd-{n}", json=body) for n in range(510)]
    refused = [answer for answer in answers if answer.status_code == 503]
    assert refused and all(answer.headers["retry-after"] == "5" for answer in refused)
    for n in range(510 - len(refused)):
        service.client.delete(f"/predictions/crowd-{n}")
    service.client.delete("/predictions/plug")
    assert service.health()["waiting"] == 0

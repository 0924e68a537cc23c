"""Repeats of one create on a real server, each broken before its answer is read: one prediction, one charge."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from typing import Any

import httpx
import pytest

from tests.runner.sampling import one_in, short_or_whole
from tests.servers.installations import eventually
from tests.servers.server_process import ServerProcess

pytestmark = pytest.mark.server

REPEATS = short_or_whole(12, 50)
SIDE_BY_SIDE = 10
LIMIT_S = 30
MODEL = "stability-ai/sdxl"


@pytest.fixture(scope="module")
def server(conformant_server: ServerProcess) -> ServerProcess:
    return conformant_server.member("repeater")


def reset(connection: socket.socket) -> None:
    """Close it as a machine does that has lost the network: the other side gets a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def half_way(connection: socket.socket, request: bytes) -> None:
    """It breaks while the body is still being sent."""
    connection.sendall(request[:-20])
    reset(connection)


def once_sent(connection: socket.socket, request: bytes) -> None:
    """It breaks as the last byte leaves."""
    connection.sendall(request)
    reset(connection)


def while_it_works(connection: socket.socket, request: bytes) -> None:
    """It breaks while the server is busy with the create."""
    connection.sendall(request)
    time.sleep(0.02)
    reset(connection)


def later(connection: socket.socket, request: bytes) -> None:
    """It breaks while a held answer is waited for."""
    connection.sendall(request)
    time.sleep(0.3)
    reset(connection)


def saying_goodbye(connection: socket.socket, request: bytes) -> None:
    """It is closed in order, with nothing read."""
    connection.sendall(request)
    connection.shutdown(socket.SHUT_WR)
    connection.close()


def at_the_answers_first_byte(connection: socket.socket, request: bytes) -> None:
    """It breaks when the answer has begun to arrive."""
    connection.sendall(request)
    assert connection.recv(1)
    reset(connection)


MOMENTS = [half_way, once_sent, while_it_works, later, saying_goodbye, at_the_answers_first_byte]


class Create:
    """One create with a key of its own, as it stands on the wire."""

    def __init__(self, server: ServerProcess, path: str, body: dict[str, Any], **headers: str) -> None:
        self.server, self.path, self.body = server, path, json.dumps(body).encode()
        self.headers = {
            "Authorization": f"Bearer {server.token}",
            "Content-Type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }

    @property
    def wire(self) -> bytes:
        lines = [f"POST {self.path} HTTP/1.1", f"Host: 127.0.0.1:{self.server.port}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, f"Content-Length: {len(self.body)}", "", ""]).encode() + self.body

    def broken(self, moment: Callable[[socket.socket, bytes], None]) -> None:
        connection = socket.create_connection(("127.0.0.1", self.server.port), timeout=LIMIT_S)
        with connection:
            moment(connection, self.wire)

    def whole(self) -> httpx.Response:
        """The same once more, with its answer read."""
        return httpx.post(self.server.url + self.path, content=self.body, headers=self.headers, timeout=60)


def read(server: ServerProcess, path: str) -> Any:
    answer = httpx.get(server.url + path, headers={"Authorization": f"Bearer {server.token}"})
    assert answer.status_code == 200, answer.text
    return answer.json()


def charges(server: ServerProcess) -> list[dict[str, Any]]:
    """Every hold and settlement of the account, newest first."""
    found = read(server, "/api/ledger?limit=100")["results"]
    return [row for row in found if row["kind"] in {"hold", "settle"}]


def made_with(server: ServerProcess, prompt: str) -> list[dict[str, Any]]:
    found = read(server, "/v1/predictions")["results"]
    return [row for row in found if row["input"]["prompt"] == prompt]


WAYS: dict[str, tuple[str, dict[str, str]]] = {
    "at /v1": ("/v1/predictions", {}),
    "at the seeds' mount, held": ("/replicate/v1/predictions", {"Prefer": "wait=5"}),
    "through the model, held": (f"/v1/models/{MODEL}/predictions", {"Prefer": "wait"}),
    "for OpenAI's clients": ("/openai/v1/images/generations", {}),
}


def create_of(server: ServerProcess, way: str, prompt: str) -> Create:
    path, headers = WAYS[way]
    if path.startswith("/openai"):
        body: dict[str, Any] = {"model": MODEL, "prompt": prompt, "size": "128x128"}
    else:
        body = {"input": {"prompt": prompt, "width": 128, "height": 128}}
        if "/models/" not in path:
            body["version"] = MODEL
    return Create(server, path, body, Idempotency_Key=f"key for {prompt}", **headers)


CASES = [(way, together) for way in WAYS for together in one_in(2, (1, SIDE_BY_SIDE), str, of=way)]


@pytest.mark.parametrize(("way", "together"), CASES)
def test_repeats_after_broken_connections_make_one_prediction_and_one_charge(
    server: ServerProcess, way: str, together: int
) -> None:
    prompt = f"a lighthouse {way}, {together} at a time"
    create = create_of(server, way, prompt)
    before = charges(server)
    with ThreadPoolExecutor(together) as pool:
        list(pool.map(create.broken, islice(cycle(MOMENTS), REPEATS)))
    answer = create.whole()
    assert answer.is_success and answer.headers["Idempotent-Replayed"] == "true"
    eventually(lambda: [row["status"] for row in made_with(server, prompt)] == ["succeeded"])
    (made,) = made_with(server, prompt)
    if not way.startswith("for OpenAI"):
        assert answer.json()["id"] == made["id"]
    new = charges(server)[: len(charges(server)) - len(before)]
    assert [(row["kind"], row["reference"]) for row in new] == [("settle", made["id"]), ("hold", made["id"])]
    assert new[0]["captured"] == -new[1]["balance_delta"] > 0


def test_a_create_that_never_arrived_whole_makes_nothing(server: ServerProcess) -> None:
    prompt = "half a lighthouse"
    create = create_of(server, "at /v1", prompt)
    before = charges(server)
    for _ in range(short_or_whole(2, 5)):
        create.broken(half_way)
    assert made_with(server, prompt) == [] and charges(server) == before
    answer = create.whole()
    assert answer.status_code == 201 and "Idempotent-Replayed" not in answer.headers


def test_afterwards_the_audit_finds_nothing(server: ServerProcess) -> None:
    eventually(
        lambda: all(row["status"] == "succeeded" for row in read(server, "/v1/predictions")["results"])
    )
    done = server.manage("audit")
    assert done.returncode == 0, done.stdout + done.stderr

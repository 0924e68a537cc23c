"""Files at an upstream's own host are fetched over persistent connections."""

from __future__ import annotations

import contextlib
import io
import socketserver
from collections.abc import Iterator

from predictions.providers.base import Job, OutputRef
from predictions.providers.replicate import ReplicateProvider
from tests.predictions.providers import raw_server
from tests.predictions.providers.test_upstream_provider import config, read, run

BODY = b"a picture"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


@contextlib.contextmanager
def serving(answers: list[int]) -> Iterator[tuple[str, list[int]]]:
    """A server whose nth connection answers so many requests, and is closed when one more has come.

    Notes how many requests each connection has seen.
    """
    seen: list[int] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            mine, most = len(seen), answers[len(seen)]
            seen.append(0)
            while head := raw_server.head(self.rfile):
                assert head.startswith(b"GET /out/")
                seen[mine] += 1
                if seen[mine] > most:
                    return
                self.wfile.write(ANSWER)

    with raw_server.listening(Handler) as url:
        yield url, seen


def fetched(url: str, times: int) -> list[bytes]:
    provider = ReplicateProvider(config(f"{url}/v1"))
    ref = OutputRef("out-0.png", "image/png", f"{url}/out/0.png")

    async def one_after_the_other() -> list[bytes]:
        async with provider.session():
            return [await read(provider, Job(id="a"), ref) for _ in range(times)]

    return run(one_after_the_other())


def test_a_session_fetches_all_over_one_connection() -> None:
    with serving([10]) as (url, seen):
        assert fetched(url, 3) == [BODY] * 3
    assert seen == [3]


def test_a_connection_that_was_just_being_closed_costs_no_file() -> None:
    with serving([1, 10]) as (url, seen):
        assert fetched(url, 2) == [BODY] * 2
    assert seen == [2, 1]


def test_a_server_of_these_tests_is_done_with_a_caller_who_has_gone() -> None:
    """Once it was not, and read on and on beside all tests that came after."""
    assert (
        raw_server.head(io.BytesIO(b"GET / HTTP/1.1\r\nHost: one\r\n\r\nbody"))
        == b"GET / HTTP/1.1\r\nHost: one\r\n"
    )
    assert raw_server.head(io.BytesIO(b"")) == b""

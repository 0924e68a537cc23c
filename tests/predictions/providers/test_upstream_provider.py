"""The provider for Replicate-compatible services, against a faulty service on a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import re
import socketserver
import traceback
from collections.abc import Awaitable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from core.net import ssrf
from predictions.providers.base import (
    AnswerLost,
    InputFile,
    Job,
    Order,
    OutputRef,
    Provider,
    ProviderError,
    Update,
)
from predictions.providers.replicate import ReplicateProvider, provider
from predictions.providers.upstream import SAME, Route, UpstreamConfig
from tests.loopback_upstream import sample_outputs
from tests.loopback_upstream.launcher import Upstream
from tests.loopback_upstream.settings import TOKEN
from tests.predictions.providers import raw_server
from tests.runner.sampling import one_in

T = TypeVar("T")
_numbers = itertools.count()
SDXL = sample_outputs.models()["stability-ai/sdxl"]
IMAGE = b"\x89PNG\r\n\x1a\n" + b"x" * 100


@pytest.fixture(scope="module")
def service() -> Iterator[Upstream]:
    with Upstream() as service:
        yield service


@pytest.fixture
def upstream(service: Upstream) -> Iterator[Upstream]:
    service.forget()
    yield service
    service.forget()


def config(url: str, **other: Any) -> UpstreamConfig:
    plain = UpstreamConfig(
        name=f"upstream-{next(_numbers)}",
        group="loopback",
        url=url,
        secret=TOKEN,
        idempotent=False,
        limit=4,
        group_limit=8,
        requests_per_second=1000,
        connect_s=2,
        read_s=5,
        files="auto",
        routes=None,
        priority=10,
        weight=1,
    )
    return replace(plain, **other)


def at(upstream: Upstream, **other: Any) -> ReplicateProvider:
    return ReplicateProvider(config(upstream.url, **other))


def order(text: str = "a lighthouse", **other: Any) -> Order:
    given = {"prompt": text, **other.pop("input", {})}
    key = other.pop("key", f"order{next(_numbers)}-1")
    plain = Order(key=key, model=SDXL.ref, version=SDXL.version, input=given, deadline_s=60)
    return replace(plain, **other)


def run(waiting: Awaitable[T]) -> T:
    async def within() -> T:
        async with asyncio.timeout(60):
            return await waiting

    return asyncio.run(within())


@contextlib.contextmanager
def answering(answer: bytes, seen: list[bytes] | None = None) -> Iterator[str]:
    """A server that gives these very bytes to whoever asks, and notes what it was asked."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            head = raw_server.head(self.rfile)
            length = re.search(rb"(?i)content-length: (\d+)", head)
            body = self.rfile.read(int(length.group(1))) if length else b""
            if seen is not None and head:
                seen.append(head + body)
            self.wfile.write(answer)

    with raw_server.listening(Handler) as url:
        yield url


def job_of(outcome: Job | Update) -> Job:
    assert isinstance(outcome, Job)
    return outcome


def start_fails(provider: ReplicateProvider, wanted: Order) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        run(provider.start(wanted))
    return caught.value


async def read(provider: ReplicateProvider, job: Job, ref: OutputRef) -> bytes:
    return b"".join([chunk async for chunk in provider.fetch(job, ref)])


async def finished(provider: ReplicateProvider, wanted: Order) -> tuple[Job, Update]:
    job = job_of(await provider.start(wanted))
    return job, await provider.check(job)


# -- start ---------------------------------------------------------------------------------------------------


def test_it_is_a_provider() -> None:
    one = ReplicateProvider(config("https://api.example/v1"))
    assert isinstance(one, Provider)
    assert (one.limit, one.group_limit, one.group, one.priority, one.weight) == (4, 8, "loopback", 10, 1)


def test_a_prediction_is_created_by_its_version_watched_and_fetched(upstream: Upstream) -> None:
    provider = at(upstream)

    async def whole() -> bytes:
        async with provider.session():
            job, update = await finished(provider, order())
            assert (update.kind, update.metrics["total_time"]) == ("succeeded", 0.0)
            assert "Using seed" in update.logs
            return await read(provider, job, update.output[0])

    assert run(whole())[:4] == b"\x89PNG"
    assert [row["model"] for row in upstream.rows("start")] == [SDXL.ref]


def test_a_prediction_is_created_by_name_where_the_route_says_so(upstream: Upstream) -> None:
    route = Route(name=SDXL.ref, version="")
    provider = at(upstream, routes={"our/name": route})
    assert provider.serves("our/name")
    assert not provider.serves(SDXL.ref)
    run(provider.start(order(model="our/name")))
    assert [row["path"] for row in upstream.rows("call")] == [f"/v1/models/{SDXL.ref}/predictions"]


@pytest.mark.parametrize("version", [SAME, SDXL.version, f"{SDXL.ref}:{SDXL.version}"])
def test_a_route_names_the_version(upstream: Upstream, version: str) -> None:
    provider = at(upstream, routes={SDXL.ref: Route(name="", version=version)})
    job_of(run(provider.start(order())))
    assert [row["path"] for row in upstream.rows("call")] == ["/v1/predictions"]


def test_a_model_without_a_route_is_refused_without_a_call(upstream: Upstream) -> None:
    error = start_fails(at(upstream, routes={}), order())
    assert (error.kind, error.refused, error.permanent) == ("permanent", True, True)
    assert upstream.rows("call") == []


def test_the_same_key_finds_the_first_prediction_again_where_the_service_keeps_to_it(
    upstream: Upstream,
) -> None:
    provider, wanted = at(upstream, idempotent=True), order("fault:run-forever")
    first, second = run(provider.start(wanted)), run(provider.start(wanted))
    assert job_of(first).id == job_of(second).id
    assert upstream.starts() == {wanted.key: 1}


def test_a_webhook_is_asked_for_under_the_orders_key(upstream: Upstream) -> None:
    provider, wanted = at(upstream, webhook_url="http://127.0.0.1:9/hook/{key}"), order()
    job = job_of(run(provider.start(wanted)))
    assert upstream.service.jobs[job.id].webhook == f"http://127.0.0.1:9/hook/{wanted.key}"


@pytest.mark.parametrize("shape", ["images", "images-b64"])
def test_pictures_that_come_with_the_answer_are_a_finished_result(upstream: Upstream, shape: str) -> None:
    provider = at(upstream)

    async def whole() -> bytes:
        update = await provider.start(order(f"fault:create-{shape}"))
        assert isinstance(update, Update)
        assert update.kind == "succeeded"
        return await read(provider, Job(id=""), update.output[0])

    assert run(whole())[:4] == b"\x89PNG"


def test_a_repeat_that_finds_it_finished_gets_the_result(upstream: Upstream) -> None:
    provider, wanted = at(upstream, idempotent=True), order()
    job = job_of(run(provider.start(wanted)))
    update = run(provider.start(wanted))
    assert isinstance(update, Update)
    assert (update.kind, update.job_id) == ("succeeded", job.id)


def test_a_success_without_its_output_is_looked_at_again(upstream: Upstream) -> None:
    provider, wanted = at(upstream, idempotent=True), order("fault:create-thin")
    run(provider.start(wanted))
    job = job_of(run(provider.start(wanted)))
    assert run(provider.check(job)).kind == "succeeded"


def test_a_thin_answer_is_enough(upstream: Upstream) -> None:
    _job, update = run(finished(at(upstream), order("fault:create-thin")))
    assert update.kind == "succeeded"


# -- starts that go wrong ------------------------------------------------------------------------------------

REFUSED = {
    "400-safety": "safety",
    "400-sensitive-zh": "safety",
    "401": "key",
    "401-zh": "key",
    "402": "quota",
    "402-zh": "quota",
    "403": "key",
    "404": "permanent",
    "413": "bad_input",
    "422": "bad_input",
    "422-fastapi": "bad_input",
    "422-version": "permanent",
    "429": "rate",
    "429-bare": "rate",
    "429-quota": "quota",
    "503": "transient",
    "503-zh": "channel",
    "200-error": "quota",
    "redirect": "address",
}
LOST_FOR_GOOD = [
    "html",
    "empty",
    "list",
    "string",
    "null",
    "types",
    "no-id",
    "utf8",
    "nan",
    "deep",
    "laughs",
    "huge",
    "bomb",
]


@pytest.mark.parametrize("fault", REFUSED)
def test_a_refusal_says_that_nothing_was_started_and_whose_fault_it_is(
    upstream: Upstream, fault: str
) -> None:
    error = start_fails(at(upstream), order(f"fault:create-{fault}"))
    assert not isinstance(error, AnswerLost)
    assert (error.refused, error.kind) == (True, REFUSED[fault])
    assert bool(error.words) == (error.kind in ("safety", "bad_input"))
    assert error.permanent == (error.kind in ("safety", "bad_input", "permanent"))


@pytest.mark.parametrize(
    "fault", ["500", "500-zh", "500-secret", "502", "504", "drop", "drop-after", "short", "garbage"]
)
def test_an_answer_that_never_came_is_lost_and_may_be_asked_for_again(upstream: Upstream, fault: str) -> None:
    error = start_fails(at(upstream), order(f"fault:create-{fault}"))
    assert isinstance(error, AnswerLost)
    assert (error.refused, error.permanent) == (False, False)


@pytest.mark.parametrize("fault", ["hang", "snail"])
def test_an_answer_that_does_not_end_is_lost_when_its_time_is_over(upstream: Upstream, fault: str) -> None:
    error = start_fails(at(upstream, read_s=0.3, connect_s=2), order(f"fault:create-{fault}"))
    assert isinstance(error, AnswerLost)


@pytest.mark.parametrize("fault", LOST_FOR_GOOD)
def test_an_answer_that_names_no_job_is_lost_for_good_and_kept_for_the_operator(
    upstream: Upstream, fault: str
) -> None:
    error = start_fails(at(upstream), order(f"fault:create-{fault}"))
    assert isinstance(error, AnswerLost)
    assert (error.permanent, error.kind) == (True, "permanent")
    assert bool(error.answer) == (fault != "empty")
    assert len(error.answer) < 4100


def test_where_nobody_listens_nothing_was_started() -> None:
    error = start_fails(ReplicateProvider(config("http://127.0.0.1:9/v1")), order())
    assert (error.refused, error.kind, error.permanent) == (True, "transient", False)


def test_a_repeat_that_the_service_says_it_knows_is_no_refusal(upstream: Upstream) -> None:
    body = b'{"detail": "This Idempotency-Key was used with another body.", "status": 422}'
    with answering(b"HTTP/1.1 422 No\r\nContent-Length: %d\r\n\r\n" % len(body) + body) as url:
        error = start_fails(ReplicateProvider(config(url, idempotent=True)), order())
    assert isinstance(error, AnswerLost)


def test_a_key_that_was_told_to_wait_is_not_used_again_before(upstream: Upstream) -> None:
    provider = at(upstream)
    start_fails(provider, order("fault:create-429=30"))
    error = start_fails(provider, order())
    assert (error.refused, error.kind) == (True, "rate")
    assert error.retry_after is not None
    assert error.retry_after == pytest.approx(30, abs=5)
    assert len(upstream.rows("call")) == 1


def test_more_starts_than_allowed_in_a_second_are_told_to_come_later(upstream: Upstream) -> None:
    provider = at(upstream, requests_per_second=0.2)
    run(provider.start(order()))
    error = start_fails(provider, order())
    assert (error.refused, error.kind, bool(error.retry_after)) == (True, "rate", True)


# -- check, cancel, release ----------------------------------------------------------------------------------


def test_a_job_that_is_not_visible_yet_is_starting_and_later_lost(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = at(upstream)
    job = job_of(run(one.start(order("fault:run-hidden=2"))))
    assert run(one.check(job)).kind == "starting"
    monkeypatch.setattr(provider, "GRACE_S", 0.0)
    assert run(one.check(job)).kind == "lost"


def test_a_job_that_the_service_forgot_is_lost(upstream: Upstream) -> None:
    assert run(at(upstream).check(Job(id="never-heard-of", instance="1000000000"))).kind == "lost"


def test_a_page_that_finds_nothing_has_to_say_so_more_than_once() -> None:
    page = b"<html><body>404 page not found</body></html>"
    head = b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(page)
    with answering(head + page) as url:
        one = ReplicateProvider(config(url))
        for _ in range(4):
            with pytest.raises(ProviderError):
                run(one.check(Job(id="old", instance="1000000000")))
        assert run(one.check(Job(id="old", instance="1000000000"))).kind == "lost"


@pytest.mark.parametrize(
    "fault", one_in(3, ["401", "402", "429", "500", "502", "503", "drop", "short", "garbage"])
)
def test_a_look_that_goes_wrong_says_nothing_of_the_job(upstream: Upstream, fault: str) -> None:
    one = at(upstream)
    job = job_of(run(one.start(order(f"fault:get-{fault}*1"))))
    with pytest.raises(ProviderError) as caught:
        run(one.check(job))
    assert not caught.value.permanent
    if fault != "429":
        assert run(one.check(job)).kind == "succeeded"


@pytest.mark.parametrize("fault", one_in(3, ["huge=70", "deep", "laughs", "bomb"]))
def test_an_answer_beyond_the_limits_fails_the_run_at_once(upstream: Upstream, fault: str) -> None:
    one = at(upstream)
    job = job_of(run(one.start(order(f"fault:get-{fault}"))))
    update = run(one.check(job))
    assert (update.kind, update.error_kind) == ("failed", "permanent")
    assert (update.error or "").startswith("The provider's answer could not be understood: it ")


@pytest.mark.parametrize(
    "fault", one_in(3, ["html", "empty", "list", "string", "null", "types", "utf8", "nan", "bigint"])
)
def test_senseless_answers_are_borne_for_a_while_and_then_fail_the_run(
    upstream: Upstream, fault: str
) -> None:
    one = at(upstream)
    job = job_of(run(one.start(order(f"fault:get-{fault}"))))
    for _ in range(4):
        with pytest.raises(ProviderError):
            run(one.check(job))
    update = run(one.check(job))
    assert (update.kind, update.error_kind) == ("failed", "permanent")


def test_a_no_in_the_clothes_of_a_yes_is_not_the_jobs_fault(upstream: Upstream) -> None:
    one = at(upstream)
    job = job_of(run(one.start(order("fault:get-200-error"))))
    for _ in range(8):
        with pytest.raises(ProviderError) as caught:
            run(one.check(job))
        assert caught.value.kind == "quota"


def test_a_sensible_answer_between_forgives_the_senseless_ones(upstream: Upstream) -> None:
    one = at(upstream)
    job = job_of(run(one.start(order("fault:get-html*4 fault:run-forever"))))
    for _ in range(4):
        with pytest.raises(ProviderError):
            run(one.check(job))
    assert run(one.check(job)).kind == "processing"
    upstream.fault("get-html")
    with pytest.raises(ProviderError):
        run(one.check(job))


def test_the_state_of_another_job_is_no_answer(upstream: Upstream) -> None:
    body = b'{"id": "other", "status": "succeeded", "output": "theirs"}'
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    with answering(head + body) as url, pytest.raises(ProviderError):
        run(ReplicateProvider(config(url)).check(Job(id="mine")))


def test_a_cancel_is_confirmed_by_the_service(upstream: Upstream) -> None:
    one = at(upstream)
    job = job_of(run(one.start(order("fault:run-forever"))))
    assert run(one.cancel(job)) is True
    assert run(one.check(job)).kind == "canceled"


def test_a_cancel_that_is_not_obeyed_is_not_confirmed(upstream: Upstream) -> None:
    one = at(upstream)
    job = job_of(run(one.start(order("fault:run-stubborn fault:run-seconds=50"))))
    assert run(one.cancel(job)) is False


@pytest.mark.parametrize("fault", one_in(2, ["empty", "html", "422", "thin"]))
def test_a_cancel_with_a_meagre_answer_is_followed_by_a_look(upstream: Upstream, fault: str) -> None:
    one = at(upstream)
    job = job_of(run(one.start(order(f"fault:cancel-{fault}"))))
    assert run(one.cancel(job)) is True


def test_a_cancel_of_what_the_service_does_not_know_is_done() -> None:
    with answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") as url:
        one = ReplicateProvider(config(url))
        assert run(one.cancel(Job(id="order1-1"))) is True


@pytest.mark.parametrize("fault", ["401", "500", "drop"])
def test_a_cancel_that_goes_wrong_is_to_be_asked_again(upstream: Upstream, fault: str) -> None:
    one = at(upstream)
    job = job_of(run(one.start(order(f"fault:cancel-{fault} fault:run-forever"))))
    with pytest.raises(ProviderError):
        run(one.cancel(job))


# -- outputs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "permanent"),
    [
        ("gone", False),
        ("403", False),
        ("500", False),
        ("drop", False),
        ("short", False),
        ("redirect-private", True),
        ("redirect-loop", True),
        ("huge-said", True),
        ("huge", True),
        ("private", True),
        ("loopback", True),
    ],
)
def test_an_output_that_cannot_be_had_is_gone_or_tried_again(
    upstream: Upstream, fault: str, permanent: bool
) -> None:
    one = at(upstream)

    async def whole() -> None:
        job, update = await finished(one, order(f"fault:output-{fault}"))
        await read(one, job, update.output[0])

    with pytest.raises(ProviderError) as caught:
        run(whole())
    assert caught.value.permanent == permanent
    assert not caught.value.refused


@pytest.mark.parametrize("fault", ["redirect", "data", "object", "string", "nested", "key"])
def test_an_output_is_had_wherever_it_lies(upstream: Upstream, fault: str) -> None:
    one = at(upstream)

    async def whole() -> bytes:
        job, update = await finished(one, order(f"fault:output-{fault}"))
        return await read(one, job, update.output[0])

    assert run(whole())[:4] == b"\x89PNG"


def test_an_output_on_another_port_of_the_same_machine_is_inside(upstream: Upstream) -> None:
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi") as url:
        ref = OutputRef("out-0.png", "image/png", f"{url}/x.png")
        with pytest.raises(ProviderError) as caught:
            run(read(at(upstream), Job(id="a"), ref))
        assert caught.value.permanent
        allowed = at(upstream, reach=("127.0.0.0/8",))
        assert run(read(allowed, Job(id="a"), ref)) == b"hi"


def test_the_key_goes_to_the_services_own_address_and_over_no_redirect(upstream: Upstream) -> None:
    seen: list[bytes] = []
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", seen) as there:
        away = f"HTTP/1.1 302 Found\r\nLocation: {there}/x.png\r\nContent-Length: 0\r\n\r\n".encode()
        with answering(away, seen) as own:
            one = ReplicateProvider(config(own, reach=("127.0.0.0/8",)))
            run(read(one, Job(id="a"), OutputRef("x.png", "image/png", f"{own}/x.png")))
            run(read(one, Job(id="a"), OutputRef("x.png", "image/png", f"{there}/x.png")))
    assert [TOKEN.encode() in request for request in seen] == [True, False, False]


def test_a_name_that_leads_inside_with_one_of_its_addresses_is_inside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["93.184.216.34", "10.0.0.1"]

    monkeypatch.setattr(ssrf, "resolve", resolve)
    one = ReplicateProvider(config("https://api.example/v1"))
    with pytest.raises(ProviderError) as caught:
        run(read(one, Job(id="a"), OutputRef("x.png", "image/png", "http://pictures.example/x.png")))
    assert caught.value.permanent
    assert caught.value.words == "The provider named an output at an address that is not a public one."


def test_a_redirect_from_outside_leads_to_no_inner_service() -> None:
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi") as own:
        away = f"HTTP/1.1 302 Found\r\nLocation: {own}/x.png\r\nContent-Length: 0\r\n\r\n".encode()
        with answering(away) as there:
            # There is on the same machine, so let it count as outside; the service itself is inner.
            one = ReplicateProvider(config(own.replace("127.0.0.1", "127.0.0.2"), reach=("127.0.0.1/32",)))
            ref = OutputRef("x.png", "image/png", f"{there}/x.png")
            assert run(read(one, Job(id="a"), ref)) == b"hi"
            one = ReplicateProvider(config(own))
            with pytest.raises(ProviderError) as caught:
                run(read(one, Job(id="a"), ref))
            assert caught.value.permanent


def test_a_file_of_unexpected_length_is_not_taken(upstream: Upstream) -> None:
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi") as url:
        one = ReplicateProvider(config(url))
        with pytest.raises(ProviderError, match="2 of 3 bytes"):
            run(read(one, Job(id="a"), OutputRef("x.png", "image/png", f"{url}/x.png", size=3)))


def test_only_a_few_large_results_are_held_until_they_are_stored() -> None:
    body = b'{"created": 1, "data": [{"b64_json": "' + b"iVBOR" * 400_000 + b'"}]}'
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    with answering(head + body) as url:
        one = ReplicateProvider(config(url, read_s=1, connect_s=1))
        held = [run(one.start(order())) for _ in range(3)]
        assert isinstance(start_fails(one, order()), AnswerLost)
        del held[0]
        held.append(run(one.start(order())))
        assert all(isinstance(update, Update) and update.kind == "succeeded" for update in held)


# -- input files ---------------------------------------------------------------------------------------------


def with_file(data: bytes = IMAGE, address: str | None = None) -> Order:
    file = InputFile(name="in.png", content_type="image/png", data=data, address=address)
    return order(files={"image": file})


def sent_image(upstream: Upstream) -> str:
    job = list(upstream.service.jobs.values())[-1]
    return str(job.input["image"])


@pytest.mark.parametrize(("mode", "size"), [("auto", 1000), ("data", 300_000)])
def test_a_file_goes_as_a_data_uri(upstream: Upstream, mode: str, size: int) -> None:
    run(at(upstream, files=mode).start(with_file(IMAGE + b"x" * size)))
    assert sent_image(upstream).startswith("data:image/png;base64,iVBOR")
    assert upstream.rows("upload") == []


@pytest.mark.parametrize(("mode", "size"), [("url", 10), ("auto", 300_000)])
def test_a_file_goes_as_its_address_where_it_has_one(upstream: Upstream, mode: str, size: int) -> None:
    address = f"{upstream.origin}/nowhere.png"
    run(at(upstream, files=mode).start(with_file(b"x" * size, address)))
    assert sent_image(upstream) == address


def test_a_file_without_an_address_cannot_go_as_one(upstream: Upstream) -> None:
    error = start_fails(at(upstream, files="url"), with_file())
    assert (error.refused, error.permanent) == (True, True)
    assert upstream.rows("start") == []


@pytest.mark.parametrize(("mode", "size"), [("upload", 10), ("auto", 300_000)])
def test_a_file_is_uploaded_and_deleted_when_the_job_is_released(
    upstream: Upstream, mode: str, size: int
) -> None:
    one = at(upstream, files=mode)
    job = job_of(run(one.start(with_file(IMAGE + b"x" * size))))
    (upload,) = upstream.rows("upload")
    assert sent_image(upstream).startswith(upstream.origin)
    assert len(job.instance) <= 64
    run(one.release(job))
    assert [row["id"] for row in upstream.rows("file-deleted")] == [upload["id"]]


def test_a_file_is_uploaded_once_for_an_order_that_is_sent_twice(upstream: Upstream) -> None:
    one, wanted = at(upstream, files="upload", idempotent=True), with_file()
    run(one.start(wanted))
    run(one.start(wanted))
    assert len(upstream.rows("upload")) == 1


def test_a_file_goes_as_a_data_uri_where_the_service_takes_no_uploads(upstream: Upstream) -> None:
    upstream.fault("upload-404")
    run(at(upstream).start(with_file(IMAGE + b"x" * 300_000)))
    assert sent_image(upstream).startswith("data:image/png;base64,")
    error = start_fails(at(upstream, files="upload"), with_file())
    assert (error.refused, error.permanent) == (True, True)


@pytest.mark.parametrize("fault", one_in(3, ["401", "402", "429", "500", "drop", "html", "types"]))
def test_an_upload_that_goes_wrong_has_started_nothing(upstream: Upstream, fault: str) -> None:
    upstream.fault(f"upload-{fault}")
    error = start_fails(at(upstream, files="upload"), with_file())
    assert error.refused
    assert not isinstance(error, AnswerLost)
    assert upstream.rows("start") == []


# -- what is hardly HTTP -------------------------------------------------------------------------------------

ODD = [
    b"",
    b"\r\n\r\n",
    b"hello",
    b"HTTP/0.9 200 OK\r\n\r\n{}",
    b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 99 Odd\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08",
    b"HTTP/1.1 200 OK\r\nX: " + b"y" * 300_000 + b"\r\n\r\n{}",
    b"HTTP/1.1 200 \xff\xfe\r\nX\x00: \x01\r\n\r\n{}",
    b"HTTP/1.1 429 No\r\nRetry-After: \xe4\xb8\x80\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 500 No\r\nContent-Type: application/json; charset=klingon\r\nContent-Length: 2\r\n\r\n{}",
]


@pytest.mark.parametrize("answer", ODD, ids=range(len(ODD)))
def test_what_is_hardly_http_is_a_providers_error_and_nothing_else(answer: bytes) -> None:
    with answering(answer) as url:
        one = ReplicateProvider(config(url, read_s=2))
        ref = OutputRef("x.png", "image/png", f"{url}/x.png", size=100)
        error = start_fails(one, order())
        # Where one can tell no refusal from the noise, something may have been started.
        assert error.refused == answer.startswith(b"HTTP/1.1 429")
        with contextlib.suppress(ProviderError):
            assert run(one.check(Job(id="a"))).kind == "failed"
        with contextlib.suppress(ProviderError):
            assert run(one.cancel(Job(id="a"))) is False
        with pytest.raises(ProviderError):
            run(read(one, Job(id="a"), ref))


# -- connections and secrets ---------------------------------------------------------------------------------


def test_many_looks_at_once_share_a_few_connections(upstream: Upstream) -> None:
    one = at(upstream)

    async def whole() -> int:
        async with one.session(), one.session():
            job = job_of(await one.start(order()))
            updates = await asyncio.gather(*(one.check(job) for _ in range(60)))
            return sum(update.kind == "succeeded" for update in updates)

    assert run(whole()) == 60


def test_a_session_that_ends_first_takes_nothing_from_another(upstream: Upstream) -> None:
    first, second = at(upstream), at(upstream)

    async def whole() -> str:
        a, b = first.session(), second.session()
        await a.__aenter__()
        await b.__aenter__()
        job = job_of(await first.start(order()))
        await a.__aexit__(None, None, None)
        kind = (await second.check(job)).kind
        await b.__aexit__(None, None, None)
        return kind

    assert run(whole()) == "succeeded"


def test_no_fault_makes_it_say_its_key(
    upstream: Upstream, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    one = at(upstream, read_s=0.3)
    said: list[str] = [repr(one), repr(one.config), str(vars(one)), repr(order())]
    faults = [*REFUSED, *LOST_FOR_GOOD[:8], "500", "500-secret", "502", "drop", "hang", "garbage"]
    every = itertools.product(("create", "get", "cancel"), faults)
    for stage, fault in [("create", "500-secret"), *one_in(4, every)]:
        if fault.startswith(("429", "503")):
            # They ask for rest, and the next one would be asked nothing.
            continue
        try:
            job = job_of(run(one.start(order(f"fault:{stage}-{fault}"))))
            said.append(repr(job))
            said.append(repr(run(one.check(job))))
            run(one.cancel(job))
        except ProviderError as error:
            said += [repr(error), str(vars(error)), "".join(traceback.format_exception(error))]
    said += [caplog.text, *capfd.readouterr()]
    assert "create-500-secret" in str(upstream.rows("fault"))
    assert TOKEN not in "".join(said)
    assert TOKEN[-20:] not in "".join(said)


def test_cookies_of_a_service_are_not_kept(upstream: Upstream) -> None:
    seen: list[bytes] = []
    body = b'{"id": "a", "status": "processing"}'
    head = b"HTTP/1.1 200 OK\r\nSet-Cookie: session=tracked; Path=/\r\nConnection: close\r\n"
    with answering(head + b"Content-Length: %d\r\n\r\n" % len(body) + body, seen) as url:
        one = ReplicateProvider(config(url))

        async def twice() -> None:
            async with one.session():
                await one.check(Job(id="a"))
                await one.check(Job(id="a"))

        run(twice())
    assert len(seen) == 2
    assert not any(b"tracked" in request for request in seen)

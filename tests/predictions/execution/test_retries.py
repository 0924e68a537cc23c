"""Retries of missing result files: for a limited time, with messages, then failed and refunded."""

from __future__ import annotations

import logging
import socketserver
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from accounts.models import MICRO, User
from predictions import tasks
from predictions.execution import result_downloads, retries
from predictions.models import Delivery, Prediction, Version
from predictions.providers.base import FileError, OutputRef, ProviderError, Update
from predictions.providers.replicate import ReplicateProvider
from studio.sheet import failure_messages
from studio.sheet.strips import Batch
from tests import factories, fakes
from tests.predictions.execution.test_result_downloads import PICTURE, four
from tests.predictions.providers import raw_server
from tests.predictions.providers.test_upstream_provider import config
from tests.predictions.upstreams.upstream_fixtures import FakeUpstreams, accept, fake_upstreams, fresh

__all__ = ["fake_upstreams", "four"]

pytestmark = pytest.mark.django_db(transaction=True)
NOT_YET = FileError("The output's server answered 404.", "missing")
CUT = FileError("The output came with 512 of 1024 bytes.", "cut")
SLOW = FileError("It did not come within the time limit.", "slow")
AWAY = FileError("The output could not be fetched: ConnectError.", "unreachable")


def begun(
    alice: User, version: Version, fake_upstreams: FakeUpstreams, file: Any, **columns: Any
) -> Prediction:
    """A prediction that has succeeded at its upstream, and whose file was asked for once."""
    only = fake_upstreams.add("only")
    only.updates, only.files = (
        [Update("succeeded", output=[OutputRef("out-0.png", "image/png", "a")])],
        {"a": file},
    )
    prediction = accept(alice, version)
    Prediction.objects.update(run=0, **columns)
    tasks.start()
    fakes.watch_once()
    tasks.collect()
    return fresh(prediction)


def again(
    prediction: Prediction, fake_upstreams: FakeUpstreams, file: Any, after_s: float = 0.0
) -> Prediction:
    """The same after another try, so many seconds later."""
    next(iter(fake_upstreams.ups.values())).files["a"] = file
    Prediction.objects.update(not_before=None, job_seen_at=F("job_seen_at") - timedelta(seconds=after_s))
    tasks.collect()
    return fresh(prediction)


def test_a_file_that_is_not_there_at_once_is_delivered_when_it_is(
    alice: User, four: Version, fake_upstreams: FakeUpstreams
) -> None:
    row = begun(alice, four, fake_upstreams, NOT_YET)
    assert (row.status, row.phase) == ("processing", "result")
    row = again(row, fake_upstreams, NOT_YET, after_s=20)
    assert row.status == "processing"
    assert again(row, fake_upstreams, PICTURE, after_s=5).status == "succeeded"


def test_a_file_that_is_not_there_after_half_a_minute_is_given_up_and_costs_nothing(
    alice: User, four: Version, fake_upstreams: FakeUpstreams
) -> None:
    row = begun(alice, four, fake_upstreams, NOT_YET)
    row = again(row, fake_upstreams, NOT_YET, after_s=29)
    assert row.status == "processing"
    row = again(row, fake_upstreams, NOT_YET, after_s=2)
    assert (row.status, row.charge) == ("failed", 0)
    assert row.error == "The finished files were gone before they could be stored. Nothing was charged."
    assert factories.account_of(alice).balance == 100 * MICRO


def test_the_half_minute_begins_when_a_file_was_first_found_missing(
    alice: User, four: Version, fake_upstreams: FakeUpstreams
) -> None:
    row = begun(alice, four, fake_upstreams, AWAY)
    row = again(row, fake_upstreams, NOT_YET, after_s=100)
    assert row.status == "processing"
    assert again(row, fake_upstreams, PICTURE, after_s=20).status == "succeeded"


@pytest.mark.parametrize(("trouble", "says"), [(CUT, "arrived incomplete"), (SLOW, "arrived too slowly")])
def test_a_file_that_comes_broken_three_times_is_given_up(
    alice: User, four: Version, fake_upstreams: FakeUpstreams, trouble: FileError, says: str
) -> None:
    row = begun(alice, four, fake_upstreams, trouble)
    row = again(row, fake_upstreams, trouble)
    assert row.status == "processing"
    row = again(row, fake_upstreams, trouble)
    assert (row.status, row.charge) == ("failed", 0) and says in str(row.error)
    assert str(row.error).endswith("Try again. Nothing was charged.")


def test_a_file_that_comes_broken_in_turns_is_given_up_after_two_minutes(
    alice: User, four: Version, fake_upstreams: FakeUpstreams
) -> None:
    busy = FileError("The output's server answered 500.", "busy")
    row = begun(alice, four, fake_upstreams, busy)
    for _ in range(5):
        row = again(row, fake_upstreams, busy, after_s=20)
        assert row.status == "processing"
    assert again(row, fake_upstreams, busy, after_s=21).status == "failed"


def test_only_a_server_that_cannot_be_reached_is_tried_for_ten_minutes(
    alice: User, four: Version, fake_upstreams: FakeUpstreams
) -> None:
    row = begun(alice, four, fake_upstreams, AWAY)
    for _ in range(9):
        row = again(row, fake_upstreams, AWAY, after_s=60)
        assert row.status == "processing"
    row = again(row, fake_upstreams, AWAY, after_s=61)
    assert row.status == "failed" and "couldn't be reached" in str(row.error)


def test_while_it_is_tried_the_log_and_the_page_and_the_servers_log_say_so(
    alice: User, four: Version, fake_upstreams: FakeUpstreams, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        row = begun(
            alice, four, fake_upstreams, CUT, webhook="https://example.org/hook", webhook_events=["logs"]
        )
    line = "[A finished file arrived incomplete. Trying again.]\n"
    assert row.logs == line
    assert Batch(row, []).trouble == "A finished file arrived incomplete. Trying again."
    assert Delivery.objects.filter(prediction=row, event="logs").exists()
    told = "\n".join(record.getMessage() for record in caplog.records)
    assert "collect_later" in told and row.public_id in told
    revision = row.revision
    row = again(row, fake_upstreams, CUT)
    assert (row.logs, row.revision) == (line, revision)
    row = again(row, fake_upstreams, PICTURE)
    assert (row.status, row.logs, Batch(row, []).trouble) == ("succeeded", line, "")


def test_those_that_came_are_delivered_when_the_others_are_given_up(
    alice: User, four: Version, fake_upstreams: FakeUpstreams
) -> None:
    only = fake_upstreams.add("only")
    refs = [OutputRef(f"out-{n}.png", "image/png", name) for n, name in enumerate("ab")]
    only.updates, only.files = [Update("succeeded", output=refs)], {"a": CUT, "b": PICTURE}
    prediction = accept(alice, four, num_outputs=2)
    tasks.start()
    fakes.watch_once()
    tasks.collect()
    row = fresh(prediction)
    for _ in range(2):
        row = again(row, fake_upstreams, CUT)
    assert (row.status, len(row.output), row.charge) == ("succeeded", 1, MICRO)
    assert "these could not be had and cost nothing: 1." in row.logs


def test_every_end_has_words_of_its_own_on_the_pages() -> None:
    ends = [*retries.ENDS, result_downloads.NO_IMAGE, result_downloads.TOO_LARGE]
    assert [end for end in ends if end not in failure_messages.OWN_ERRORS] == []


@pytest.mark.parametrize("body", [b"<html>sorry</html>", b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>"])
def test_what_is_no_picture_is_told_without_a_path_or_an_exception(
    alice: User,
    four: Version,
    fake_upstreams: FakeUpstreams,
    body: bytes,
    settings: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        row = begun(alice, four, fake_upstreams, body)
    assert row.error == (
        "The result could not be used: it is not a readable picture. Try again. Nothing was charged."
    )
    # The operator reads all of it.
    assert "UnidentifiedImageError" in "\n".join(record.getMessage() for record in caplog.records)
    assert failure_messages.reason(row) == "The upstream sent no readable picture. Try again."


# -- what the upstream's client takes them for ---------------------------------------------------------------


@pytest.fixture
def storage() -> Iterator[str]:
    """Answers `/STATUS` with that status, `/cut` with half a file, `/zipped` with half of a compressed one."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            name = raw_server.head(self.rfile).split(b" ")[1].removeprefix(b"/out/")
            if name.isdigit():
                self.wfile.write(b"HTTP/1.1 %s X\r\nContent-Length: 0\r\n\r\n" % name)
            elif name == b"zipped":
                self.wfile.write(
                    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 12\r\n\r\n"
                    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\x4c"
                )
            elif name == b"cut":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

    with raw_server.listening(Handler) as url:
        yield url


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("404", "missing"),
        ("403", "missing"),
        ("500", "busy"),
        ("429", "busy"),
        ("cut", "cut"),
        ("zipped", "cut"),
        ("closed", "cut"),
    ],
)
def test_a_passing_fault_is_told_apart_from_one_for_good(storage: str, path: str, fault: str) -> None:
    assert fault_of(ReplicateProvider(config(storage)), f"{storage}/out/{path}") == fault


@pytest.mark.parametrize("path", ["410", "451"])
def test_what_is_gone_for_good_is_not_asked_for_again(storage: str, path: str) -> None:
    assert fault_of(ReplicateProvider(config(storage)), f"{storage}/out/{path}") == "gone"


def test_a_server_that_nobody_answers_at_is_unreachable(storage: str) -> None:
    nobody = "http://127.0.0.1:9"
    assert fault_of(ReplicateProvider(config(nobody)), f"{nobody}/out/a") == "unreachable"


def fault_of(provider: ReplicateProvider, url: str) -> str:
    from predictions.providers.base import Job
    from tests.predictions.providers.test_upstream_provider import read, run

    with pytest.raises(ProviderError) as caught:
        run(read(provider, Job("a"), OutputRef("out-0.png", "image/png", url)))
    assert caught.value.permanent or isinstance(caught.value, FileError)
    return "gone" if caught.value.permanent else str(getattr(caught.value, "fault", ""))

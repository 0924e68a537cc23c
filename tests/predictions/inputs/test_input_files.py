"""Input files referenced by URL: fetched by a worker, within limits, never from private addresses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from accounts.models import MICRO, User
from core import data_uri
from predictions import lifecycle, tasks
from predictions.inputs import fetch
from predictions.models import Output, Prediction, Version
from predictions.submit import acceptance, refusals, work_request
from tests import factories
from tests.fakes import FakeProvider
from tests.servers.file_server import Answer, FileServer

pytestmark = pytest.mark.django_db(transaction=True)

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["image"],
    "properties": {
        "image": {"type": "string", "format": "uri", "x-order": 0},
        "mask": {"type": "string", "format": "uri", "x-order": 1},
        "note": {"type": "string", "x-order": 2},
    },
}
PICTURE = factories.picture()


PATHS: dict[str, Answer] = {
    "/a.png": (200, {"Content-Type": "image/png; x=y"}, PICTURE),
    "/moved": (302, {"Location": "/a.png"}, b""),
    "/inside": (302, {"Location": "http://10.0.0.1/a.png"}, b""),
    "/round": (302, {"Location": "/round"}, b""),
    "/squeezed": (200, {"Content-Encoding": "gzip"}, b"x"),
    "/large": (200, {"Content-Length": str(fetch.MAX_FILE + 1)}, b""),
}


@pytest.fixture
def there(settings: Any) -> Iterator[FileServer]:
    """A file server on the loopback interface, which this test allows."""
    settings.OUTBOUND_ALLOW = ["127.0.0.1/32"]
    with FileServer(PATHS) as found:
        yield found


@pytest.fixture
def taker(db: None) -> Version:
    """A version that takes a picture and a mask, a credit a picture."""
    return factories.make_version(input_schema=SCHEMA)


def accept(user: User, version: Version, origin: str = "", **given: str) -> Prediction:
    return acceptance.accept(
        work_request.Request(account=user.account, user=user, version=version, input=given, origin=origin)
    )


def started(provider: FakeProvider, number: int = 0) -> dict[str, Any]:
    """The input that the provider was given."""
    return provider.orders[number].input


def test_a_file_goes_on_as_its_bytes_and_its_type(
    alice: User, taker: Version, provider: FakeProvider, there: FileServer
) -> None:
    prediction = accept(alice, taker, image=f"{there.url}/a.png", mask=f"{there.url}/moved", note=there.url)
    tasks.start()
    given = started(provider)
    assert data_uri.parse(given["image"]) == ("image/png", PICTURE) == data_uri.parse(given["mask"])
    assert given["note"] == there.url
    prediction.refresh_from_db()
    assert prediction.input["image"] == f"{there.url}/a.png"


def test_a_data_uri_goes_on_as_it_is(alice: User, taker: Version, provider: FakeProvider) -> None:
    image = data_uri.build("image/png", PICTURE)
    accept(alice, taker, image=image)
    tasks.start()
    assert started(provider) == {"image": image}


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/nothing", "its server answered 404"),
        ("/inside", "its address is not a public one"),
        ("/round", "it leads from one address to the next"),
        ("/squeezed", "its server sent it compressed, which was not asked for"),
        ("/large", "it is larger than 25 MB"),
    ],
)
def test_what_cannot_be_fetched_fails_with_the_fields_name_and_costs_nothing(
    alice: User, taker: Version, provider: FakeProvider, there: FileServer, path: str, reason: str
) -> None:
    prediction = accept(alice, taker, image=f"{there.url}/a.png", mask=f"{there.url}{path}")
    tasks.start()
    prediction.refresh_from_db()
    assert prediction.status == "failed"
    assert prediction.error == f"Input mask could not be fetched: {reason}. Nothing was charged."
    account = factories.account_of(alice)
    assert (account.balance, account.held, provider.orders) == (100 * MICRO, 0, [])


def test_a_file_that_grows_beyond_its_limit_is_not_read_on(
    alice: User, taker: Version, provider: FakeProvider, there: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "MAX_FILE", len(PICTURE) - 1)
    there.paths["/a.png"] = (200, {"Content-Length": ""}, PICTURE)
    prediction = accept(alice, taker, image=f"{there.url}/a.png")
    tasks.start()
    prediction.refresh_from_db()
    assert "larger than" in str(prediction.error) and provider.orders == []


def test_a_name_that_leads_inside_is_noticed_when_it_is_looked_up(
    alice: User, taker: Version, provider: FakeProvider, there: FileServer, settings: Any
) -> None:
    prediction = accept(alice, taker, image=f"{there.url}/a.png")
    # The operator takes the permission back: what was accepted is checked again before it is connected to.
    settings.OUTBOUND_ALLOW = []
    tasks.start()
    prediction.refresh_from_db()
    assert prediction.status == "failed" and there.asked == []


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/a.png", "http://2130706433/", "https://10.1.2.3/x", "http://[::1]/"]
)
def test_an_address_that_plainly_leads_inside_is_refused_before_anything_is_held(
    alice: User, taker: Version, provider: FakeProvider, url: str
) -> None:
    with pytest.raises(refusals.InvalidInput) as refused:
        accept(alice, taker, image=url)
    assert [(fault.type, fault.field) for fault in refused.value.faults] == [("format", "input.image")]
    assert not Prediction.objects.exists()


def test_an_output_of_this_server_is_read_from_its_storage(
    alice: User, taker: Version, provider: FakeProvider
) -> None:
    output = factories.make_output(factories.make_prediction(alice, taker, status="succeeded"))
    url = f"http://127.0.0.1:8000/f/{output.token}/{output.name}"
    accept(alice, taker, origin="http://127.0.0.1:8000", image=url)
    tasks.start()
    assert data_uri.parse(started(provider)["image"]) == ("image/png", PICTURE)


def test_an_output_that_is_withheld_or_gone_is_read_for_its_owner_alone(
    alice: User, bob: User, taker: Version, provider: FakeProvider
) -> None:
    output = factories.make_output(factories.make_prediction(alice, taker, status="succeeded"))
    Output.objects.update(withheld=True)
    url = f"http://testserver/f/{output.token}/{output.name}"
    own = accept(alice, taker, origin="http://testserver", image=url)
    others = accept(bob, taker, origin="http://testserver", image=url)
    gone = accept(alice, taker, origin="http://testserver", image=f"{url}x")
    tasks.start()
    rows = {row.pk: row for row in Prediction.objects.all()}
    assert rows[own.pk].phase == "running"
    assert rows[others.pk].error == rows[gone.pk].error
    assert "this server has no such file" in str(rows[gone.pk].error)


def test_what_needs_no_fetching_is_never_behind_what_does(
    alice: User, bob: User, taker: Version, version: Version, provider: FakeProvider, there: FileServer
) -> None:
    provider.limit = 16
    for _ in range(tasks.INPUT_FETCH_LIMIT):
        accept(alice, taker, image=f"{there.url}/a.png")
    acceptance.accept(
        work_request.Request(account=bob.account, user=bob, version=version, input={"prompt": "a cat"})
    )
    tasks.start()
    assert started(provider) == {"prompt": "a cat"}
    assert len(provider.orders) == tasks.INPUT_FETCH_LIMIT + 1


def test_more_than_a_few_to_fetch_take_turns_and_none_counts_as_a_failed_start(
    alice: User, bob: User, taker: Version, provider: FakeProvider, there: FileServer
) -> None:
    provider.limit = 16
    for user in (alice, bob):
        for _ in range(4):
            accept(user, taker, image=f"{there.url}/a.png")
    tasks.start()
    assert len(provider.orders) == 8
    assert set(Prediction.objects.values_list("phase", "start_attempts")) == {("running", 1)}


def test_one_canceled_while_its_file_came_is_not_started(
    alice: User,
    taker: Version,
    provider: FakeProvider,
    there: FileServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prediction = accept(alice, taker, image=f"{there.url}/a.png")
    fetch_all = fetch.fetch_all

    def and_cancel(jobs: list[fetch.FetchJob]) -> Any:
        found = fetch_all(jobs)
        lifecycle.cancel(prediction.public_id)
        return found

    monkeypatch.setattr(fetch, "fetch_all", and_cancel)
    tasks.start()
    prediction.refresh_from_db()
    assert prediction.shown_status == "canceled" and provider.orders == []

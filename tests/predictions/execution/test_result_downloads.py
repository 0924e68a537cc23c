"""Fetching of upstream results: partial, delayed or failed; and the files sent with an order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from accounts.models import MICRO, User
from core import data_uri
from predictions import lifecycle, tasks
from predictions.execution import result_files
from predictions.files import removal, uploads
from predictions.models import Output, Prediction, StoredFile, Version
from predictions.providers.base import OutputRef, ProviderError, Update
from predictions.submit import quotas
from tests import factories, fakes
from tests.predictions.inputs.test_input_files import SCHEMA
from tests.predictions.upstreams.upstream_fixtures import (
    FakeUpstreams,
    accept,
    fake_upstreams,
    fresh,
    outcomes,
)

__all__ = ["fake_upstreams"]

pytestmark = pytest.mark.django_db(transaction=True)
PICTURE = factories.picture()
GONE = ProviderError("The service no longer has this output.", permanent=True)
BUSY = ProviderError("The host cannot be reached.", permanent=False)


@pytest.fixture
def four(db: None) -> Iterator[Version]:
    """A version that gives up to four pictures at a credit each."""
    schema = {
        **factories.INPUT_SCHEMA,
        "properties": {
            **factories.INPUT_SCHEMA["properties"],
            "num_outputs": {"type": "integer", "default": 1, "maximum": 4},
        },
    }
    yield factories.make_version(input_schema=schema)


def result(*addresses: str, **fields: Any) -> Update:
    refs = [OutputRef(f"out-{n}.png", "image/png", address) for n, address in enumerate(addresses)]
    return Update("succeeded", output=refs, **fields)


def begun(
    alice: User, version: Version, fake_upstreams: FakeUpstreams, update: Update, **files: Any
) -> Prediction:
    only = fake_upstreams.add("only")
    only.updates, only.files = [update], files
    prediction = accept(alice, version, num_outputs=4)
    tasks.start()
    fakes.watch_once()
    tasks.collect()
    return prediction


def test_those_that_came_are_delivered_and_paid_and_the_log_names_the_others(
    alice: User, four: Version, fake_upstreams: FakeUpstreams
) -> None:
    update = result("a", "b", "c", "d", logs="Using seed: 7")
    prediction = begun(
        alice, four, fake_upstreams, update, a=PICTURE, b=GONE, c=b"<html>sorry</html>", d=PICTURE
    )
    row = fresh(prediction)
    assert (row.status, len(row.output), row.charge) == ("succeeded", 2, 2 * MICRO)
    assert row.logs == "Using seed: 7\n[Of 4 outputs these could not be had and cost nothing: 2, 3.]\n"
    assert sorted(Output.objects.values_list("index", flat=True)) == [0, 3]
    assert factories.account_of(alice).balance == 98 * MICRO


def test_what_may_still_come_is_waited_for_and_then_delivered_whole(
    alice: User, four: Version, fake_upstreams: FakeUpstreams
) -> None:
    prediction = begun(alice, four, fake_upstreams, result("a", "b"), a=PICTURE, b=BUSY)
    row = fresh(prediction)
    assert (row.status, row.phase, row.collect_attempts) == ("processing", "result", 0)
    assert row.not_before is not None
    next(iter(fake_upstreams.ups.values())).files["b"] = PICTURE
    Prediction.objects.update(not_before=None)
    tasks.collect()
    assert (fresh(prediction).status, len(fresh(prediction).output)) == ("succeeded", 2)


def test_what_came_takes_no_room_while_the_rest_is_waited_for(
    alice: User, four: Version, fake_upstreams: FakeUpstreams
) -> None:
    prediction = begun(alice, four, fake_upstreams, result("a", "b", "c"), a=PICTURE, b=PICTURE, c=BUSY)
    for _round in range(3):
        assert fresh(prediction).phase == "result"
        assert quotas.used(factories.account_of(alice)) == 0
        Prediction.objects.update(not_before=None)
        tasks.collect()
    next(iter(fake_upstreams.ups.values())).files["c"] = PICTURE
    Prediction.objects.update(not_before=None)
    tasks.collect()
    removal.remove_unowned()
    assert len(fresh(prediction).output) == 3
    assert quotas.used(factories.account_of(alice)) == sum(StoredFile.objects.values_list("size", flat=True))
    assert set(StoredFile.objects.values_list("state", flat=True)) == {"kept"}


@pytest.mark.parametrize("meanwhile", ["ended", "taken over"])
def test_what_came_for_a_prediction_that_is_no_longer_ours_takes_no_room(
    alice: User, four: Version, fake_upstreams: FakeUpstreams, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    store = result_files.store

    def late(found: result_files.CollectedOutputs, *rest: Any) -> None:
        store(found, *rest)
        if meanwhile == "ended":
            lifecycle.fail(Prediction.objects.get().pk, "It broke.")
        else:
            Prediction.objects.update(claim="another")

    monkeypatch.setattr(result_files, "store", late)
    begun(alice, four, fake_upstreams, result("a", "b"), a=PICTURE, b=PICTURE)
    assert set(StoredFile.objects.values_list("state", flat=True)) == {"doomed"}
    assert quotas.used(factories.account_of(alice)) == 0


def test_what_came_takes_no_room_where_the_rest_breaks(
    alice: User, four: Version, fake_upstreams: FakeUpstreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: Any, **__: Any) -> None:
        raise ProviderError("It went away.", permanent=False)

    monkeypatch.setattr(result_files, "raise_if_unusable", lost)
    begun(alice, four, fake_upstreams, result("a", "b"), a=PICTURE, b=PICTURE)
    assert set(StoredFile.objects.values_list("state", flat=True)) == {"doomed"}
    assert quotas.used(factories.account_of(alice)) == 0


def test_after_the_patience_those_that_came_must_do(
    alice: User, four: Version, fake_upstreams: FakeUpstreams
) -> None:
    prediction = begun(alice, four, fake_upstreams, result("a", "b"), a=PICTURE, b=BUSY)
    Prediction.objects.update(not_before=None, job_seen_at=F("job_seen_at") - timedelta(hours=1))
    tasks.collect()
    row = fresh(prediction)
    assert (row.status, len(row.output), row.charge) == ("succeeded", 1, MICRO)


def test_after_the_patience_nothing_is_paid_for_nothing(
    alice: User, four: Version, fake_upstreams: FakeUpstreams
) -> None:
    prediction = begun(alice, four, fake_upstreams, result("a"), a=BUSY)
    Prediction.objects.update(not_before=None, job_seen_at=F("job_seen_at") - timedelta(hours=1))
    tasks.collect()
    row = fresh(prediction)
    assert (row.status, row.charge, outcomes(row)) == ("failed", 0, ["succeeded"])
    assert factories.account_of(alice).balance == 100 * MICRO


def test_outputs_that_are_gone_are_not_made_again(
    alice: User, four: Version, fake_upstreams: FakeUpstreams
) -> None:
    prediction = begun(alice, four, fake_upstreams, result("a", "b"), a=GONE, b=GONE)
    row = fresh(prediction)
    assert row.status == "failed" and "gone before they could be stored" in str(row.error)
    assert len(next(iter(fake_upstreams.ups.values())).orders) == 1


def test_an_output_in_the_answer_itself_stands_in_the_storage_and_not_in_the_row(
    alice: User, four: Version, fake_upstreams: FakeUpstreams
) -> None:
    picture = factories.picture() + bytes(64 * 1024)
    only = fake_upstreams.add("only")
    only.starts = [result(data_uri.build("image/png", picture))]
    prediction = accept(alice, four)
    fakes.start_once()
    address = fresh(prediction).result["files"][0]["address"]
    assert address.startswith("kept:") and StoredFile.objects.get().size == len(picture)
    tasks.collect()
    assert fresh(prediction).status == "succeeded"


def test_a_text_is_taken_whole_or_in_parts_as_the_schema_says(
    alice: User, fake_upstreams: FakeUpstreams
) -> None:
    parts = {"type": "array", "items": {"type": "string"}, "x-cog-array-type": "iterator"}
    text = factories.make_version(output_schema=parts, unit="run")
    fake_upstreams.add("only").updates = [
        Update("succeeded", output="once upon"),
        Update("succeeded", output={"a": 1}),
    ]
    first, second = accept(alice, text), accept(alice, text)
    fakes.work_off()
    tasks.collect()
    whole, other = sorted((fresh(first), fresh(second)), key=lambda row: row.status, reverse=True)
    assert (whole.status, whole.output, other.status) == ("succeeded", ["once upon"], "failed")
    assert "does not fit the model's output schema" in str(other.error)


def test_what_it_cost_the_operator_is_not_told_to_members(
    alice: User, four: Version, fake_upstreams: FakeUpstreams
) -> None:
    update = result("a", metrics={"predict_time": 2.0, "upstream_cost": 0.01})
    prediction = begun(alice, four, fake_upstreams, update, a=PICTURE)
    assert fresh(prediction).metrics == {"predict_time": 2.0}
    assert prediction.upstream_runs.get().cost == MICRO


# -- what goes out -------------------------------------------------------------------------------------------


def order(alice: User, fake_upstreams: FakeUpstreams, **given: str) -> Any:
    only = fake_upstreams.add("only")
    version = factories.make_version(input_schema=SCHEMA)
    from predictions.submit import acceptance, work_request

    acceptance.accept(work_request.Request(account=alice.account, user=alice, version=version, input=given))
    tasks.start()
    return only.orders[0]


def test_strangers_addresses_go_out_as_they_were_written(alice: User, fake_upstreams: FakeUpstreams) -> None:
    url = "https://pictures.example/a.png?x=1"
    sent = order(alice, fake_upstreams, image=url)
    assert (sent.input, sent.files) == ({"image": url}, {})


def test_a_data_uri_goes_out_as_its_bytes(alice: User, fake_upstreams: FakeUpstreams) -> None:
    sent = order(alice, fake_upstreams, image=data_uri.build("image/png", PICTURE), note="data:,x")
    file = sent.files["image"]
    assert (file.name, file.content_type, file.data, file.address) == (
        "image.png",
        "image/png",
        PICTURE,
        None,
    )
    assert sent.input == {"note": "data:,x"}


def test_own_files_go_out_as_bytes_with_an_address_that_opens_without_a_token(
    alice: User, fake_upstreams: FakeUpstreams, settings: Any, client: Any
) -> None:
    settings.PUBLIC_URL = "https://darkroom.example"
    settings.ALLOWED_HOSTS = ["*"]
    output = factories.make_output(factories.make_prediction(alice, status="succeeded"))
    upload = uploads.keep(alice, alice.account, uploads.Sent("a.png", "image/png", {}), [PICTURE])
    sent = order(
        alice,
        fake_upstreams,
        image=f"https://darkroom.example/f/{output.token}/{output.name}",
        mask=f"https://darkroom.example/v1/files/{upload.public_id}",
    )
    assert sent.input == {}
    for file in sent.files.values():
        assert file.data == PICTURE
        answer = client.get(file.address.removeprefix("https://darkroom.example"))
        assert answer.status_code == 200 and b"".join(answer.streaming_content) == PICTURE

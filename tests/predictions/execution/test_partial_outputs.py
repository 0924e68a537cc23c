"""Incremental outputs: each file is shown as soon as it is stored, and none twice."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import MICRO, User
from gallery.models import Item
from predictions import lifecycle, tasks
from predictions.execution import partial_outputs, result_files
from predictions.execution.provider_calls import calls
from predictions.models import Output, Phase, Prediction, StoredFile, Version
from predictions.providers.base import OutputRef, Update
from predictions.submit import acceptance, work_request
from tests import factories, fakes
from tests.fakes import FakeProvider

pytestmark = pytest.mark.django_db(transaction=True)

GROWS = {
    "type": "array", "items": {"type": "string", "format": "uri"}, "title": "Output",
    "x-cog-array-type": "iterator",
}  # fmt: skip


@pytest.fixture
def growing(alice: User, provider: FakeProvider) -> Prediction:
    """Alice's prediction of a model whose list of pictures grows, at work at the provider."""
    provider.files = {str(n): factories.picture(48 + n, 40) for n in range(4)}
    version = factories.make_version(output_schema=GROWS, unit="run")
    request = work_request.Request(
        account=alice.account, user=alice, version=version, input={"prompt": "from a cat to a dog"}
    )
    prediction = acceptance.accept(request)
    tasks.start()
    return prediction


def refs(count: int) -> list[OutputRef]:
    return [OutputRef(name=f"output-{n}.png", content_type="image/png", address=str(n)) for n in range(count)]


def seen(provider: FakeProvider, count: int, kind: Any = "processing") -> None:
    """The watcher finds so many files ready, then the workers work."""
    provider.updates = [Update(kind, output=refs(count), logs="Using seed: 7\n", progress=0.2 * count)]
    fakes.watch_once()
    Prediction.objects.update(look_at=None if kind == "succeeded" else "2020-01-01T00:00:00Z")
    tasks.collect()


def fresh(prediction: Prediction) -> Prediction:
    return Prediction.objects.select_related("model", "version", "price").get(pk=prediction.pk)


def test_each_file_is_shown_once_it_is_stored_and_the_last_list_begins_with_those(
    growing: Prediction, provider: FakeProvider, client: Client
) -> None:
    lengths, addresses = [], []
    for count in (1, 3):
        seen(provider, count)
        shown = fresh(growing)
        assert (shown.status, shown.phase) == ("processing", Phase.RUNNING)
        lengths.append(len(shown.output))
        addresses.append(shown.output)
        for place, path in enumerate(shown.output):
            answer = client.get(path)
            assert (
                answer.status_code == 200 and b"".join(answer.streaming_content) == provider.files[str(place)]
            )  # type: ignore[attr-defined]
    assert lengths == [1, 3] and addresses[1][:1] == addresses[0]
    assert not Item.objects.exists()
    seen(provider, 4, "succeeded")
    ended = fresh(growing)
    assert ended.status == "succeeded" and ended.output[:3] == addresses[1] and len(ended.output) == 4
    assert list(Output.objects.order_by("index").values_list("index", flat=True)) == [0, 1, 2, 3]
    assert Item.objects.count() == 4 and ended.charge == MICRO
    assert not StoredFile.objects.exclude(state="kept").exists()


def test_the_same_files_seen_again_are_no_news(growing: Prediction, provider: FakeProvider) -> None:
    seen(provider, 2)
    before = fresh(growing)
    seen(provider, 2)
    after = fresh(growing)
    assert after.output == before.output and Output.objects.count() == 2
    seen(provider, 2)
    assert fresh(growing).revision == after.revision


def test_a_cancel_removes_what_was_shown_and_gives_the_hold_back(
    growing: Prediction, provider: FakeProvider, alice: User, client: Client
) -> None:
    seen(provider, 2)
    (path, _) = fresh(growing).output
    assert factories.account_of(alice).held == MICRO
    lifecycle.cancel(growing.public_id)
    ended = fresh(growing)
    assert (ended.status, ended.output) == ("canceled", None)
    assert factories.account_of(alice).held == 0
    assert client.get(path).status_code == 404
    assert not Output.objects.exists()
    assert set(StoredFile.objects.values_list("state", flat=True)) == {"doomed"}


@pytest.mark.parametrize("how", ["provider", "limit"])
def test_a_failure_removes_what_was_shown(growing: Prediction, provider: FakeProvider, how: str) -> None:
    seen(provider, 2)
    if how == "provider":
        provider.updates = [Update("failed", error="Out of paint.", output=refs(2))]
        fakes.watch_once()
    else:
        lifecycle.fail(growing.pk, "Too long.")
    ended = fresh(growing)
    assert (ended.status, ended.output, ended.charge) == ("failed", None, 0)
    assert not Output.objects.exists() and not StoredFile.objects.filter(state="kept").exists()


def test_what_is_stored_too_late_is_not_shown(
    growing: Prediction, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The prediction ends while a worker fetches: nothing of it comes back to life."""
    store = result_files.store

    def slowly(*args: Any) -> None:
        store(*args)
        lifecycle.cancel(growing.public_id)

    monkeypatch.setattr(result_files, "store", slowly)
    seen(provider, 1)
    ended = fresh(growing)
    assert (ended.status, ended.output) == ("canceled", None) and not Output.objects.exists()
    assert set(StoredFile.objects.values_list("state", flat=True)) == {"doomed"}


def test_of_two_workers_the_second_shows_nothing_twice(growing: Prediction, provider: FakeProvider) -> None:
    provider.updates = [Update("processing", output=refs(1))]
    fakes.watch_once()
    row = fresh(growing)
    for _ in range(2):
        with calls() as mine:
            partial_outputs.fetch_announced(row, provider, mine)
            mine.until_done(lambda: None, 10)
    assert len(fresh(growing).output) == 1 and Output.objects.count() == 1


def test_a_run_that_is_made_again_goes_on_where_readers_are(
    growing: Prediction, provider: FakeProvider
) -> None:
    seen(provider, 2)
    shown = fresh(growing).output
    Prediction.objects.update(look_at="2020-01-01T00:00:00Z")
    provider.updates = [Update("lost")]
    fakes.watch_once()
    tasks.start()
    assert fresh(growing).output == shown
    seen(provider, 1)
    assert fresh(growing).output == shown
    seen(provider, 4, "succeeded")
    assert fresh(growing).output[:2] == shown and Item.objects.count() == 4


def test_a_plain_list_of_files_is_shown_at_its_end_only(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    request = work_request.Request(
        account=alice.account, user=alice, version=version, input={"prompt": "a cat"}
    )
    prediction = acceptance.accept(request)
    tasks.start()
    provider.files = {"0": factories.picture(), "1": factories.picture()}
    seen(provider, 1)
    assert fresh(prediction).output is None and not Output.objects.exists()


def test_a_file_that_is_no_picture_waits_for_the_end(growing: Prediction, provider: FakeProvider) -> None:
    provider.files["1"] = b"nothing that can be looked at"
    seen(provider, 3)
    assert len(fresh(growing).output) == 1


def test_lists_whose_files_cannot_be_had_hide_no_other(growing: Prediction, provider: FakeProvider) -> None:
    announced = {"files": [{"name": "output-0.png", "content_type": "image/png", "address": "gone"}]}
    for _ in range(partial_outputs.MAX_CONCURRENT + 1):
        factories.make_prediction(
            growing.user,
            growing.version,
            status="processing",
            phase=Phase.RUNNING,
            provider=provider.name,
            result=announced,
            started_at=growing.created_at,
        )
    provider.updates = [Update("processing", output=refs(1))]
    fakes.watch_once()
    Prediction.objects.filter(pk=growing.pk).update(started_at=timezone.now())
    for _ in range(60):  # in no order: that it never had its turn is as likely as nothing is
        tasks.collect()
        if fresh(growing).output:
            break
    assert len(fresh(growing).output or []) == 1

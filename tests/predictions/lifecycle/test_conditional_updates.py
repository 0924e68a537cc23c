"""Conditional writes of the lifecycle: late or repeated ones change nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.models import MICRO, User
from predictions import lifecycle, tasks
from predictions.files import media, removal, uploads
from predictions.lifecycle import strays
from predictions.lifecycle.leases import COLLECT_PATIENCE
from predictions.models import Phase, Prediction, StoredFile, UploadUse, UpstreamRun, Version
from predictions.providers.base import Update
from predictions.providers.provider_names import provider_name
from tests import factories, fakes
from tests.fakes import FakeProvider
from tests.predictions.lifecycle.test_lifecycle import accept, fresh
from tests.predictions.upstreams import upstream_rows

pytestmark = pytest.mark.django_db(transaction=True)


def collecting(prediction: Prediction, claim: str) -> Prediction:
    """The same, in the hands of a worker that fetches its files."""
    Prediction.objects.filter(pk=prediction.pk).update(
        phase=Phase.COLLECTING, claim=claim, status="processing", lease_until=timezone.now()
    )
    return fresh(prediction)


def test_more_files_than_were_asked_for_cost_no_more_than_was_said(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    prediction = accept(alice, version)
    provider.updates = [fakes.done(3)]
    fakes.work_off()
    assert (prediction.ceiling, fresh(prediction).charge) == (MICRO, MICRO)


def test_what_was_begun_before_and_waits_again_is_canceled_and_not_aborted(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    prediction = accept(alice, version)
    Prediction.objects.filter(pk=prediction.pk).update(start_attempts=1)
    assert lifecycle.cancel(prediction.public_id).status == "canceled"


def test_data_of_what_has_not_ended_stays(alice: User, version: Version, provider: FakeProvider) -> None:
    prediction = accept(alice, version)
    assert not lifecycle.remove_data(prediction.pk)
    assert fresh(prediction).input == prediction.input
    lifecycle.cancel(prediction.public_id)
    assert lifecycle.remove_data(prediction.pk) and not lifecycle.remove_data(prediction.pk)
    assert fresh(prediction).input == {}


def test_a_worker_renews_its_own_claim_alone(alice: User, version: Version, provider: FakeProvider) -> None:
    row = collecting(accept(alice, version), "a" * 32)
    assert not lifecycle.renew(row, "b" * 32) and fresh(row).lease_until == row.lease_until
    assert lifecycle.renew(row, "a" * 32) and fresh(row).lease_until > row.lease_until


@pytest.mark.parametrize(("age_s", "again"), [(COLLECT_PATIENCE - 60, True), (COLLECT_PATIENCE + 60, False)])
def test_a_file_that_cannot_be_had_is_asked_for_until_its_result_is_too_old(
    alice: User, version: Version, provider: FakeProvider, age_s: float, again: bool
) -> None:
    row = collecting(accept(alice, version), "a" * 32)
    seen = timezone.now() - timedelta(seconds=age_s)
    Prediction.objects.filter(pk=row.pk).update(job_seen_at=seen, collect_attempts=1)
    assert lifecycle.collect_later(row, "a" * 32, 10, result={}) is again
    assert (fresh(row).phase == Phase.RESULT) is again


def test_a_look_that_comes_after_anothers_writes_nothing(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    prediction = accept(alice, version)
    tasks.start()
    row = fresh(prediction)
    assert lifecycle.note(row, Update("processing", logs="1\n2\n"), 1)
    assert not lifecycle.note(row, Update("processing", logs="1\n"), 1)
    assert fresh(row).logs == "1\n2\n"


def test_what_became_of_an_earlier_run_says_nothing_of_this_one(alice: User, version: Version) -> None:
    key = upstream_rows.make_key(upstream_rows.make_upstream())
    prediction = factories.make_prediction(alice, version, provider=provider_name(key.pk), run=2)
    first = UpstreamRun.objects.create(prediction=prediction, upstream=key.upstream, key=key, run=1)
    assert strays.run_of(prediction) is None
    prediction.run = 1
    assert strays.run_of(prediction) == first


def test_a_place_that_came_to_be_owned_is_not_given_up() -> None:
    owned, pending = (factories.make_stored_file(state=state) for state in ("kept", "pending"))
    media.doom_pending([owned, pending])
    states = dict(StoredFile.objects.values_list("pk", "state"))
    assert states == {owned.pk: "kept", pending.pk: "doomed"}


def test_an_upload_that_goes_before_its_prediction_comes_is_missed(alice: User, version: Version) -> None:
    kept, gone = (factories.make_upload(alice) for _ in range(2))
    uploads.take_away(gone.pk)
    prediction = factories.make_prediction(alice, version)
    with pytest.raises(uploads.UploadGone), transaction.atomic():
        uploads.note_uses(alice.account, {prediction.pk: [kept.public_id, gone.public_id]})
    assert not UploadUse.objects.exists()


def test_a_place_whose_owner_comes_while_others_are_removed_keeps_its_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stale = [factories.make_stored_file(state="pending") for _ in range(2)]
    StoredFile.objects.update(created_at=timezone.now() - timedelta(days=1))
    storage: Any = media.storage()
    delete = storage.delete

    def slowly(key: str) -> None:
        delete(key)
        media.keep([stale[1]])

    monkeypatch.setattr(storage, "delete", slowly)
    assert removal.remove_unowned() == 1
    assert list(StoredFile.objects.values_list("pk", "state")) == [(stale[1].pk, "kept")]
    assert storage.exists(stale[1].key)

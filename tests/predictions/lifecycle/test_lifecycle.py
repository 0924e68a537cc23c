"""The life of one prediction, step by step, with a fake provider."""

from __future__ import annotations

import pytest

from accounts.models import MICRO, LedgerEntry, User
from gallery.models import Item
from predictions import lifecycle, tasks
from predictions.models import Output, Phase, Prediction, Status, StoredFile, Version
from predictions.providers.base import AnswerLost, Job, ProviderError, Update
from predictions.submit import acceptance, work_request
from tests import factories, fakes
from tests.fakes import FakeProvider

pytestmark = pytest.mark.django_db(transaction=True)


def accept(user: User, version: Version, **given: object) -> Prediction:
    request = work_request.Request(
        account=user.account, user=user, version=version, input={"prompt": "a cat", **given}
    )
    return acceptance.accept(request)


def fresh(prediction: Prediction) -> Prediction:
    return Prediction.objects.select_related("model", "version", "price").get(pk=prediction.pk)


def test_it_ends_succeeded_with_its_file_stored_its_item_made_and_its_price_paid(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    prediction = accept(alice, version)
    assert factories.account_of(alice).held == MICRO
    fakes.work_off()
    prediction = fresh(prediction)
    assert (prediction.status, prediction.phase, prediction.charge) == (Status.SUCCEEDED, Phase.ENDED, MICRO)
    output = Output.objects.get()
    assert prediction.output == [f"/f/{output.token}/out-0.png"]
    assert factories.stored(output.file) == provider.files["0"]
    assert (output.file.state, output.file.width, output.file.height) == ("kept", 64, 48)
    assert (
        output.small is not None and output.medium is not None and output.blur.startswith("data:image/webp")
    )
    assert Item.objects.get().visibility == "private"
    account = factories.account_of(alice)
    assert (account.balance, account.held) == (99 * MICRO, 0)
    assert provider.released == [prediction.job_id]


def test_it_gives_the_hold_back_when_the_run_fails(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    provider.updates = [Update("failed", error="Out of paint.\nSorry.", logs="Using seed: 1\n")]
    prediction = accept(alice, version)
    fakes.work_off()
    prediction = fresh(prediction)
    assert (prediction.status, prediction.error, prediction.charge) == ("failed", "Out of paint. Sorry.", 0)
    account = factories.account_of(alice)
    assert (account.balance, account.held) == (100 * MICRO, 0)


def test_it_charges_only_for_what_came(alice: User, provider: FakeProvider) -> None:
    schema = {**factories.INPUT_SCHEMA}
    schema["properties"] = {
        **schema["properties"],
        "num_outputs": {"type": "integer", "default": 1, "maximum": 4},
    }
    version = factories.make_version(input_schema=schema)
    prediction = accept(alice, version, num_outputs=4)
    assert prediction.ceiling == 4 * MICRO
    provider.updates = [fakes.done(3)]
    fakes.work_off()
    assert fresh(prediction).charge == 3 * MICRO
    assert factories.account_of(alice).balance == 97 * MICRO


def test_it_waits_while_the_provider_refuses_for_now(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    provider.starts = [ProviderError("busy", permanent=False, refused=True, retry_after=60)]
    prediction = accept(alice, version)
    tasks.start()
    prediction = fresh(prediction)
    assert (prediction.phase, prediction.start_attempts, prediction.upstream_open) == ("waiting", 0, False)
    assert prediction.not_before is not None and len(provider.orders) == 1


def test_it_fails_and_refunds_what_the_provider_will_never_take(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    provider.starts = [ProviderError("no", permanent=True, refused=True)]
    prediction = accept(alice, version)
    tasks.start()
    assert fresh(prediction).status == "failed"
    assert factories.account_of(alice).balance == 100 * MICRO


def test_a_lost_answer_is_repeated_with_the_same_key_to_the_same_provider(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    provider.starts = [AnswerLost("gone")]
    prediction = accept(alice, version)
    tasks.start()
    assert fresh(prediction).phase == "claimed"
    _end_leases()
    fakes.work_off()
    assert fresh(prediction).status == "succeeded"
    first, second = provider.orders
    assert first.key == second.key


def test_a_job_that_the_provider_lost_runs_again_under_a_new_key(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    provider.updates = [Update("lost")]
    prediction = accept(alice, version)
    fakes.work_off()
    fakes.work_off()
    prediction = fresh(prediction)
    assert (prediction.status, prediction.run) == ("succeeded", 1)
    first, second = provider.orders
    assert first.key != second.key


def test_files_that_are_gone_before_they_were_stored_make_it_run_again(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    provider.files = {}
    prediction = accept(alice, version)
    fakes.work_off()
    assert fresh(prediction).phase == "waiting"
    provider.files = {"0": factories.picture()}
    fakes.work_off()
    assert fresh(prediction).status == "succeeded"


def test_a_file_that_is_no_picture_fails_it_and_costs_nothing(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    provider.files = {"0": b"<html>not a picture</html>"}
    prediction = accept(alice, version)
    fakes.work_off()
    prediction = fresh(prediction)
    assert prediction.status == "failed" and "not a readable picture" in (prediction.error or "")
    assert factories.account_of(alice).balance == 100 * MICRO


def test_what_stops_its_worker_three_times_is_set_aside_and_refunded(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    prediction = accept(alice, version)
    for attempt in (1, 2, 3):
        claimed = lifecycle.claim_starts(16)
        assert [one.prediction.start_attempts for one in claimed] == [attempt]
        _end_leases()
    prediction = fresh(prediction)
    assert (prediction.status, prediction.charge) == ("failed", 0)
    assert "set aside" in (prediction.error or "")
    assert factories.account_of(alice).balance == 100 * MICRO


def test_a_suspect_runs_alone(alice: User, bob: User, version: Version, provider: FakeProvider) -> None:
    suspect = accept(alice, version)
    Prediction.objects.filter(pk=suspect.pk).update(start_attempts=2)
    innocent = accept(bob, version)
    assert [one.prediction.pk for one in lifecycle.claim_starts(16)] == [suspect.pk]
    assert lifecycle.claim_starts(16) == []
    lifecycle.cancel(suspect.public_id)
    tasks.cancel()
    assert [one.prediction.pk for one in lifecycle.claim_starts(16)] == [innocent.pk]


def test_a_worker_whose_lease_ended_changes_nothing(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    accept(alice, version)
    late = lifecycle.claim_starts(16)[0]
    _end_leases()
    now = lifecycle.claim_starts(16)[0]
    assert not lifecycle.begin(late.prediction, late.claim, Job("late"), 60)
    lifecycle.release(late.prediction, late.claim, 60)
    assert lifecycle.begin(now.prediction, now.claim, Job("now"), 60)
    assert fresh(now.prediction).job_id == "now"


def test_cancel_returns_the_hold_at_once_and_calls_the_provider_off(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    prediction = accept(alice, version)
    tasks.start()
    canceled = lifecycle.cancel(prediction.public_id)
    assert (canceled.status, canceled.upstream_open) == ("canceled", True)
    assert factories.account_of(alice).balance == 100 * MICRO
    tasks.cancel()
    assert provider.canceled == [canceled.job_id] and not fresh(prediction).upstream_open


def test_a_slot_stays_taken_until_the_provider_confirms_the_cancel(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    provider.limit, provider.cancel_answer = 1, False
    first, second = accept(alice, version), accept(alice, version)
    tasks.start()
    lifecycle.cancel(first.public_id)
    tasks.cancel()
    tasks.start()
    assert fresh(second).phase == "waiting"
    provider.cancel_answer = True
    Prediction.objects.filter(pk=first.pk).update(lease_until=None)
    tasks.cancel()
    tasks.start()
    assert fresh(second).phase == "running"


def test_what_was_canceled_before_anything_was_claimed_is_aborted_inside_and_canceled_outside(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    prediction = lifecycle.cancel(accept(alice, version).public_id)
    assert (prediction.status, prediction.shown_status) == ("aborted", "canceled")
    assert provider.orders == []


def test_a_cancel_that_comes_after_the_result_is_too_late(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    prediction = accept(alice, version)
    tasks.start()
    fakes.watch_once()
    assert lifecycle.cancel(prediction.public_id).status == "processing"
    tasks.collect()
    assert fresh(prediction).status == "succeeded"


def test_a_success_that_arrives_after_the_cancel_is_dropped(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    prediction = accept(alice, version)
    tasks.start()
    running = fakes.running()
    lifecycle.cancel(prediction.public_id)
    assert not lifecycle.store_result(running, fakes.done())
    assert fresh(prediction).status == "canceled"
    assert not Output.objects.exists()


def test_a_gallery_that_breaks_rolls_the_end_back_and_loses_no_picture(
    alice: User, version: Version, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    prediction = accept(alice, version)
    tasks.start()
    fakes.watch_once()
    with monkeypatch.context() as broken:
        broken.setattr(Item.objects, "bulk_create", _broken)
        with pytest.raises(RuntimeError):
            tasks.collect()
    assert (fresh(prediction).status, Output.objects.count()) == ("processing", 0)
    _end_leases()
    tasks.collect()
    assert fresh(prediction).status == "succeeded"
    assert StoredFile.objects.filter(state="kept").count() == 3


def test_a_deadline_cancels_and_the_limit_of_work_fails(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    asked = accept(alice, version)
    limited = accept(alice, version)
    past = asked.created_at.replace(year=2020)
    Prediction.objects.filter(pk=asked.pk).update(deadline=past)
    Prediction.objects.filter(pk=limited.pk).update(must_end_by=past)
    assert lifecycle.expire() == 2
    assert fresh(asked).shown_status == "canceled"
    assert fresh(limited).status == "failed"
    assert factories.account_of(alice).balance == 100 * MICRO


def test_every_end_has_exactly_one_settle_row(alice: User, version: Version, provider: FakeProvider) -> None:
    prediction = accept(alice, version)
    fakes.work_off()
    lifecycle.cancel(prediction.public_id)
    lifecycle.fail(prediction.pk, "late")
    rows = LedgerEntry.objects.filter(reference=prediction.public_id).values_list("kind", flat=True)
    assert sorted(rows) == ["hold", "settle"]


def _broken(*args: object, **kwargs: object) -> None:
    raise RuntimeError("the gallery is out")


def _end_leases() -> None:
    from django.utils import timezone

    Prediction.objects.filter(lease_until__isnull=False).update(lease_until=timezone.now().replace(year=2020))
    lifecycle.take_back()


def test_a_loss_seen_too_late_does_not_end_what_has_its_result(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    prediction = accept(alice, version)
    tasks.start()
    stale = fakes.running()
    stale.start_attempts = 3
    assert lifecycle.store_result(stale, fakes.done())
    lifecycle.lost(stale)
    tasks.collect()
    assert fresh(prediction).status == "succeeded"

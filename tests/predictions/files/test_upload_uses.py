"""Uploads stay for the predictions that name them, and nothing that is needed holds back what is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from predictions import lifecycle, tasks
from predictions.files import uploads
from predictions.models import Prediction, Upload, Version
from predictions.submit import acceptance, refusals, work_request
from tests import factories, fakes
from tests.fakes import FakeProvider, provider
from tests.support import races

__all__ = ["provider"]
pytestmark = pytest.mark.django_db(transaction=True)
ORIGIN = "http://testserver"
URI = {"type": "string", "format": "uri"}


@pytest.fixture
def looker(db: None) -> Version:
    """A model that looks at one picture, or at several."""
    properties = {"prompt": {"type": "string"}, "image": URI, "more": {"type": "array", "items": URI}}
    return factories.make_version(input_schema={"type": "object", "properties": properties})


def address(upload: Upload) -> str:
    return f"{ORIGIN}/v1/files/{upload.public_id}"


def ask(user: User, version: Version, **given: Any) -> Prediction:
    account = factories.account_of(user)
    return acceptance.accept(work_request.Request(account, user, version, given, origin=ORIGIN))


def is_there(upload: Upload) -> bool:
    return Upload.objects.filter(pk=upload.pk).exists()


def test_a_prompt_that_lists_uploads_keeps_none_of_them_and_nobody_elses(
    alice: User, bob: User, version: Version, provider: FakeProvider
) -> None:
    listed = [factories.make_upload(alice, b"%d" % number) for number in range(20)]
    bobs = factories.make_upload(bob)
    ask(alice, version, prompt=" ".join(address(one) for one in listed))
    Upload.objects.update(deleted_at="2020-01-01T00:00:00Z")
    while uploads.remove_unneeded():
        pass
    assert not is_there(bobs)
    assert not Upload.objects.exists()


def test_what_is_needed_holds_nobody_elses_back(
    alice: User, bob: User, looker: Version, provider: FakeProvider
) -> None:
    needed = [factories.make_upload(alice, b"%d" % number) for number in range(12)]
    ask(alice, looker, more=[address(one) for one in needed])
    bobs = factories.make_upload(bob)
    Upload.objects.update(expires_at="2020-01-01T00:00:00Z")
    assert uploads.remove_unneeded(10) == 1
    assert not is_there(bobs) and all(is_there(one) for one in needed)


def test_removing_reads_no_input_however_many_wait(
    alice: User, looker: Version, provider: FakeProvider
) -> None:
    kept = factories.make_upload(alice)
    for _number in range(5):
        ask(alice, looker, image=address(kept), prompt="long " * 4000)
    for number in range(20):
        uploads.take_away(factories.make_upload(alice, b"%d" % number).pk)
    with CaptureQueriesContext(connection) as queries:
        assert uploads.remove_unneeded() == 20
    assert not [one["sql"] for one in queries if '"input"' in one["sql"]]
    assert len(queries) < 40


def test_a_delete_is_not_held_up_by_what_waits(alice: User, looker: Version, provider: FakeProvider) -> None:
    kept = factories.make_upload(alice)
    ask(alice, looker, image=address(kept), prompt="long " * 4000)
    with CaptureQueriesContext(connection) as queries:
        uploads.delete(kept)
    assert not [one["sql"] for one in queries if '"input"' in one["sql"]]
    assert is_there(kept)


@pytest.mark.parametrize("field", ["image", "more"])
def test_an_upload_that_an_input_names_stays_until_its_prediction_ends(
    alice: User, looker: Version, provider: FakeProvider, field: str
) -> None:
    upload = factories.make_upload(alice)
    made = ask(alice, looker, **{field: address(upload) if field == "image" else [address(upload)]})
    uploads.delete(upload)
    assert uploads.remove_unneeded() == 0 and is_there(upload)
    lifecycle.cancel(made.public_id)
    assert uploads.remove_unneeded() == 1 and not is_there(upload)


def _succeed(_made: Prediction) -> None:
    fakes.work_off()


def _fail(made: Prediction) -> None:
    lifecycle.fail(made.pk, "It broke.")


def _expire(made: Prediction) -> None:
    Prediction.objects.filter(pk=made.pk).update(must_end_by="2020-01-01T00:00:00Z")
    lifecycle.expire()


def _fail_at_the_provider(made: Prediction) -> None:
    tasks.start()
    lifecycle.fail_running(Prediction.objects.select_related("version").get(pk=made.pk), "It broke.")


@pytest.mark.parametrize("end", [_succeed, _fail, _expire, _fail_at_the_provider])
def test_each_kind_of_end_lets_go_of_it(
    alice: User, looker: Version, provider: FakeProvider, end: Callable[[Prediction], None]
) -> None:
    upload = factories.make_upload(alice)
    made = ask(alice, looker, image=address(upload))
    uploads.delete(upload)
    end(made)
    assert Prediction.objects.get().is_ended
    assert uploads.remove_unneeded() == 1


def test_two_predictions_need_it_until_the_last_of_them_ends(
    alice: User, looker: Version, provider: FakeProvider
) -> None:
    upload = factories.make_upload(alice)
    first, second = (ask(alice, looker, image=address(upload), more=[address(upload)]) for _ in range(2))
    uploads.delete(upload)
    lifecycle.cancel(first.public_id)
    assert uploads.remove_unneeded() == 0
    lifecycle.cancel(second.public_id)
    assert uploads.remove_unneeded() == 1


def test_an_end_that_is_rolled_back_keeps_it(alice: User, looker: Version, provider: FakeProvider) -> None:
    upload = factories.make_upload(alice)
    made = ask(alice, looker, image=address(upload))
    uploads.delete(upload)
    with pytest.raises(RuntimeError), transaction.atomic():
        lifecycle.cancel(made.public_id)
        raise RuntimeError("killed")
    assert uploads.remove_unneeded() == 0 and is_there(upload)


def test_what_is_refused_uses_nothing(charlie: User, looker: Version, provider: FakeProvider) -> None:
    upload = factories.make_upload(charlie)
    with pytest.raises(refusals.InsufficientCredit):
        ask(charlie, looker, image=address(upload))
    uploads.delete(upload)
    assert not is_there(upload)


def test_a_list_that_names_a_file_of_somebody_else_is_refused(
    alice: User, bob: User, looker: Version, provider: FakeProvider
) -> None:
    theirs = factories.make_upload(bob)
    with pytest.raises(refusals.InvalidInput) as refused:
        ask(alice, looker, more=[address(theirs)])
    assert refused.value.faults[0].field == "input.more"


def test_a_file_that_goes_while_it_is_named_is_either_kept_or_refused(
    alice: User, looker: Version, provider: FakeProvider
) -> None:
    for _round in range(8):
        upload = factories.make_upload(alice)

        def create(upload: Upload = upload) -> Any:
            return ask(alice, looker, image=address(upload))

        def remove(upload: Upload = upload) -> Any:
            uploads.delete(upload)
            return uploads.remove_unneeded()

        made, gone = races.together([create, remove])
        assert not isinstance(gone, Exception), gone
        if isinstance(made, Prediction):
            assert is_there(upload)
            lifecycle.cancel(made.public_id)
        else:
            assert isinstance(made, refusals.InvalidInput), made
            assert made.faults[0].field == "input.image"
        uploads.remove_unneeded()
        assert not is_there(upload)


def test_a_file_that_a_moderator_takes_goes_at_once(
    alice: User, looker: Version, provider: FakeProvider
) -> None:
    upload = factories.make_upload(alice)
    made = ask(alice, looker, image=address(upload))
    with transaction.atomic():
        assert uploads.hand_over(upload.pk) == upload.file
    assert not is_there(upload)
    tasks.start()
    made.refresh_from_db()
    assert made.status == "failed" and "no such file" in (made.error or "")

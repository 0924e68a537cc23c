"""Quotas of an account: live predictions, their inputs, uploads, and stored bytes."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db.models import F, Sum
from django.test import Client
from PIL import Image

from accounts import credits
from accounts.models import MICRO, Plan, User
from predictions import availability, lifecycle
from predictions.files import media, removal, uploads
from predictions.image_safety import upload_checks
from predictions.models import AccountUsage, Prediction, StoredFile, Upload, UploadUse, Version
from predictions.submit import acceptance, quotas, refusals, work_request
from tests import factories, fakes
from tests.fakes import FakeProvider, provider
from tests.runner.sampling import one_in
from tests.support import races

__all__ = ["provider"]
pytestmark = pytest.mark.django_db(transaction=True)
MB = 1024 * 1024


def ask(user: User, version: Version, **given: Any) -> Prediction:
    return acceptance.accept(
        work_request.Request(factories.account_of(user), user, version, given or {"prompt": "a cat"})
    )


def ask_many(user: User, version: Version, count: int) -> list[Prediction]:
    account = factories.account_of(user)
    request = work_request.Request(account, user, version, {"prompt": "a cat"})
    return acceptance.accept_all([request] * count)


def audit() -> list[str]:
    out = io.StringIO()
    try:
        call_command("audit", stdout=out)
    except CommandError:
        return out.getvalue().splitlines()
    return []


def stored(user: User) -> int:
    """Bytes of all files that there are of the account."""
    return sum(StoredFile.objects.exclude(state="doomed").values_list("size", flat=True))


def send(user: User, content: bytes) -> Any:
    return Client().post(
        "/v1/files",
        {"content": SimpleUploadedFile("a.bin", content)},
        headers={"Authorization": f"Bearer {factories.make_token(user)}"},
    )


# -- How many may wait ---------------------------------------------------------------------------------------


def test_so_many_predictions_may_wait_and_no_more_until_one_has_ended(
    alice: User, bob: User, version: Version, provider: FakeProvider, settings: Any
) -> None:
    settings.WAITING_LIMIT = 3
    made = [ask(alice, version) for _ in range(3)]
    with pytest.raises(refusals.Refused) as refused:
        ask(alice, version)
    assert (refused.value.status, refused.value.title) == (429, "Too many predictions waiting")
    assert "Nothing was charged" in refused.value.detail
    assert factories.account_of(alice).held == 3 * MICRO
    assert ask(bob, version).public_id
    lifecycle.cancel(made[0].public_id)
    assert ask(alice, version).public_id
    assert Prediction.objects.live().filter(account=alice.account_id).count() == 3
    assert audit() == []


@pytest.mark.parametrize("end", ["cancel", "fail", "work_off"])
def test_files_in_an_input_take_no_room_after_an_end_in_vain(
    end: str, alice: User, provider: FakeProvider, settings: Any
) -> None:
    picture = {"type": "string", "format": "uri"}
    properties = {"prompt": {"type": "string"}, "image": picture, "more": {"type": "array", "items": picture}}
    version = factories.make_version(input_schema={"type": "object", "properties": properties})
    large, small = "data:image/png;base64," + "A" * 100_000, "data:text/plain,hello"
    made = ask(alice, version, prompt="a cat", image=large, more=[large, small])
    kept = ask(alice, version, prompt="a cat", image=small)
    assert Prediction.objects.get(pk=made.pk).input["image"] == large
    for one in (made, kept):
        if end == "cancel":
            lifecycle.cancel(one.public_id)
        elif end == "fail":
            assert lifecycle.fail(one.pk, "It broke.")
    if end == "work_off":
        fakes.work_off()
    made.refresh_from_db()
    kept.refresh_from_db()
    assert made.phase == kept.phase == "ended"
    if end == "work_off":
        assert made.input == {"prompt": "a cat", "image": large, "more": [large, small]}, "it was paid for"
    else:
        assert made.input["prompt"] == "a cat" and len(str(made.input)) < 1000
        assert "100022 characters" in made.input["image"] and not made.input["image"].startswith("data:")
    assert kept.input["image"] == small, "small ones stay as they were sent"
    assert audit() == []


@pytest.mark.parametrize("end", ["work_off", "fail", "expire"])
def test_each_kind_of_end_makes_room(
    alice: User, version: Version, provider: FakeProvider, settings: Any, end: str
) -> None:
    settings.WAITING_LIMIT = 1
    made = ask(alice, version)
    if end == "work_off":
        fakes.work_off()
    elif end == "fail":
        lifecycle.fail(made.pk, "It broke.")
    else:
        Prediction.objects.update(must_end_by="2020-01-01T00:00:00Z")
        lifecycle.expire()
    assert ask(alice, version).public_id
    assert audit() == []


def test_many_at_once_never_pass_the_limit_together(
    alice: User, version: Version, provider: FakeProvider, settings: Any
) -> None:
    settings.WAITING_LIMIT = 5
    answers = races.together([lambda: ask(alice, version)] * 12)
    assert sum(isinstance(one, Prediction) for one in answers) == 5
    assert all(isinstance(one, Prediction | refusals.Refused) for one in answers), answers
    assert Prediction.objects.count() == 5 and factories.account_of(alice).held == 5 * MICRO
    assert audit() == []


def test_ends_and_creates_at_once_keep_the_count(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    made = [ask(alice, version) for _ in range(6)]
    ends = [lambda one=one: lifecycle.cancel(one.public_id) for one in made]
    answers = races.together([*ends, *ends, *[lambda: ask(alice, version)] * 6])
    assert not [one for one in answers if isinstance(one, Exception)]
    assert audit() == []


def test_several_of_one_wish_are_all_taken_or_none(
    alice: User, version: Version, provider: FakeProvider, settings: Any
) -> None:
    settings.WAITING_LIMIT = 5
    ask_many(alice, version, 3)
    with pytest.raises(refusals.Refused):
        ask_many(alice, version, 3)
    assert Prediction.objects.count() == 3
    assert len(ask_many(alice, version, 2)) == 2


def test_more_of_one_wish_than_may_ever_wait_are_no_reason_to_try_again(
    alice: User, version: Version, provider: FakeProvider, settings: Any
) -> None:
    settings.WAITING_LIMIT = 3
    with pytest.raises(refusals.InvalidInput) as refused:
        ask_many(alice, version, 4)
    fault = refused.value.faults[0]
    assert (fault.type, fault.field) == ("too_many", "input") and "3 of this account" in fault.description
    assert factories.account_of(alice).held == 0


def test_more_pictures_of_one_wish_than_there_is_room_for_are_no_reason_to_wait(
    alice: User, version: Version, provider: FakeProvider, settings: Any
) -> None:
    settings.STORAGE_QUOTA = ask(alice, version).output_bytes * 2
    lifecycle.cancel(Prediction.objects.get().public_id)
    with pytest.raises(refusals.StorageFull):
        ask_many(alice, version, 3)


def test_inputs_that_wait_have_a_limit_in_bytes(
    alice: User, version: Version, provider: FakeProvider, settings: Any
) -> None:
    settings.WAITING_BYTES = 100_000
    first = ask(alice, version, prompt="a" * 60_000)
    with pytest.raises(refusals.Refused) as refused:
        ask(alice, version, prompt="b" * 60_000)
    assert refused.value.status == 429 and "inputs" in refused.value.detail
    assert ask(alice, version, prompt="c" * 30_000).public_id
    lifecycle.cancel(first.public_id)
    assert ask(alice, version, prompt="b" * 60_000).public_id
    assert audit() == []


def test_an_input_that_can_never_wait_is_no_reason_to_try_again(
    alice: User, version: Version, provider: FakeProvider, settings: Any
) -> None:
    settings.WAITING_BYTES = 10_000
    with pytest.raises(refusals.InvalidInput) as refused:
        ask(alice, version, prompt="b" * 60_000)
    assert refused.value.faults[0].field == "input"


def of_words(**inputs: Any) -> Version:
    """A model that is asked with a prompt and these inputs."""
    properties = {"prompt": {"type": "string"}, **inputs}
    return factories.make_version(input_schema={"type": "object", "properties": properties})


@pytest.mark.parametrize(
    "given", [{"aspect_ratio": []}, {"aspect_ratio": {}}, {"width": "a", "height": []}, {"output_format": {}}]
)
def test_an_input_that_the_model_does_not_have_may_be_anything(
    alice: User, provider: FakeProvider, given: dict[str, Any]
) -> None:
    assert ask(alice, of_words(), prompt="a cat", **given).public_id


@pytest.mark.parametrize("value", [[], {}, 7, "16:9", "1:0", "custom"])
def test_an_input_that_may_be_anything_says_nothing_of_the_size_where_it_is_none(
    alice: User, provider: FakeProvider, value: Any
) -> None:
    lax = of_words(aspect_ratio=True, output_format=True, width=True)
    given = dict.fromkeys(("aspect_ratio", "output_format", "width"), value)
    assert ask(alice, lax, prompt="a cat", **given).output_bytes > 100_000


def test_an_input_that_the_model_does_not_have_makes_no_picture_smaller(
    alice: User, provider: FakeProvider
) -> None:
    version = of_words()
    plain = ask(alice, version, prompt="a cat").output_bytes
    given = {"width": 1, "height": 1, "aspect_ratio": "8:1", "output_format": "webp"}
    assert ask(alice, version, prompt="a cat", **given).output_bytes == plain


def test_fifty_three_inputs_of_eight_megabytes_are_not_all_taken(
    alice: User, provider: FakeProvider, settings: Any
) -> None:
    # A sixteenth of both.
    settings.WAITING_BYTES //= 16
    uri = {"type": "string", "format": "uri"}
    looker = factories.make_version(input_schema={"type": "object", "properties": {"image": uri}})
    taken, image = 0, "data:image/png;base64," + "A" * 500_000
    for _number in range(53):
        try:
            ask(alice, looker, image=image)
        except refusals.Refused as refused:
            assert refused.status == 429
            break
        taken += 1
    assert 16 <= taken <= 33


def test_a_plan_may_allow_more_or_less(
    alice: User, version: Version, provider: FakeProvider, settings: Any
) -> None:
    settings.WAITING_LIMIT, settings.WAITING_BYTES = 1, 10_000
    plan = Plan.objects.create(name="Studio", waiting_limit=3, waiting_bytes=1_000_000)
    alice.account.__class__.objects.filter(pk=alice.account_id).update(plan=plan)
    for _number in range(3):
        ask(alice, version, prompt="a" * 20_000)
    with pytest.raises(refusals.Refused):
        ask(alice, version)


def test_zero_is_no_limit(alice: User, version: Version, provider: FakeProvider, settings: Any) -> None:
    settings.WAITING_LIMIT = settings.WAITING_BYTES = 0
    assert len(ask_many(alice, version, 40)) == 40


def test_every_door_refuses_in_its_own_words(
    alice: User, version: Version, provider: FakeProvider, settings: Any, client_of: Callable[[User], Client]
) -> None:
    settings.WAITING_LIMIT = 1
    ask(alice, version)
    headers = {"Authorization": f"Bearer {factories.make_token(alice)}"}
    body = {"version": version.pk, "input": {"prompt": "a cat"}}
    for mount in ("/v1", "/replicate/v1"):
        answer = Client().post(f"{mount}/predictions", body, "application/json", headers=headers)
        assert (answer.status_code, answer["Retry-After"]) == (429, "10")
        assert answer["Content-Type"] == "application/problem+json"
        assert (answer.json()["title"], answer.json()["status"]) == ("Too many predictions waiting", 429)
    images_body = {"model": version.model.ref, "prompt": "a cat"}
    answer = Client().post("/openai/v1/images/generations", images_body, "application/json", headers=headers)
    assert (answer.status_code, answer["Retry-After"]) == (429, "10")
    assert answer.json()["error"]["code"] == "rate_limit_exceeded"
    page = client_of(alice).post(
        "/studio/make/", {"model": version.model.ref, "prompt": "a cat"}, headers={"Accept-Language": "en"}
    )
    assert "This account already has 1 picture waiting" in page.content.decode()
    assert Prediction.objects.count() == 1


# -- What is stored ------------------------------------------------------------------------------------------


def test_uploads_count_towards_the_quota(alice: User, settings: Any) -> None:
    settings.STORAGE_QUOTA = 1_900_000
    assert send(alice, b"a" * 1_000_000).status_code == 201
    refused = send(alice, b"b" * 1_000_000)
    assert (refused.status_code, refused.json()["title"]) == (403, "Storage full")
    assert stored(alice) == 1_000_000
    Upload.objects.update(deleted_at="2020-01-01T00:00:00Z")
    uploads.remove_unneeded()
    assert send(alice, b"b" * 1_000_000).status_code == 201
    removal.remove_unowned()
    assert audit() == []


def test_uploads_at_once_never_pass_on_one_look(alice: User, settings: Any) -> None:
    settings.STORAGE_QUOTA = 1_900_000
    token = factories.make_token(alice)

    def one() -> int:
        sent = {"content": SimpleUploadedFile("a.bin", b"a" * 1_000_000)}
        return Client().post("/v1/files", sent, headers={"Authorization": f"Bearer {token}"}).status_code

    assert sorted(races.together([one] * 9)) == [201] + [403] * 8
    assert stored(alice) == 1_000_000
    assert audit() == []


def test_uploads_have_a_limit_where_pictures_have_none(alice: User, bob: User, settings: Any) -> None:
    settings.STORAGE_QUOTA, settings.UPLOAD_QUOTA = 0, 2_000_000
    assert [send(alice, b"a" * 900_000).status_code for _ in range(3)] == [201, 201, 403]
    assert send(bob, b"a" * 900_000).status_code == 201
    # However short they are, they are files.
    settings.UPLOAD_QUOTA = 5 * 4096
    uploads.take_away(Upload.objects.get(user=bob).pk)
    uploads.remove_unneeded()
    assert [send(bob, b"").status_code for _ in range(6)] == [201] * 5 + [403]
    assert audit() == []


@pytest.mark.parametrize("quota", ["STORAGE_QUOTA", "UPLOAD_QUOTA"])
def test_a_file_that_would_never_fit_is_told_apart_from_a_full_room(
    alice: User, settings: Any, quota: str
) -> None:
    setattr(settings, quota, 500_000)
    refused = send(alice, b"a" * 1_000_000)
    assert (refused.status_code, refused.json()["title"]) == (403, "Storage full")
    assert "The file takes 976.6 KB" in refused.json()["detail"] and "488.3 KB" in refused.json()["detail"]
    assert "elete some" not in refused.json()["detail"]


def test_a_file_waits_for_what_is_being_made(
    alice: User, version: Version, provider: FakeProvider, settings: Any, client_of: Callable[[User], Client]
) -> None:
    made = ask(alice, version)
    settings.STORAGE_QUOTA = made.output_bytes + 500_000
    refused = send(alice, b"a" * 1_000_000)
    assert (refused.status_code, refused["Retry-After"]) == (429, "10")
    assert "being made" in refused.json()["detail"] and "elete some" not in refused.json()["detail"]
    picture = SimpleUploadedFile("a.png", _noise(1_000_000), "image/png")
    page = client_of(alice).post("/studio/upload/", {"file": picture}, headers={"Accept-Language": "en"})
    assert (page.status_code, "being made" in page.content.decode()) == (429, True)
    lifecycle.cancel(made.public_id)
    assert send(alice, b"a" * 1_000_000).status_code == 201


def test_a_file_that_found_no_room_for_a_moment_is_told_so(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise quotas.QuotaExceeded

    monkeypatch.setattr(quotas, "count_upload", full)
    refused = send(alice, b"a" * 1000)
    assert refused.status_code == 403 and refused.json()["detail"].endswith("Nothing was charged; try again.")


def test_pictures_of_an_edit_count_too_and_leave_nothing_where_they_are_refused(
    alice: User, settings: Any
) -> None:
    settings.UPLOAD_QUOTA = 6000
    account = factories.account_of(alice)
    sent = uploads.Sent("a.png", "image/png", {})
    uploads.keep(alice, account, sent, [b"a" * 5000])
    with pytest.raises(refusals.StorageFull):
        uploads.keep(alice, account, sent, [b"a" * 5000])
    assert Upload.objects.count() == StoredFile.objects.count() == 1


def test_what_is_being_made_counts_before_it_is_there(
    alice: User, version: Version, provider: FakeProvider, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thirty pictures of 300 KB would make 9 MB of a quota of 1.9 MB."""
    monkeypatch.setattr(availability, "objection", lambda model, providers: "")
    settings.STORAGE_QUOTA = 1_900_000
    provider.limit = settings.IN_FLIGHT_PER_ACCOUNT = 40
    provider.files = {"0": _noise(300_000)}
    taken = 0
    for _round in range(30):
        for _number in range(30):
            try:
                ask(alice, version)
            except refusals.Refused as refused:
                assert refused.status in (403, 429), refused
                break
            taken += 1
        fakes.work_off()
    while Prediction.objects.live().exists():
        fakes.work_off()
    used = StoredFile.objects.aggregate(s=Sum("size"))["s"]
    assert taken >= 5
    # The last that was begun while there was room may pass the quota by itself.
    assert used <= 1_900_000 + used / taken
    with pytest.raises(refusals.StorageFull):
        ask(alice, version)
    assert audit() == []


def _noise(size: int) -> bytes:
    """A picture that takes about so many bytes."""
    side = int((size / 3) ** 0.5)
    out = io.BytesIO()
    Image.frombytes("RGB", (side, side), os.urandom(side * side * 3)).save(out, "PNG")
    return out.getvalue()


def test_pictures_and_uploads_are_shown_with_the_room_that_they_take(
    alice: User, client_of: Callable[[User], Client], settings: Any
) -> None:
    settings.STORAGE_QUOTA = 10 * MB
    send(alice, b"a" * MB)
    shown = client_of(alice).get("/library/counts/").json()["storage"]
    assert (shown["percent"], shown["full"]) == (10, False)


def room_of(user: User) -> dict[str, tuple[int | None, int, int | None]]:
    """What `GET /api/me` tells of each limit: most, used, left."""
    headers = {"Authorization": f"Bearer {factories.make_token(user)}"}
    told = Client().get("/api/me", headers=headers).json()["room"]
    return {one["limit"]: (one["most"], one["used"], one["left"]) for one in told}


def test_a_frontend_reads_what_is_used_and_left_of_each_room_before_it_is_refused(
    alice: User, version: Version, provider: FakeProvider, settings: Any
) -> None:
    settings.STORAGE_QUOTA, settings.UPLOAD_QUOTA, settings.WAITING_BYTES = 0, 3 * 4096, MB
    credits.set_plan(factories.account_of(alice), Plan.objects.create(name="Two", waiting_limit=2))
    assert room_of(alice) == {
        "predictions": (2, 0, 2),
        "input_bytes": (MB, 0, MB),
        "upload_bytes": (3 * 4096, 0, 3 * 4096),
        "stored_bytes": (None, 0, None),
    }
    assert send(alice, b"one").status_code == send(alice, b"another").status_code == 201
    asked = ask(alice, version)
    usage = AccountUsage.objects.get()
    assert room_of(alice) == {
        "predictions": (2, 1, 1),
        "input_bytes": (MB, usage.input_bytes, MB - usage.input_bytes),
        "upload_bytes": (3 * 4096, 2 * 4096, 4096),
        "stored_bytes": (None, len(b"oneanother") + usage.output_bytes, None),
    }
    assert usage.input_bytes > 0 and usage.output_bytes == asked.output_bytes
    settings.STORAGE_QUOTA = MB
    uploads.delete(Upload.objects.earliest("pk"))
    uploads.remove_unneeded()
    assert room_of(alice)["upload_bytes"] == (3 * 4096, 4096, 2 * 4096), "doomed files take no room"
    used = len(b"another") + usage.output_bytes
    assert room_of(alice)["stored_bytes"] == (MB, used, max(0, MB - used))
    settings.WAITING_BYTES = 1
    assert room_of(alice)["input_bytes"] == (1, usage.input_bytes, 0), "never below nothing"


def test_what_an_account_takes_up_is_one_query(
    alice: User, django_assert_num_queries: Callable[[int], AbstractContextManager[object]]
) -> None:
    account = factories.account_of(alice)
    with django_assert_num_queries(1):
        quotas.rooms(account)


def test_room_comes_back_when_files_are_doomed_not_only_when_they_are_gone(
    alice: User, settings: Any
) -> None:
    settings.STORAGE_QUOTA = 1_500_000
    assert send(alice, b"a" * 1_000_000).status_code == 201
    uploads.delete(Upload.objects.get())
    assert StoredFile.objects.get().state == "doomed"
    assert send(alice, b"a" * 1_000_000).status_code == 201


def test_a_place_that_nobody_came_back_to_is_free_again(alice: User, settings: Any) -> None:
    settings.STORAGE_QUOTA = 1_500_000
    media.reserve_upload(factories.account_of(alice), 1_000_000)  # and the process is killed
    assert send(alice, b"a" * 1_000_000).status_code == 403
    StoredFile.objects.update(created_at="2020-01-01T00:00:00Z")
    removal.remove_unowned()
    assert send(alice, b"a" * 1_000_000).status_code == 201
    assert audit() == []


class Away(Exception):
    """What a storage or a database raises that is away."""


def refuse(*_: Any, **__: Any) -> None:
    raise Away


@pytest.mark.parametrize(("where", "name"), [(media, "_move_in"), (media, "keep"), (upload_checks, "attach")])
def test_an_upload_that_fails_leaves_no_place_taken(
    alice: User, monkeypatch: pytest.MonkeyPatch, where: Any, name: str
) -> None:
    account = factories.account_of(alice)
    with monkeypatch.context() as patch:
        patch.setattr(where, name, refuse)
        with pytest.raises(Away):
            uploads.keep(alice, account, uploads.Sent("a.bin", "image/png", {}), [b"a" * 5000])
    assert set(StoredFile.objects.values_list("state", flat=True)) == {"doomed"}
    assert quotas.used(account) == 0
    removal.remove_unowned()
    assert not StoredFile.objects.exists() and audit() == []


# -- The audit -----------------------------------------------------------------------------------------------


def test_the_audit_finds_and_mends_what_is_counted_wrongly(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    ask(alice, version)
    factories.make_upload(alice)
    assert audit() == []
    for column in one_in(4, ("predictions", "input_bytes", "output_bytes", "stored_bytes", "upload_bytes")):
        AccountUsage.objects.update(**{column: F(column) + 7})
        assert [line.split(": ")[0] for line in audit()] == [f"room account {alice.account_id}"], column
        call_command("audit", "--repair", stdout=io.StringIO())
        assert audit() == [], column
    AccountUsage.objects.all().delete()
    assert len(audit()) == 1
    call_command("audit", "--repair", stdout=io.StringIO())
    assert audit() == []


def test_a_count_that_is_wrong_keeps_nothing_from_ending(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    made = ask(alice, version)
    AccountUsage.objects.update(predictions=0, input_bytes=0, output_bytes=0)
    lifecycle.cancel(made.public_id)
    assert factories.account_of(alice).held == 0
    assert audit() == []


def test_the_audit_finds_uses_that_are_missing_or_left(alice: User, provider: FakeProvider) -> None:
    uri = {"type": "string", "format": "uri"}
    looker = factories.make_version(input_schema={"type": "object", "properties": {"image": uri}})
    upload = factories.make_upload(alice)
    account = factories.account_of(alice)
    given = {"image": f"http://testserver/v1/files/{upload.public_id}"}
    made = acceptance.accept(work_request.Request(account, alice, looker, given, origin="http://testserver"))
    UploadUse.objects.all().delete()
    assert (
        audit()[0] == f"upload {upload.public_id}: is named by {made.public_id}, for which nothing keeps it"
    )
    call_command("audit", "--repair", stdout=io.StringIO())
    assert audit() == []
    lifecycle.cancel(made.public_id)
    UploadUse.objects.create(upload=upload, prediction=made)
    assert audit()[0] == f"upload {upload.public_id}: is kept for {made.public_id}, which has ended"
    call_command("audit", "--repair", stdout=io.StringIO())
    assert audit() == []

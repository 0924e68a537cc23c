"""A member takes everything along: one archive, made in the background, with all that is theirs and nothing else."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.core import mail
from django.db import connections
from django.test import Client

from accounts import credits
from accounts.models import MICRO, Notice, User
from accounts.notifications import mail_queue
from accounts.tokens import api_tokens
from core.clock import after
from gallery.models import Comment, Export, Follow, Like, Report
from gallery.privacy import export_archive, exports
from predictions.audit import settlements
from predictions.files import media, removal
from predictions.models import StoredFile
from tests import factories
from tests.accounts.auth.auth_forms import just_signed_in
from tests.support.picture_items import picture_item

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User], Client]


def read(client: Client, export: Export) -> zipfile.ZipFile:
    just_signed_in(client)
    answer = client.get(f"/account/export/{export.public_id}/")
    assert answer.status_code == 200 and answer["Content-Type"] == "application/zip"
    content = answer.getvalue() if hasattr(answer, "getvalue") else b"".join(answer.streaming_content)
    return zipfile.ZipFile(io.BytesIO(content))


def lines(found: zipfile.ZipFile, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in found.read(f"darkroom/{name}.jsonl").decode().splitlines()]


def a_token(user: User) -> str:
    """One that may take everything along, which none may unless its owner says so."""
    return api_tokens.issue(user, "all", scopes=["account"])[1]


def make(user: User) -> Export:
    assert user.account is not None
    export = exports.request_export(user, user.account)
    assert exports.build_next()
    export.refresh_from_db()
    assert export.state == Export.State.READY, export.note
    return export


def test_the_archive_has_all_that_is_theirs(alice: User, bob: User, client_of: ClientOf) -> None:
    item = picture_item(alice, "a lighthouse at dusk 灯塔")
    sent = factories.make_upload(alice)
    Comment.objects.create(item=item, user=alice, text="my own words")
    Like.objects.create(item=item, user=alice)
    Follow.objects.create(follower=bob, followed=alice)
    plain = api_tokens.issue(alice, "laptop")[1]
    export = make(alice)
    found = read(client_of(alice), export)
    assert found.testzip() is None
    assert json.loads(found.read("darkroom/account.json"))["username"] == "alice"
    (data,) = lines(found, "items")
    assert data["prompt"] == "a lighthouse at dusk 灯塔"
    with media.storage().open(item.output.file.key, "rb") as file:
        assert found.read(f"darkroom/{data['file']}") == file.read()
    assert [one["public_id"] for one in lines(found, "uploads")] == [sent.public_id]
    assert [one["text"] for one in lines(found, "comments")] == ["my own words"]
    assert lines(found, "follows")[0]["follower"] == "bob"
    assert next(one["kind"] for one in lines(found, "ledger")) == "grant"
    assert export.done == export.total == 2
    whole = b"".join(found.read(name) for name in found.namelist())
    for secret in (plain, api_tokens.digest(plain), alice.password):
        assert secret.encode() not in whole


def test_it_has_who_came_in_and_by_what(alice: User, bob: User, client_of: ClientOf) -> None:
    Client().post("/accounts/login/", {"login": "alice", "password": "wrong"})
    Client().post("/accounts/login/", {"login": "bob", "password": "wrong"})
    EmailAddress.objects.create(user=alice, email="alice@old.example", verified=True)
    SocialAccount.objects.create(user=alice, provider="acme", uid="a-17", extra_data={"name": "Alice A."})
    found = read(client_of(alice), make(alice))
    (tried,) = lines(found, "sign-ins")
    assert (tried["succeeded"], tried["how"]) == (False, "password") and tried["at"].endswith("Z")
    data = json.loads(found.read("darkroom/account.json"))
    assert "alice@old.example" in [one["email"] for one in data["addresses"]]
    assert [(one["service"], one["told"]["name"]) for one in data["services"]] == [("acme", "Alice A.")]


def test_it_has_nothing_of_others(alice: User, bob: User, client_of: ClientOf) -> None:
    theirs = picture_item(bob, "between bob and himself")
    mine = picture_item(alice, "mine")
    Report.objects.create(item=mine, reason="other", reporter=bob, words="alice is wrong")
    Comment.objects.create(item=mine, user=bob, text="bobs words")
    found = read(client_of(alice), make(alice))
    whole = b"".join(found.read(name) for name in found.namelist())
    for secret in ("between bob and himself", theirs.public_id, "alice is wrong", "bobs words", bob.email):
        assert secret.encode() not in whole


def test_only_its_owner_gets_it(alice: User, bob: User, client_of: ClientOf) -> None:
    export = make(alice)
    other = client_of(bob)
    just_signed_in(other)
    assert other.get(f"/account/export/{export.public_id}/").status_code == 404
    assert Client().get(f"/account/export/{export.public_id}/").status_code == 404
    headers = {"Authorization": f"Bearer {a_token(bob)}"}
    assert Client().get(f"/api/exports/{export.public_id}", headers=headers).status_code == 404
    assert Client().get(f"/api/exports/{export.public_id}/download", headers=headers).status_code == 404


def test_asked_for_again_and_again_it_is_made_once(alice: User, client_of: ClientOf) -> None:
    client = client_of(alice)
    just_signed_in(client)
    for _n in range(12):
        assert client.post("/account/export/").status_code == 302
    assert Export.objects.count() == 1
    assert exports.build_next() and not exports.build_next()
    client.post("/account/export/")
    assert Export.objects.count() == 1, "that of today is ready"
    Export.objects.update(created_at=after(-exports.MIN_INTERVAL_S - 60))
    client.post("/account/export/")
    assert Export.objects.count() == 2


def test_failures_are_no_way_around_the_limit(alice: User) -> None:
    assert alice.account is not None
    for _n in range(exports.MAX_PER_DAY):
        exports.request_export(alice, alice.account)
        Export.objects.update(state=Export.State.FAILED)
    with pytest.raises(exports.TooSoon):
        exports.request_export(alice, alice.account)


@pytest.mark.django_db(transaction=True)
def test_many_who_ask_at_once_get_the_same_one(alice: User) -> None:
    account = factories.account_of(alice)
    found: list[int] = []

    def ask() -> None:
        try:
            found.append(exports.request_export(alice, account).pk)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=ask) for _n in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(found) == 8 and len(set(found)) == 1


def test_whoever_dies_over_it_leaves_it_to_the_next(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    assert alice.account is not None
    export = exports.request_export(alice, alice.account)
    assert exports._claim() is not None
    assert not exports.build_next(), "somebody is at it"
    Export.objects.update(lease_until=after(-1))
    assert exports.build_next()
    export.refresh_from_db()
    assert export.state == Export.State.READY and export.tries == 2


def test_one_who_lost_the_claim_writes_nothing(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    assert alice.account is not None
    exports.request_export(alice, alice.account)
    real = export_archive.stream

    def overtaken(*given: Any) -> Any:
        yield from real(*given)
        Export.objects.update(claim="another")

    monkeypatch.setattr(export_archive, "stream", overtaken)
    assert exports.build_next()
    export = Export.objects.get()
    assert export.state == Export.State.MAKING and export.file is None
    assert not Notice.objects.exists()
    assert StoredFile.objects.get().state == StoredFile.State.PENDING, "the sweep removes it"


def test_after_three_tries_it_is_failed_and_said(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    assert alice.account is not None
    exports.request_export(alice, alice.account)

    def breaks(*_all: Any) -> Any:
        raise OSError("disk")

    monkeypatch.setattr(export_archive, "stream", breaks)
    for _n in range(exports.MAX_TRIES):
        exports.build_next()
    assert Export.objects.get().state == Export.State.FAILED
    assert Notice.objects.get().kind == "export.failed"


def test_its_owner_is_notified_and_it_is_kept_for_a_week(alice: User, client_of: ClientOf) -> None:
    export = make(alice)
    mail_queue.clear_pause()
    mail_queue.run_once()
    assert "ready" in mail.outbox[0].subject
    assert not list(settlements.breaches(quick=False))
    Export.objects.update(expires_at=after(-1))
    assert exports.remove_old()
    assert StoredFile.objects.get().state == StoredFile.State.DOOMED
    client = client_of(alice)
    just_signed_in(client)
    assert client.get(f"/account/export/{export.public_id}/").status_code == 404


def test_the_next_one_takes_the_place_of_the_one_before(alice: User, bob: User) -> None:
    first, of_bob = make(alice), make(bob)
    Export.objects.filter(pk=first.pk).update(created_at=after(-exports.MIN_INTERVAL_S - 60))
    second = make(alice)
    first.refresh_from_db()
    of_bob.refresh_from_db()
    assert (first.state, first.file, of_bob.state) == (Export.State.GONE, None, Export.State.READY)
    assert StoredFile.objects.filter(state=StoredFile.State.KEPT, content_type="application/zip").count() == 2
    assert second.file is not None


def test_the_api_asks_shows_and_hands_it_out(alice: User) -> None:
    headers = {"Authorization": f"Bearer {a_token(alice)}"}
    asked = Client().post("/api/exports", headers=headers)
    assert asked.status_code == 202 and asked.json()["state"] == "owed"
    assert exports.build_next()
    shown = Client().get(f"/api/exports/{asked.json()['id']}", headers=headers).json()
    assert shown["state"] == "ready" and shown["size"] > 0
    part = Client().get(
        f"/api/exports/{asked.json()['id']}/download", headers={**headers, "Range": "bytes=0-1"}
    )
    assert part.status_code == 206 and part.getvalue() == b"PK"
    assert Client().post("/api/exports", headers=headers).status_code == 409


def test_a_file_that_is_missing_is_named_and_stops_nothing(alice: User, client_of: ClientOf) -> None:
    item = picture_item(alice, "lost")
    media.storage().delete(item.output.file.key)
    found = read(client_of(alice), make(alice))
    assert item.public_id in found.read("darkroom/missing.txt").decode()
    credits.grant(factories.account_of(alice), MICRO)


# -- Room, leases, and being killed --------------------------------------------------------------------------


def test_without_room_nothing_is_begun_and_no_try_is_used_up(
    alice: User, client_of: ClientOf, settings: Any
) -> None:
    picture_item(alice, "large")
    settings.FREE_DISK_MINIMUM = 1 << 60
    client = client_of(alice)
    just_signed_in(client)
    page = client.post("/account/export/", follow=True).content.decode()
    assert "no room" in page and not Export.objects.exists()
    headers = {"Authorization": f"Bearer {a_token(alice)}"}
    answer = Client().post("/api/exports", headers=headers)
    assert (answer.status_code, answer.json()["title"]) == (507, "No room")
    settings.FREE_DISK_MINIMUM = 0
    assert make(alice)


def test_room_that_is_gone_when_it_is_due_is_said_and_is_no_try(alice: User, settings: Any) -> None:
    account = factories.account_of(alice)
    for _n in range(exports.MAX_PER_DAY + 1):
        settings.FREE_DISK_MINIMUM = 0
        exports.request_export(alice, account)
        settings.FREE_DISK_MINIMUM = 1 << 60
        assert exports.build_next()
    assert set(Export.objects.values_list("state", "tries")) == {(Export.State.FAILED, 1)}
    assert Notice.objects.filter(kind="export.no_room").count() == exports.MAX_PER_DAY + 1
    settings.FREE_DISK_MINIMUM = 0
    assert make(alice)


def test_a_disk_that_fills_up_meanwhile_leaves_nothing_behind(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_all: Any) -> Any:
        raise media.DiskFull

    monkeypatch.setattr(export_archive, "stream", full)
    exports.request_export(alice, factories.account_of(alice))
    assert exports.build_next()
    assert Export.objects.get().note == exports.NO_ROOM
    assert not StoredFile.objects.filter(content_type="application/zip").exists()


@pytest.mark.django_db(transaction=True)
def test_the_lease_is_renewed_while_it_is_stored_so_that_nobody_makes_it_twice(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewed = threading.Event()
    real_renew, real_store = exports._Lease._renew_once, media.store
    stored: list[StoredFile] = []

    def renews(lease: Any) -> None:
        real_renew(lease)
        if lease.pending is not None:
            renewed.set()

    def slow(row: StoredFile, *given: Any, **more: Any) -> StoredFile:
        # What took longer than the lease, and longer than the sweep lets unowned files be.
        Export.objects.update(lease_until=after(-1))
        StoredFile.objects.filter(pk=row.pk).update(created_at=after(-2 * removal.STALE_PENDING_S))
        for _whole in range(2):
            # The first may have begun before that.
            renewed.clear()
            assert renewed.wait(30)
        assert not exports.build_next(), "somebody is at it"
        assert removal.remove_unowned() == 0
        stored.append(real_store(row, *given, **more))
        return stored[-1]

    monkeypatch.setattr(exports, "RENEW_S", 0.01)
    monkeypatch.setattr(exports._Lease, "_renew_once", renews)
    monkeypatch.setattr(media, "store", slow)
    make(alice)
    assert len(stored) == 1 and Export.objects.get().tries == 1


@pytest.mark.django_db(transaction=True)
def test_one_who_lost_the_lease_stops_at_once(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = threading.Event()
    real_renew = exports._Lease._renew_once

    def renews(lease: Any) -> None:
        real_renew(lease)
        if lease.lost:
            lost.set()

    def endless(*_all: Any) -> Any:
        Export.objects.update(claim="another")
        yield b"PK"
        assert lost.wait(30)
        yield b"and on"
        raise AssertionError("it went on")

    monkeypatch.setattr(exports, "RENEW_S", 0.01)
    monkeypatch.setattr(exports._Lease, "_renew_once", renews)
    monkeypatch.setattr(export_archive, "stream", endless)
    exports.request_export(alice, factories.account_of(alice))
    assert exports.build_next()
    assert Export.objects.get().claim == "another"

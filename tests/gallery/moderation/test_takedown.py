"""Removing a picture for good: everything of it goes at once; what is kept is sealed, opened by few, and forgotten."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from accounts.models import AuditEntry, User
from accounts.site import site_rules
from accounts.staff import groups
from core import crypto
from gallery.items import deletion
from gallery.models import Case, Evidence, Export, Item, Report, ShareLink
from gallery.moderation import decisions, evidence
from gallery.moderation.decisions import Verdict
from gallery.moderation.effects import takedown
from gallery.moderation.effects.outcomes import NotPossible
from gallery.moderation.evidence import CHUNK
from gallery.privacy import export_archive, exports
from gallery.search import indexer
from gallery.social import abuse_reports
from predictions import image_safety
from predictions.audit.stored_files import breaches
from predictions.files import media, removal
from predictions.models import BlockedPicture, Output, StoredFile
from predictions.upstreams import key_rotation
from tests import factories
from tests.runner.sampling import one_in
from tests.support.races import together

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User], Client]


@pytest.fixture
def operator(db: None) -> User:
    groups.sync()
    made = factories.make_user("op", is_staff=True)
    made.groups.set(Group.objects.filter(name=groups.OPERATORS))
    return made


@pytest.fixture
def moderator(db: None) -> User:
    groups.sync()
    made = factories.make_user("mod", is_staff=True)
    made.groups.set(Group.objects.filter(name=groups.MODERATORS))
    return made


def removed(item: Item, by: User | None = None) -> Evidence:
    row = takedown.remove(item, by, "Not ours to show.")
    assert row is not None
    return row


def sealed(row: Evidence) -> Evidence:
    while evidence.run_once():
        pass
    return Evidence.objects.select_related("file").get(pk=row.pk)


def kept_bytes() -> dict[str, bytes]:
    return {one.key: factories.stored(one) for one in StoredFile.objects.filter(state="kept")}


def test_everything_of_it_goes_at_once(alice: User, bob: User, operator: User, client_of: ClientOf) -> None:
    item = factories.make_item(alice, visibility="public", prompt="a cat that is not ours")
    link = factories.make_share_link(item)
    output = item.output
    addresses = [
        reverse("gallery_item", args=[item.public_id]),
        reverse("share", args=[link.token]),
        f"/f/{output.token}/{output.name}",
    ]
    assert all(Client().get(one).status_code == 200 for one in addresses)
    while indexer.run_once():
        pass
    Report.objects.create(item=item, reporter=bob, reason="other", words="mine!")
    removed(item, operator)
    assert not Item.objects.exists() and not Output.objects.exists() and not ShareLink.objects.exists()
    for one in addresses:
        assert Client().get(one).status_code == 404, one
        assert client_of(alice).get(one).status_code == 404, one
    assert "a cat that is not ours" not in client_of(alice).get("/").content.decode()
    entry = AuditEntry.objects.get(action="item.take_out")
    assert (entry.reason, entry.actor, entry.subject_name) == ("Not ours to show.", operator, item.public_id)
    assert takedown.remove(item, operator, "again") is None


def test_the_file_is_encrypted_and_the_plain_one_swept(alice: User) -> None:
    item = factories.make_item(alice)
    original = factories.stored(item.output.file)
    row = removed(item)
    assert original in kept_bytes().values()
    assert b"".join(evidence.content(row)) == original
    row = sealed(row)
    assert removal.remove_unowned() == 1
    (closed,) = kept_bytes().values()
    # Sixteen bytes: a shorter word would be found in some hundredth of all encrypted texts by chance.
    assert original not in closed and original[:16] not in closed and original.startswith(b"\x89PNG")
    assert b"".join(evidence.content(row)) == original
    assert not row.sealing_owed and list(breaches()) == []


@pytest.mark.parametrize("size", one_in(2, [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 17]))
def test_files_of_any_size_come_back_whole(alice: User, size: int) -> None:
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    output = factories.make_output(
        factories.make_prediction(alice, status="succeeded"), file=factories.make_stored_file(content)
    )
    row = sealed(removed(factories.make_item(alice, output)))
    assert b"".join(evidence.content(row)) == content


@pytest.mark.parametrize("harm", ["cut", "swapped", "bit", "another"])
def test_a_sealed_file_that_was_tampered_with_is_not_shown(alice: User, harm: str) -> None:
    content = b"".join(bytes([number]) * CHUNK for number in range(3))
    output = factories.make_output(
        factories.make_prediction(alice, status="succeeded"), file=factories.make_stored_file(content)
    )
    row = sealed(removed(factories.make_item(alice, output)))
    assert row.file is not None
    closed = factories.stored(row.file)
    pieces, rest = [], closed
    while rest:
        length = 4 + int.from_bytes(rest[:4], "big")
        pieces.append(rest[:length])
        rest = rest[length:]
    wrong = {
        "cut": b"".join(pieces[:-1]),
        "swapped": pieces[1] + pieces[0] + b"".join(pieces[2:]),
        "bit": closed[:-10] + bytes([closed[-10] ^ 1]) + closed[-9:],
        "another": pieces[0] + b"".join(pieces),
    }[harm]
    with open(media.storage().path(row.file.key), "wb") as file:
        file.write(wrong)
    with pytest.raises(evidence.Gone):
        b"".join(evidence.content(row))


def test_the_words_are_encrypted_and_tell_what_was_reported(alice: User, bob: User, operator: User) -> None:
    item = factories.make_item(alice, prompt="a very special cat")
    Report.objects.create(item=item, reporter=bob, reason="other", words="that is my cat")
    row = removed(item)
    assert "special" not in row.words and "my cat" not in row.words
    opened = evidence.open_evidence(row.pk, operator, "The police asks.")
    assert opened.words["prompt"] == "a very special cat" and opened.words["made_by"] == "alice"
    assert [one["words"] for one in opened.words["reports"]] == ["that is my cat"]
    assert "_key" not in opened.words


def test_it_is_forgotten_when_its_time_is_over(alice: User) -> None:
    site_rules.change(evidence_days=30)
    row = sealed(removed(factories.make_item(alice)))
    assert not evidence.delete_expired()
    Evidence.objects.update(sealed_until=timezone.now() - timedelta(seconds=1))
    assert evidence.delete_expired() and not evidence.delete_expired()
    row.refresh_from_db()
    assert (row.file, row.words) == (None, "") and row.gone_at is not None
    removal.remove_unowned()
    assert kept_bytes() == {} and not StoredFile.objects.exists()
    assert AuditEntry.objects.filter(action="evidence.forget").count() == 1


def test_no_evidence_is_kept_where_site_settings_keep_none(alice: User) -> None:
    site_rules.change(evidence_days=0)
    row = sealed(removed(factories.make_item(alice)))
    evidence.delete_expired()
    removal.remove_unowned()
    assert not StoredFile.objects.exists()
    assert Evidence.objects.get(pk=row.pk).words == ""


@pytest.mark.parametrize("step", ["exists", "_copy", "reserve", "store", "_sealed"])
def test_killed_anywhere_while_it_is_sealed_nothing_is_lost(
    alice: User, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    item = factories.make_item(alice)
    original = factories.stored(item.output.file)
    row = removed(item)

    class Killed(BaseException):
        pass

    def die(*_args: Any, **_more: Any) -> None:
        raise Killed

    owner: Any = {"_copy": evidence, "_sealed": evidence, "exists": type(media.storage())}.get(step, media)
    with monkeypatch.context() as patch:
        patch.setattr(owner, step, die)
        with pytest.raises(Killed):
            evidence.run_once()
    assert b"".join(evidence.content(Evidence.objects.select_related("file").get(pk=row.pk))) == original
    again = sealed(row)
    assert b"".join(evidence.content(again)) == original and not again.sealing_owed
    StoredFile.objects.filter(state="pending").update(created_at=timezone.now() - timedelta(days=1))
    removal.remove_unowned()
    assert StoredFile.objects.count() == 1 and list(breaches()) == []


def test_files_that_cannot_be_read_hold_up_no_other(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "_stuck", {})
    *broken, whole = [removed(factories.make_item(alice)) for _number in range(11)]
    copy, lost = evidence._copy, {row.file_id for row in broken}

    def read(file: StoredFile, path: Path) -> None:
        if file.pk in lost:
            raise OSError
        copy(file, path)

    monkeypatch.setattr(evidence, "_copy", read)
    assert not evidence.run_once() and evidence.run_once()
    assert list(Evidence.objects.filter(sealing_owed=False)) == [whole]


def test_while_the_storage_is_away_no_evidence_is_taken_for_lost(alice: User, tmp_path: Path) -> None:
    item = factories.make_item(alice)
    original = factories.stored(item.output.file)
    row = removed(item)
    folder, away = Path(media.storage().location), tmp_path / "away"  # type: ignore[attr-defined]
    folder.rename(away)
    try:
        assert not evidence.run_once()
    finally:
        away.rename(folder)
    evidence._stuck.clear()
    assert b"".join(evidence.content(sealed(Evidence.objects.get(pk=row.pk)))) == original


def test_the_same_picture_is_refused_from_then_on(alice: User) -> None:
    output = factories.make_output(factories.make_prediction(alice, status="succeeded"), phash="ab" * 32)
    row = removed(factories.make_item(alice, output))
    assert BlockedPicture.objects.get().phash == "ab" * 32 and image_safety.is_blocked("ab" * 32)
    assert not Evidence.objects.get(pk=row.pk).block_owed


def test_a_picture_without_a_hash_is_hashed_by_the_background_job(alice: User) -> None:
    buffer = io.BytesIO()
    Image.effect_mandelbrot((192, 128), (-2.2, -1.2, 1.0, 1.2), 90).save(buffer, "PNG")
    output = factories.make_output(
        factories.make_prediction(alice, status="succeeded"),
        file=factories.make_stored_file(buffer.getvalue()),
    )
    row = sealed(removed(factories.make_item(alice, output)))
    assert len(row.phash) == 64 and image_safety.is_blocked(row.phash)


def test_it_is_not_refused_where_that_was_not_wanted(alice: User) -> None:
    output = factories.make_output(factories.make_prediction(alice, status="succeeded"), phash="cd" * 32)
    takedown.remove(factories.make_item(alice, output), None, "r", block=False)
    assert not BlockedPicture.objects.exists()


def test_opening_asks_why_and_is_on_record(alice: User, operator: User, client_of: ClientOf) -> None:
    item = factories.make_item(alice, prompt="a very special cat")
    original = factories.stored(item.output.file)
    row = sealed(removed(item))
    client = client_of(operator)
    page = reverse("admin:gallery_evidence_open_sealed", args=[row.pk])
    asked = client.get(page)
    assert asked.status_code == 200 and "special" not in asked.content.decode()
    assert client.post(page, {"reason": " "}).status_code == 422
    assert not AuditEntry.objects.filter(action="evidence.open").exists()
    shown = client.post(page, {"reason": "The police asks."})
    text = shown.content.decode()
    assert "special cat" in text and "no-store" in shown["Cache-Control"]
    entry = AuditEntry.objects.get(action="evidence.open")
    assert (entry.actor, entry.reason, entry.account_id) == (operator, "The police asks.", alice.account_id)
    address = re.search(r'src="([^"]+ticket=[^"]+)"', text)[1].replace("&amp;", "&")  # type: ignore[index]
    answer: Any = client.get(address)
    assert b"".join(answer.streaming_content) == original and "no-store" in answer["Cache-Control"]
    # The address is of who opened it, and of nobody else.
    other = factories.make_staff("root")
    assert client_of(other).get(address).status_code == 404
    assert client_of(alice).get(address).status_code in (302, 403, 404)
    assert client.get(address.partition("?")[0]).status_code == 404


def test_moderators_see_and_open_no_evidence(alice: User, moderator: User, client_of: ClientOf) -> None:
    row = sealed(removed(factories.make_item(alice)))
    client = client_of(moderator)
    for name in ("change", "open_sealed", "picture"):
        answer = client.get(reverse(f"admin:gallery_evidence_{name}", args=[row.pk]))
        assert answer.status_code in (302, 403, 404), name
    with pytest.raises(evidence.NotAllowed):
        evidence.open_evidence(row.pk, moderator, "I am curious.")
    assert not AuditEntry.objects.filter(action="evidence.open").exists()


def test_no_key_no_evidence(alice: User, operator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    row = sealed(removed(factories.make_item(alice)))
    fresh = (Fernet.generate_key().decode(),)
    monkeypatch.setattr(crypto, "keys", lambda: fresh)
    with pytest.raises(evidence.Gone):
        evidence.open_evidence(row.pk, operator, "r")
    with pytest.raises(CommandError, match=r"fit none of the keys: evidence \(1\)\."):
        call_command("keys", "check")


def test_it_opens_after_the_keys_were_rotated(
    alice: User, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = factories.make_item(alice)
    original = factories.stored(item.output.file)
    row, old = sealed(removed(item)), crypto.keys()
    fresh = (Fernet.generate_key().decode(), *old)
    monkeypatch.setattr(crypto, "keys", lambda: fresh)
    key_rotation.rotate_all()
    monkeypatch.setattr(crypto, "keys", lambda: fresh[:1])
    row = Evidence.objects.select_related("file").get(pk=row.pk)
    assert evidence.open_evidence(row.pk, operator, "r").words["made_by"] == "alice"
    assert b"".join(evidence.content(row)) == original


def test_who_opens_evidence_of_their_own_picture_does_not_read_who_complained(
    operator: User, staff: User
) -> None:
    item = factories.make_item(operator)
    reporter = factories.make_user("worried-neighbour")
    Report.objects.create(item=item, reporter=reporter, reason="other", words="that is my cat")
    row = removed(item, staff)
    assert reporter.username in str(evidence.open_evidence(row.pk, staff, "The police asks.").words)
    own = str(evidence.open_evidence(row.pk, operator, "What was it?").words)
    assert reporter.username not in own and "my cat" not in own


def test_no_archive_of_its_owner_holds_it_any_more(alice: User, bob: User) -> None:
    item = factories.make_item(alice)
    archives = []
    for user in (alice, bob):
        archives.append(exports.request_export(user, factories.account_of(user)))
        assert exports.build_next()
    assert set(Export.objects.values_list("state", flat=True)) == {"ready"}
    removed(item)
    assert [Export.objects.get(pk=one.pk).state for one in archives] == ["gone", "ready"]
    again = exports.request_export(alice, factories.account_of(alice))
    assert exports.build_next() and Export.objects.get(pk=again.pk).done == 0


def test_an_archive_that_is_being_made_begins_anew_without_it(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = factories.make_item(alice)
    export = exports.request_export(alice, factories.account_of(alice))
    whole = export_archive.stream

    def meanwhile(*given: Any) -> Iterator[bytes]:
        yield from whole(*given)
        removed(item)

    monkeypatch.setattr(export_archive, "stream", meanwhile)
    exports.build_next()
    assert Export.objects.get(pk=export.pk).state == "owed"
    monkeypatch.setattr(export_archive, "stream", whole)
    assert exports.build_next()
    found = Export.objects.get(pk=export.pk)
    assert (found.state, found.done) == ("ready", 0)


@pytest.mark.django_db(transaction=True)
def test_a_moderator_and_its_owner_who_remove_it_at_once_do_not_wait_for_each_other_for_ever(
    alice: User, bob: User, staff: User
) -> None:
    def remove(case: Case) -> bool:
        try:
            return decisions.decide(case.pk, staff, Verdict("remove")).decision == "remove"
        except NotPossible:
            return False

    for _number in range(8):
        item = factories.make_item(alice, visibility="public")
        abuse_reports.report(item, abuse_reports.Reporter(bob), "copied")
        case = Case.objects.get(item=item)
        removed_by = together([partial(remove, case), partial(deletion.delete, Item.objects.get(pk=item.pk))])
        assert sorted(removed_by) == [False, True]

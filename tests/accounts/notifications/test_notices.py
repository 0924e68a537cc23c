"""Notices: in the inbox, by mail where the user wants it, and once."""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.mail.backends import locmem
from django.test import Client
from django.urls import reverse
from django.utils import translation

from accounts.models import MICRO, Notice, NoticeChoice, User
from accounts.notifications import mail_preferences, mail_queue, notice_kinds, notice_text, notices
from accounts.organizations import management
from accounts.tokens import api_tokens
from core.clock import after
from gallery.privacy import closure
from tests import factories
from tests.accounts.auth.auth_forms import WORDS

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User], Client]


@pytest.fixture(autouse=True)
def _awake() -> Iterator[None]:
    mail_queue.clear_pause()
    yield
    mail_queue.clear_pause()


def give(user: User, reason: str = "for the show") -> Notice:
    return notices.notify(user, "credits.granted", link="/account/", amount_micro=5 * MICRO, reason=reason)


def test_a_notice_speaks_the_readers_language(alice: User) -> None:
    notice = give(alice)
    assert notice_text.for_notice(notice).line == "5.00 credits were added: for the show"
    with translation.override("zh-hans"):
        assert "5.00" in notice_text.for_notice(notice).line


def test_every_kind_has_words_that_name_nothing_unknown(alice: User) -> None:
    for kind in notice_kinds.ALL:
        words = notice_text.for_notice(Notice(user=alice, kind=kind.name, params={}))
        assert words.line, kind.name
        # A title stands in lists, where nothing is named.
        assert str(kind.title) and "%(" not in str(kind.title), kind.name
    assert len({kind.name for kind in notice_kinds.ALL}) == len(notice_kinds.ALL)


def test_a_kind_of_an_older_release_breaks_nothing(alice: User, client_of: ClientOf) -> None:
    notices.notify(alice, "long.gone", link="/account/")
    assert client_of(alice).get("/account/notices/").status_code == 200
    mail_queue.run_once()
    assert mail.outbox == []


def test_the_mail_comes_once_with_both_forms_and_the_way_out(alice: User, settings: Any) -> None:
    settings.ORIGIN = "https://darkroom.example"
    give(alice)
    mail_queue.run_once()
    mail_queue.run_once()
    (letter,) = mail.outbox
    assert letter.to == [alice.email]
    assert "5.00 credits were added: for the show" in letter.subject
    html = letter.alternatives[0].content  # type: ignore[attr-defined]
    for body in (str(letter.body), html):
        assert "https://darkroom.example/account/" in body
    assert letter.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_hostile_words_stay_words(alice: User) -> None:
    give(alice, reason="<img src=x onerror=alert(1)>\r\nBcc: all@example.org %(amount)s")
    mail_queue.run_once()
    (letter,) = mail.outbox
    assert "<img" not in letter.alternatives[0].content  # type: ignore[attr-defined]
    assert "\n" not in letter.subject and "Bcc" not in letter.message()


def test_who_declined_gets_no_mail_and_still_the_notice(alice: User) -> None:
    NoticeChoice.objects.create(user=alice, kind="credits.granted", mail=False)
    notice = give(alice)
    mail_queue.run_once()
    notice.refresh_from_db()
    assert mail.outbox == []
    assert not notice.mail_owed and notice.mailed_at is None


def test_one_click_in_the_mail_ends_that_kind_without_signing_in(alice: User) -> None:
    address = reverse("notices_stop", args=[mail_preferences.unsubscribe_token(alice.pk, "credits.granted")])
    stranger = Client(enforce_csrf_checks=True)
    assert stranger.get(address).status_code == 200
    assert not NoticeChoice.objects.exists()
    assert stranger.post(address, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert not mail_preferences.wants_mail(alice.pk, "credits.granted")
    assert stranger.post(reverse("notices_stop", args=["forged"])).status_code == 404


def test_what_is_necessary_cannot_be_declined(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    needed = notice_kinds.Kind("test.needed", "about you", "It is so.", necessary=True)
    monkeypatch.setattr(notice_kinds, "ALL", (*notice_kinds.ALL, needed))
    monkeypatch.setitem(notice_kinds.BY_NAME, needed.name, needed)
    assert not mail_preferences.unsubscribe(alice.pk, needed.name)
    mail_preferences.set_preferences(alice, [])
    assert mail_preferences.wants_mail(alice.pk, needed.name)
    notices.notify(alice, needed.name)
    mail_queue.run_once()
    assert "List-Unsubscribe" not in mail.outbox[0].extra_headers


def test_a_server_that_is_away_is_tried_again_and_one_that_died_in_between_too(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    notice = give(alice)

    def away(*_all: Any) -> int:
        raise smtplib.SMTPServerDisconnected("secret.example said no")

    with monkeypatch.context() as patch:
        patch.setattr(locmem.EmailBackend, "send_messages", away)
        assert mail_queue.run_once() is False
        notice.refresh_from_db()
        assert notice.mail_owed and notice.mail_tries == 1 and "secret" not in notice.mail_note
        assert mail_queue.run_once() is False, "the job rests"
    mail_queue.clear_pause()
    assert mail.outbox == [], "not before its time"
    Notice.objects.filter(pk=notice.pk).update(mail_at=notice.created_at)
    mail_queue.run_once()
    assert len(mail.outbox) == 1


def test_after_its_last_try_a_mail_is_given_up(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    notice = give(alice)
    Notice.objects.filter(pk=notice.pk).update(mail_tries=len(mail_queue.PAUSES))

    def away(*_all: Any) -> int:
        raise OSError("no route")

    monkeypatch.setattr(locmem.EmailBackend, "send_messages", away)
    mail_queue.run_once()
    notice.refresh_from_db()
    assert not notice.mail_owed and notice.mailed_at is None and notice.mail_note == "OSError"


def test_a_slow_mail_server_leaves_the_other_chores_their_turn(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_queue, "TURN_S", 0.0)
    for _number in range(3):
        give(alice)
    for sent in (1, 2, 3):
        more = mail_queue.run_once()
        assert (len(mail.outbox), more) == (sent, sent < 3)


def test_a_mail_whose_every_try_killed_its_process_is_given_up_unsent(alice: User) -> None:
    notice = give(alice)
    Notice.objects.filter(pk=notice.pk).update(mail_tries=len(mail_queue.PAUSES) + 1)
    mail_queue.run_once()
    notice.refresh_from_db()
    assert (notice.mail_owed, notice.mailed_at, notice.mail_note, mail.outbox) == (
        False,
        None,
        "given up",
        [],
    )


def test_somebody_without_an_account_is_written_to(settings: Any) -> None:
    notices.notify_address(
        "new@example.org",
        "credits.granted",
        language="en",
        link="/account/",
        amount_micro=MICRO,
        reason="hello",
    )
    mail_queue.run_once()
    assert mail.outbox[0].to == ["new@example.org"]
    kept = Notice.objects.get()
    assert (kept.address, kept.link, kept.params) == ("", "", {}), (
        "nothing is kept of them, nor a link's secret"
    )
    assert "List-Unsubscribe" not in mail.outbox[0].extra_headers


def test_the_inbox_lists_by_day_and_marks_what_is_read(alice: User, client_of: ClientOf) -> None:
    client = client_of(alice)
    created = [give(alice, reason=f"reason {n}") for n in range(3)]
    shown = client.get("/account/notices/").content.decode()
    assert all(f"reason {n}" in shown for n in range(3))
    assert client.get("/account/notices/count/").json() == {"unread": 3}
    answer = client.post(reverse("notice", args=[created[0].pk]))
    assert answer["Location"] == "/account/"
    assert client.get("/account/notices/count/").json() == {"unread": 2}
    client.post("/account/notices/read/")
    assert client.get("/account/notices/count/").json() == {"unread": 0}


def test_nobody_reads_or_marks_anothers(alice: User, bob: User, client_of: ClientOf) -> None:
    notice = give(alice, reason="between us")
    assert client_of(bob).post(reverse("notice", args=[notice.pk])).status_code == 404
    assert "between us" not in client_of(bob).get("/account/notices/").content.decode()
    headers = {"Authorization": f"Bearer {api_tokens.issue(bob, 'b')[1]}"}
    answer = Client().post(
        "/api/notices/read", {"ids": [notice.pk]}, content_type="application/json", headers=headers
    )
    assert answer.json() == {"read": 0}
    notice.refresh_from_db()
    assert notice.read_at is None


def test_a_link_that_is_not_ours_is_not_followed(alice: User, client_of: ClientOf) -> None:
    for link in ("//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"):
        notice = notices.notify(alice, "credits.granted", link=link)
        assert client_of(alice).post(reverse("notice", args=[notice.pk]))["Location"] == reverse("notices")


def test_the_api_lists_pages_and_marks(alice: User) -> None:
    for n in range(3):
        give(alice, reason=f"reason {n}")
    headers = {"Authorization": f"Bearer {api_tokens.issue(alice, 'a')[1]}"}
    first = Client().get("/api/notices?limit=2", headers=headers).json()
    assert [one["params"]["reason"] for one in first["results"]] == ["reason 2", "reason 1"]
    second = Client().get(first["next"], headers=headers).json()
    assert [one["text"] for one in second["results"]] == ["5.00 credits were added: reason 0"]
    marked = Client().post("/api/notices/read", {}, content_type="application/json", headers=headers)
    assert marked.json() == {"read": 3}
    assert Client().get("/api/notices?unread=true", headers=headers).json()["results"] == []


def test_the_bell_counts_up_to_a_hundred(alice: User, client_of: ClientOf) -> None:
    Notice.objects.bulk_create(Notice(user=alice, kind="credits.granted") for _n in range(120))
    assert "99+" in client_of(alice).get("/library/").content.decode()


def test_after_a_year_a_notice_goes_unless_its_mail_is_owed(alice: User) -> None:
    old, owed, new = give(alice), give(alice), give(alice)
    Notice.objects.filter(pk__in=[old.pk, new.pk]).update(mail_owed=False)
    Notice.objects.filter(pk__in=[old.pk, owed.pk]).update(created_at=after(-mail_queue.KEPT_S - 60))
    assert mail_queue.prune() and not mail_queue.prune()
    assert set(Notice.objects.all()) == {owed, new}


def test_a_matter_that_several_necessary_kinds_tell_of_is_listed_once(alice: User) -> None:
    titles = [str(choice.kind.title) for choice in mail_preferences.preferences_of(alice)]
    assert len(titles) == len(set(titles))
    assert titles.count("Copies of what is mine") == 1


def test_choosing_keeps_what_is_wanted(alice: User, client_of: ClientOf) -> None:
    client = client_of(alice)
    client.post("/account/notices/choices/", {"mail": []})
    assert not mail_preferences.wants_mail(alice.pk, "credits.granted")
    client.post("/account/notices/choices/", {"mail": ["credits.granted", "no.such"]})
    assert mail_preferences.wants_mail(alice.pk, "credits.granted")
    assert factories.account_of(alice)


def test_a_mail_that_cannot_be_written_stands_before_no_other(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = give(alice), give(bob)
    written = mail_queue.compose

    def write(notice: Notice, address: str) -> Any:
        if notice.pk == bad.pk:
            raise UnicodeError("an address that is none")
        return written(notice, address)

    monkeypatch.setattr(mail_queue, "compose", write)
    mail_queue.run_once()
    bad.refresh_from_db()
    good.refresh_from_db()
    assert good.mailed_at is not None and bad.mailed_at is None
    assert bad.mail_owed and bad.mail_note == "UnicodeError"


@pytest.mark.parametrize("verified", [False, True])
def test_nobody_is_written_to_who_has_not_confirmed_the_address(alice: User, verified: bool) -> None:
    EmailAddress.objects.create(user=alice, email=alice.email, primary=True, verified=verified)
    notice = notices.notify(alice, "export.ready", link="/account/export/")
    mail_queue.run_once()
    notice.refresh_from_db()
    assert (len(mail.outbox), notice.mail_owed) == (int(verified), False)
    assert notice.mail_note == ("" if verified else "not confirmed")
    closure_request = closure.request_closure(alice)
    assert closure_request.address == (alice.email if verified else "")


def test_nor_of_a_change_of_the_password(alice: User) -> None:
    EmailAddress.objects.create(user=alice, email=alice.email, primary=True, verified=False)
    client = Client()
    client.post("/accounts/login/", {"login": "alice", "password": "correct horse"})
    form = {"oldpassword": "correct horse", "password1": WORDS, "password2": WORDS}
    assert client.post("/accounts/password/change/", form).status_code == 302
    assert mail.outbox == []


def test_a_long_reason_is_cut_in_the_subject_and_whole_in_the_mail(alice: User) -> None:
    give(alice, "because " * 20)
    give(alice, "for the show of Mr. Fog.")
    notices.notify(alice, "export.no_room")
    mail_queue.run_once()
    long, short, first = mail.outbox
    assert long.subject.endswith("…") and len(long.subject) <= 110 and "because " * 20 in str(long.body)
    assert short.subject == "Darkroom: 5.00 credits were added: for the show of Mr. Fog."
    assert first.subject.endswith("for the copy of everything that is yours"), "the first sentence"


def test_every_kind_is_a_mail_in_both_languages_with_one_link_and_a_way_out_where_there_is_one(
    alice: User, settings: Any
) -> None:
    for language in ("en", "zh-hans"):
        User.objects.filter(pk=alice.pk).update(language=language)
        alice.refresh_from_db()
        for kind in (one for one in notice_kinds.ALL if one.mail):
            letter = mail_queue.compose(notices.notify(alice, kind.name, link="/account/"), alice.email)
            assert letter is not None
            html = str(letter.alternatives[0][0])
            assert f'lang="{language}"' in html and html.count("<a ") <= 2, kind.name
            assert html.count(f'href="{settings.ORIGIN}/account/"') == bool(kind.button), kind.name
            assert ("/notices/stop/" in html) is not kind.necessary, kind.name
            way = letter.extra_headers.get("List-Unsubscribe", "")
            assert bool(way) is not kind.necessary, kind.name
            if way:
                assert letter.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
                address = way.strip("<>").removeprefix(settings.ORIGIN)
                assert Client(enforce_csrf_checks=True).post(address, "List-Unsubscribe=One-Click",
                    content_type="application/x-www-form-urlencoded").status_code == 200  # fmt: skip
                assert not mail_preferences.wants_mail(alice.pk, kind.name)


def test_a_token_of_an_organisation_reads_nobodys_inbox(alice: User) -> None:
    notice = give(alice)
    shared = api_tokens.issue(alice, "shared", account=management.create(alice, "Studio Nord"))[1]
    headers = {"Authorization": f"Bearer {shared}"}
    assert Client().get("/api/notices", headers=headers).status_code == 403
    assert Client().post("/api/notices/read", {}, "application/json", headers=headers).status_code == 403
    notice.refresh_from_db()
    assert notice.read_at is None
    headers = {
        "Authorization": f"Bearer {api_tokens.issue(alice, 'own', account=management.personal_account_of(alice))[1]}"
    }
    assert [one["id"] for one in Client().get("/api/notices", headers=headers).json()["results"]] == [
        notice.pk
    ]

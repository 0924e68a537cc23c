"""Sessions of a user: the list, recent sign-ins, ending them; and sign-in of a banned member."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core import mail, signing
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.auth import blocked_login
from accounts.models import AuditEntry, SignIn, User
from accounts.sessions import login_history, login_sessions
from accounts.staff import sanctions
from tests import factories
from tests.accounts.auth.auth_forms import WORDS, set_up, sign_up, totp

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User], Client]
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


def browser(name: str = "alice", agent: str = FIREFOX, address: str = "203.0.113.7") -> Client:
    """A browser in which somebody signed in through the form."""
    client = Client(HTTP_USER_AGENT=agent, REMOTE_ADDR=address)
    client.post("/accounts/login/", {"login": name, "password": "correct horse"})
    return client


def signed_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def test_sessions_are_listed_by_browser_and_network(alice: User) -> None:
    here = browser()
    browser(agent="curl/8.5.0", address="198.51.100.9")
    page = here.get("/accounts/sessions/").content.decode()
    assert "Firefox 128 · Linux" in page and "curl" in page
    assert "203.0.113.0/24" in page and "203.0.113.7" not in page and "198.51.100.9" not in page
    assert page.index("Firefox 128") < page.index("curl")
    assert page.count("/end/") == 2


def test_one_session_is_ended(alice: User) -> None:
    here, there = browser(), browser(agent="curl/8.5.0")
    other = UserSession.objects.get(user_agent="curl/8.5.0")
    assert here.post(f"/accounts/sessions/{other.pk}/end/").status_code == 302
    assert (signed_in(here), signed_in(there)) == (True, False)


def test_nobody_ends_the_session_of_another(alice: User, bob: User) -> None:
    here = browser()
    row = UserSession.objects.get()
    assert browser("bob").post(f"/accounts/sessions/{row.pk}/end/").status_code == 404
    assert signed_in(here)
    assert Client().post(f"/accounts/sessions/{row.pk}/end/")["Location"].startswith("/accounts/login/")


def test_all_others_are_ended_also_those_that_no_row_tells_of(alice: User, client_of: ClientOf) -> None:
    here, there, unknown = browser(), browser(), client_of(alice)
    assert here.get("/accounts/sessions/others/end/").status_code == 405
    here.post("/accounts/sessions/others/end/")
    assert [signed_in(client) for client in (here, there, unknown)] == [True, False, False]
    assert here.get("/accounts/sessions/").content.decode().count('class="badge ok">here') == 1


def test_another_password_ends_every_other_session_and_the_page_says_so(alice: User) -> None:
    here, there = browser(), browser(agent="curl/8.5.0")
    there_key = there.session.session_key
    page = here.get("/accounts/password/change/").content.decode()
    assert "Every other session ends" in page and "API tokens go on" in page
    form = {"oldpassword": "correct horse", "password1": WORDS, "password2": WORDS}
    assert here.post("/accounts/password/change/", form).status_code == 302
    assert not Session.objects.filter(session_key=there_key).exists()
    assert (signed_in(here), signed_in(there)) == (True, False)
    assert [row.session_key for row in UserSession.objects.all()] == [here.session.session_key]
    assert here.get("/accounts/sessions/").content.decode().count('class="badge ok">here') == 1


def test_a_password_that_was_reset_ends_every_session(alice: User) -> None:
    there = browser()
    stranger = Client()
    stranger.post("/accounts/password/reset/", {"email": alice.email})
    link = next(word for word in str(mail.outbox[0].body).split() if "/password/reset/key/" in word)
    form = stranger.get(link.removeprefix("http://testserver"), follow=True).redirect_chain[-1][0]
    assert stranger.post(form, {"password1": WORDS, "password2": WORDS}).status_code == 302
    assert not signed_in(there)
    assert not UserSession.objects.exists() and not Session.objects.filter(
        session_key=there.session.session_key
    )


def test_an_administrator_ends_all_with_a_reason(alice: User, staff: User, client_of: ClientOf) -> None:
    there = browser()
    path = reverse("admin:accounts_user_end_sessions", args=[alice.pk])
    client_of(staff).post(path, {"reason": "password was shown"})
    assert not signed_in(there)
    assert AuditEntry.objects.get(action="user.end_sessions").account_id == alice.account_id
    assert signed_in(browser())


def test_a_session_says_to_about_five_minutes_when_it_was_used(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    login_sessions.clear_intervals()
    here = browser()
    UserSession.objects.update(last_seen_at=timezone.now() - timedelta(hours=1))
    here.get("/studio/")
    assert UserSession.objects.get().last_seen_at < timezone.now() - timedelta(minutes=30)
    monkeypatch.setattr(login_sessions, "FRESH_S", 0.0)
    here.get("/studio/")
    assert UserSession.objects.get().last_seen_at > timezone.now() - timedelta(minutes=1)


def test_the_apis_ask_nothing_about_sessions(
    alice: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_sessions, "FRESH_S", 0.0)
    client = client_of(alice)
    token = factories.make_token(alice)
    for _again in range(2):
        with CaptureQueriesContext(connection) as asked:
            client.get("/v1/account", headers={"Authorization": f"Bearer {token}"})
            client.get("/api/me")
        assert [query for query in asked.captured_queries if "usersession" in query["sql"]] == []


def test_who_tried_and_who_came_in_is_shown_without_addresses(alice: User) -> None:
    browser().post("/accounts/logout/")
    Client(REMOTE_ADDR="198.51.100.9").post("/accounts/login/", {"login": "alice", "password": "wrong"})
    page = browser().get("/accounts/sessions/").content.decode()
    assert "refused" in page and "198.51.100.0/24" in page and "198.51.100.9" not in page
    assert list(SignIn.objects.filter(user=alice).order_by("id").values_list("succeeded", flat=True)) == [
        True,
        False,
        True,
    ]


def test_a_try_with_a_name_that_nobody_has_is_counted_and_not_named(staff: User, client_of: ClientOf) -> None:
    Client().post("/accounts/login/", {"login": "a-password-by-mistake", "password": "x"})
    row = SignIn.objects.get()
    assert (row.user, row.succeeded) == (None, False)
    assert "by-mistake" not in client_of(staff).get("/admin/accounts/signin/").content.decode()


def test_sign_ins_are_forgotten_after_ninety_days(alice: User) -> None:
    for days in (89, 91, 400):
        SignIn.objects.create(user=alice, succeeded=True, at=timezone.now() - timedelta(days=days))
    assert login_history.prune() is False
    assert SignIn.objects.count() == 1


def test_sessions_that_are_over_are_removed_with_the_rows_that_tell_of_them(alice: User) -> None:
    browser()
    over, out = browser(), browser()
    Session.objects.filter(pk=over.session.session_key).update(expire_date=timezone.now() - timedelta(1))
    out.post("/accounts/logout/")
    assert UserSession.objects.count() == 3 and not login_sessions.prune()
    assert UserSession.objects.count() == 3 and Session.objects.count() <= 2, "rows are kept for two weeks"
    UserSession.objects.update(last_seen_at=timezone.now() - timedelta(15))
    login_sessions.prune()
    assert UserSession.objects.count() == 1, "the one that is still open"


# -- Who is kept out -----------------------------------------------------------------------------------------


def test_a_banned_member_reads_why_after_the_right_password_alone(alice: User, staff: User) -> None:
    sanctions.ban(alice, staff, "sold other people's pictures")
    wrong = Client()
    wrong.post("/accounts/login/", {"login": "alice", "password": "wrong"})
    assert "sold other" not in wrong.get("/accounts/inactive/").content.decode()
    right = Client()
    answer = right.post("/accounts/login/", {"login": "alice", "password": "correct horse"}, follow=True)
    assert "sold other people&#x27;s pictures" in answer.content.decode()
    assert not signed_in(right)


def test_what_is_left_to_them_is_offered_by_the_floors_above(
    alice: User, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocked_login, "_link_builders", [])
    blocked_login.register_link(
        lambda request, user: blocked_login.BlockedUserLink("Appeal", f"/appeal/{user.username}/")
    )
    blocked_login.register_link(lambda request, user: None)
    sanctions.ban(alice, staff, "spam")
    page = Client().post("/accounts/login/", {"login": "alice", "password": "correct horse"}, follow=True)
    assert 'href="/appeal/alice/"' in page.content.decode()
    assert "/appeal/" not in Client().get("/accounts/inactive/").content.decode()


def test_the_pass_of_a_banned_member_ends_and_cannot_be_made_up(
    alice: User, staff: User, rf: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    sanctions.ban(alice, staff, "spam")
    client = Client()
    client.post("/accounts/login/", {"login": "alice", "password": "correct horse"})
    request = client.get("/accounts/inactive/").wsgi_request
    assert blocked_login.blocked_user(request) == alice
    monkeypatch.setattr(blocked_login, "TOKEN_MAX_AGE_S", -1)
    assert blocked_login.blocked_user(request) is None
    monkeypatch.undo()
    request.session["entrance.barred"] = signing.dumps(alice.pk, salt="another")
    assert blocked_login.blocked_user(request) is None


def test_who_has_a_second_factor_shows_it_before_anything_is_told(alice: User, staff: User) -> None:
    client = browser()
    secret = set_up(client)
    sanctions.ban(alice, staff, "spam is not art")
    late = Client()
    step = late.post("/accounts/login/", {"login": "alice", "password": "correct horse"})
    assert step["Location"] == "/accounts/2fa/authenticate/"
    assert "not art" not in late.get("/accounts/inactive/").content.decode()
    page = late.post("/accounts/2fa/authenticate/", {"code": totp(secret, ahead=1)}, follow=True)
    assert "spam is not art" in page.content.decode() and not signed_in(late)


def test_a_banned_member_who_forgot_the_password_is_not_told_that_there_is_no_account(
    alice: User, staff: User
) -> None:
    sanctions.ban(alice, staff, "Spam.")
    Client().post("/accounts/password/reset/", {"email": alice.email})
    assert "no open account here has this address" in str(mail.outbox[-1].body)


# -- Language and mails --------------------------------------------------------------------------------------


def test_the_language_is_remembered_at_the_sign_up_and_when_it_is_switched(client: Client) -> None:
    client.cookies["django_language"] = "zh-hans"
    user = sign_up(client, "dora")
    assert user.language == "zh-hans"
    client.post("/i18n/setlang/", {"language": "en", "next": "/"})
    assert User.objects.get(pk=user.pk).language == "en"
    client.post("/i18n/setlang/", {"language": "xx", "next": "/"})
    assert User.objects.get(pk=user.pk).language == "en"


def test_mails_have_a_plain_and_an_html_twin_with_the_same_link(alice: User) -> None:
    Client().post("/accounts/password/reset/", {"email": alice.email})
    letter = mail.outbox[0]
    html = str(letter.alternatives[0][0])  # type: ignore[attr-defined]
    link = next(word for word in str(letter.body).split() if "/password/reset/key/" in word)
    assert link in html and "max-width:560px" in html and "<script" not in html
    assert letter.extra_headers["Auto-Submitted"] == "auto-generated"


def test_mails_are_in_the_language_of_the_one_they_go_to(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(language="zh-hans")
    Client(HTTP_ACCEPT_LANGUAGE="en").post("/accounts/password/reset/", {"email": alice.email})
    assert 'lang="zh-hans"' in str(mail.outbox[0].alternatives[0][0])  # type: ignore[attr-defined]


@override_settings(
    EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend", EMAIL_HOST="127.0.0.1", EMAIL_PORT=1
)
def test_a_mail_server_that_is_away_breaks_no_sign_up(client: Client) -> None:
    sign_up(client, "dora")


def test_a_name_in_a_mail_is_text(client: Client) -> None:
    form = {"username": "<b>x</b>", "email": "d@example.org", "password1": WORDS, "password2": WORDS}
    assert client.post("/accounts/signup/", form).status_code == 200
    assert mail.outbox == []


def test_ending_every_session_ends_what_open_pages_are_told_too(alice: User) -> None:
    here, there = browser(), browser(agent="curl/8.5.0")
    key = UserSession.objects.get(user_agent="curl/8.5.0").session_key
    assert here.post("/accounts/sessions/others/end/").status_code == 302
    assert not Session.objects.filter(session_key=key).exists()
    assert (signed_in(here), signed_in(there)) == (True, False)


def test_who_is_kept_out_gets_a_key_of_the_session_that_nobody_had_before(alice: User) -> None:
    sanctions.ban(alice, None, "Enough.")
    client = Client()
    session = client.session
    session["kept"] = 1
    session.save()
    before = client.cookies["sessionid"].value
    client.post("/accounts/login/", {"login": "alice", "password": "correct horse"})
    assert "Enough." in client.get("/accounts/inactive/").content.decode()
    assert client.cookies["sessionid"].value != before
    assert not Session.objects.filter(session_key=before).exists()

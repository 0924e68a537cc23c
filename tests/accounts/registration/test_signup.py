"""Signing up, in, out, checking the e-mail and resetting the password, through the pages."""

from __future__ import annotations

import re

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.core import mail
from django.test import Client, override_settings

from accounts.models import MICRO, LedgerEntry, Membership, User
from accounts.registration import welcome_credits
from accounts.staff import first_admin
from tests import factories

pytestmark = pytest.mark.django_db
WORDS = "a long unusual phrase 7"


def sign_up(client: Client, username: str = "dora") -> User:
    form = {"username": username, "email": f"{username}@example.org", "password1": WORDS, "password2": WORDS}
    answer = client.post("/accounts/signup/", form)
    assert answer.status_code == 302, answer.content.decode()[:2000]
    return User.objects.get(username=username)


def test_a_new_member_has_an_account_and_the_welcome_credits(client: Client) -> None:
    user = sign_up(client)
    assert factories.account_of(user).balance == settings.WELCOME_CREDITS * MICRO
    assert Membership.objects.get(user=user).role == Membership.Role.OWNER
    assert LedgerEntry.objects.get(account=user.account).reference == f"welcome-{user.pk}"


def test_the_welcome_is_given_once(client: Client) -> None:
    user = sign_up(client)
    assert welcome_credits.grant_welcome(user) is None
    assert factories.account_of(user).balance == settings.WELCOME_CREDITS * MICRO


@override_settings(WELCOME_CREDITS=0)
def test_no_welcome_leaves_no_row(client: Client) -> None:
    assert not LedgerEntry.objects.filter(account=sign_up(client).account).exists()


@override_settings(REGISTRATION="closed")
def test_registration_can_be_closed(client: Client) -> None:
    form = {"username": "dora", "email": "d@example.org", "password1": WORDS, "password2": WORDS}
    assert client.post("/accounts/signup/", form).status_code == 200
    assert not User.objects.filter(username="dora").exists()


def test_reserved_names_are_nobodys(client: Client) -> None:
    form = {"username": "moderator", "email": "m@example.org", "password1": WORDS, "password2": WORDS}
    assert client.post("/accounts/signup/", form).status_code == 200
    assert not User.objects.filter(username="moderator").exists()


@pytest.mark.parametrize("name", ["alice", "alice@example.org"])
def test_signing_in_takes_username_or_email(client: Client, alice: User, name: str) -> None:
    answer = client.post("/accounts/login/", {"login": name, "password": "correct horse"})
    assert (answer.status_code, answer["Location"]) == (302, "/studio/")


def test_a_wrong_password_opens_nothing(client: Client, alice: User) -> None:
    assert client.post("/accounts/login/", {"login": "alice", "password": "wrong"}).status_code == 200
    assert client.get("/account/").status_code == 302


def test_a_banned_user_cannot_sign_in(client: Client, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    client.post("/accounts/login/", {"login": "alice", "password": "correct horse"})
    assert client.get("/account/").status_code == 302


def test_signing_out_ends_the_session(client: Client, alice: User) -> None:
    client.force_login(alice, backend=settings.AUTHENTICATION_BACKENDS[0])
    assert client.post("/accounts/logout/").status_code == 302
    assert client.get("/account/").status_code == 302


def test_the_email_is_checked_by_a_link(client: Client) -> None:
    user = sign_up(client)
    link = re.search(r"/accounts/confirm-email/[^/\s]+/", str(mail.outbox[0].body))
    assert link is not None
    assert client.post(link.group()).status_code == 302
    assert user.emailaddress_set.get().verified  # type: ignore[attr-defined]


def test_a_forgotten_password_is_set_anew_by_a_link(client: Client, alice: User) -> None:
    client.post("/accounts/password/reset/", {"email": alice.email})
    link = re.search(r"/accounts/password/reset/key/\S+", str(mail.outbox[0].body))
    assert link is not None
    form_url = client.get(link.group())["Location"]
    assert client.post(form_url, {"password1": WORDS, "password2": WORDS}).status_code == 302
    assert client.login(username="alice", password=WORDS)


@override_settings(ACCOUNT_EMAIL_VERIFICATION="mandatory")
def test_where_the_email_must_be_checked_the_first_administrator_gets_in_and_a_newcomer_does_not(
    client: Client,
) -> None:
    made = first_admin.create()
    assert made is not None
    form = {"login": made.username, "password": made.password}
    assert client.post("/accounts/login/", form)["Location"] == "/studio/"
    newcomer = Client()
    sign_up(newcomer)
    assert newcomer.get("/account/").status_code == 302
    answer = newcomer.post("/accounts/login/", {"login": "dora", "password": WORDS})
    assert answer["Location"] == "/accounts/confirm-email/"


def shown_to(email: str, username: str) -> tuple[int, str, str]:
    """What a stranger sees who signs up with an address: status, where it leads, and the page behind it."""
    stranger = Client()
    form = {"username": username, "email": email, "password1": WORDS, "password2": WORDS}
    answer = stranger.post("/accounts/signup/", form)
    after = stranger.get("/accounts/email/")
    text = re.sub(r"\b[A-Za-z0-9]{64}\b|--hue:\d+", "", after.content.decode())
    return (
        answer.status_code,
        answer.headers.get("Location", ""),
        text.replace(email, "E").replace(username, "N"),
    )


@pytest.mark.parametrize("verification", ["optional", "mandatory", "none"])
def test_a_sign_up_tells_nobody_which_addresses_are_known(alice: User, verification: str) -> None:
    EmailAddress.objects.create(user=alice, email="alice@example.org", verified=True, primary=True)
    User.objects.filter(pk=alice.pk).update(email="alice@example.org")
    with override_settings(ACCOUNT_EMAIL_VERIFICATION=verification):
        known, unknown = shown_to("alice@example.org", "dora"), shown_to("fresh@example.org", "dora2")
    assert known[:2] == unknown[:2]
    assert known[0] == 302
    assert sorted(set(known[2].split("\n")) ^ set(unknown[2].split("\n"))) == []


def test_an_address_that_a_stranger_gave_opens_nothing_of_its_owner(alice: User) -> None:
    EmailAddress.objects.create(user=alice, email="alice@example.org", verified=True, primary=True)
    User.objects.filter(pk=alice.pk).update(email="alice@example.org")
    with override_settings(ACCOUNT_EMAIL_VERIFICATION="optional"):
        shown_to("alice@example.org", "mallory")
        Client().post("/accounts/password/reset/", {"email": "alice@example.org"})
    assert "alice" in mail.outbox[-1].body and "mallory" not in mail.outbox[-1].body
    stranger, owner = Client(), Client()
    stranger.post("/accounts/login/", {"login": "alice@example.org", "password": WORDS})
    assert "_auth_user_id" not in stranger.session or stranger.session["_auth_user_id"] != str(alice.pk)
    owner.post("/accounts/login/", {"login": "alice@example.org", "password": "correct horse"})
    assert owner.session["_auth_user_id"] == str(alice.pk)

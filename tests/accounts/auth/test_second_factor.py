"""Codes of an app, recovery codes, and asking again before the ways in are changed."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Permission
from django.core import mail
from django.test import Client, override_settings
from django.urls import reverse

from accounts.auth import second_factor
from accounts.models import AuditEntry, SignIn, User
from core import crypto
from predictions.upstreams import key_rotation
from tests import factories
from tests.accounts.auth.auth_forms import given, set_up, totp

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User], Client]
PASSWORD = "correct horse"


def codes(client: Client) -> list[str]:
    return re.findall(r"<li>(\d{8})</li>", client.get("/accounts/2fa/recovery-codes/").content.decode())


def sign_in(client: Client, password: str = PASSWORD) -> str:
    """Where the name and the password lead."""
    return str(
        client.post("/accounts/login/", {"login": "alice", "password": password}).headers.get("Location", "")
    )


def signed_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


@pytest.fixture
def protected(alice: User) -> tuple[str, list[str]]:
    """Alice has an app and recovery codes; the secret and the codes."""
    return given(alice)


def test_the_password_alone_opens_nothing_any_more(alice: User) -> None:
    client = Client()
    sign_in(client)
    protected = set_up(client), codes(client)
    assert len(protected[1]) == 10
    client = Client()
    assert sign_in(client) == "/accounts/2fa/authenticate/"
    assert not signed_in(client)
    assert client.post("/accounts/2fa/authenticate/", {"code": "000000"}).status_code == 200
    assert not signed_in(client)
    # The one that set it up is used already; the next period's is not.
    answer = client.post("/accounts/2fa/authenticate/", {"code": totp(protected[0], ahead=1)})
    assert answer["Location"] == "/studio/" and signed_in(client)
    assert [row.how for row in SignIn.objects.filter(succeeded=True).order_by("-id")[:1]] == ["code"]
    assert SignIn.objects.filter(succeeded=False, how="code").count() == 1


def test_a_code_is_good_once(protected: tuple[str, list[str]]) -> None:
    code = totp(protected[0], ahead=1)
    first, second = Client(), Client()
    sign_in(first)
    sign_in(second)
    first.post("/accounts/2fa/authenticate/", {"code": code})
    second.post("/accounts/2fa/authenticate/", {"code": code})
    assert (signed_in(first), signed_in(second)) == (True, False)


def test_a_recovery_code_opens_once(protected: tuple[str, list[str]]) -> None:
    assert len(set(protected[1])) == 10
    for expected in (True, False):
        client = Client()
        sign_in(client)
        client.post("/accounts/2fa/authenticate/", {"code": protected[1][0]})
        assert signed_in(client) is expected
    assert SignIn.objects.filter(how="recovery", succeeded=True).count() == 1


def test_the_step_cannot_be_taken_without_the_password(protected: tuple[str, list[str]]) -> None:
    client = Client()
    answer = client.post("/accounts/2fa/authenticate/", {"code": totp(protected[0], ahead=1)})
    assert answer["Location"].startswith("/accounts/login/") and not signed_in(client)


def test_what_concerns_the_ways_in_is_asked_for_again(alice: User, client_of: ClientOf) -> None:
    client = client_of(alice)
    for path in (
        "/accounts/2fa/totp/activate/",
        "/accounts/2fa/webauthn/add/",
        "/accounts/2fa/recovery-codes/generate/",
    ):
        assert client.get(path)["Location"].startswith("/accounts/reauthenticate/"), path
    wrong = client.post("/accounts/reauthenticate/?next=/accounts/2fa/totp/activate/", {"password": "wrong"})
    assert wrong.status_code == 200
    assert not Authenticator.objects.exists()


def test_another_address_is_taken_only_from_who_shows_the_password_again(
    alice: User, client_of: ClientOf
) -> None:
    client = client_of(alice)
    form = {"email": "thief@example.org", "action_add": ""}
    assert client.post("/accounts/email/", form)["Location"].startswith("/accounts/reauthenticate/")
    assert not alice.emailaddress_set.filter(email="thief@example.org").exists()  # type: ignore[attr-defined]


def test_the_way_on_after_confirming_leads_nowhere_else(alice: User, client_of: ClientOf) -> None:
    answer = client_of(alice).post(
        "/accounts/reauthenticate/?next=https://evil.example/",
        {"password": PASSWORD, "next": "https://evil.example/"},
    )
    assert "evil.example" not in answer["Location"]


def test_secrets_are_encrypted_at_rest(protected: tuple[str, list[str]]) -> None:
    for row in Authenticator.objects.all():
        stored = row.data.get("secret") or row.data["seed"]
        assert protected[0] not in stored
        assert crypto.decrypt(stored) != stored


def test_secrets_move_to_a_new_key_with_the_others(
    protected: tuple[str, list[str]],
) -> None:
    old = crypto.keys()
    new = key_rotation.new_key()
    with override_settings(VAULT_KEYS_FILE=None, VAULT_KEYS=[new, *old]):
        assert second_factor.reencrypt() == 2
    with override_settings(VAULT_KEYS_FILE=None, VAULT_KEYS=[new]):
        assert second_factor.unreadable() == []
        client = Client()
        sign_in(client)
        client.post("/accounts/2fa/authenticate/", {"code": totp(protected[0], ahead=1)})
        assert signed_in(client)
    with override_settings(VAULT_KEYS_FILE=None, VAULT_KEYS=[key_rotation.new_key()]):
        assert len(second_factor.unreadable()) == 2


def test_removing_the_app_takes_the_codes_with_it_and_is_told_by_mail(alice: User) -> None:
    client = Client()
    sign_in(client)
    set_up(client)
    mail.outbox.clear()
    assert client.post("/accounts/2fa/totp/deactivate/").status_code == 302
    assert not Authenticator.objects.exists()
    assert "asks for no code" in mail.outbox[0].subject
    assert "127.0.0.1" not in str(mail.outbox[0].body) and "127.0.0.0/24" in str(mail.outbox[0].body)


def test_no_page_but_the_one_that_makes_it_shows_the_secret(
    protected: tuple[str, list[str]], staff: User, client_of: ClientOf
) -> None:
    client = Client()
    sign_in(client)
    client.post("/accounts/2fa/authenticate/", {"code": protected[1][1]})
    admin_client = client_of(staff)
    row = Authenticator.objects.get(type="totp")
    pages = [client.get("/accounts/2fa/"), admin_client.get(f"/admin/mfa/authenticator/{row.pk}/change/")]
    for page in pages:
        assert page.status_code == 200
        assert protected[0] not in page.content.decode() and row.data["secret"] not in page.content.decode()


@override_settings(STAFF_TWO_FACTOR=True)
def test_staff_is_sent_to_set_one_up_where_the_operator_wants_that(
    alice: User, staff: User, protected: tuple[str, list[str]], client_of: ClientOf
) -> None:
    admin_client = client_of(staff)
    assert admin_client.get("/admin/")["Location"] == "/accounts/2fa/"
    assert admin_client.get("/studio/").status_code == 200
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    alice.refresh_from_db()
    assert client_of(alice).get("/admin/").status_code == 200


def test_staff_needs_none_where_the_operator_says_nothing(staff: User, client_of: ClientOf) -> None:
    assert client_of(staff).get("/admin/").status_code == 200


def test_an_administrator_takes_second_factors_away_with_a_reason(
    alice: User, staff: User, protected: tuple[str, list[str]], client_of: ClientOf
) -> None:
    admin_client = client_of(staff)
    page = admin_client.get(f"/admin/accounts/user/{alice.pk}/change/").content.decode()
    path = reverse("admin:accounts_user_remove_second_factor", args=[alice.pk])
    assert path in page
    assert admin_client.post(path, {"reason": ""}, follow=True).status_code == 422
    assert Authenticator.objects.exists()
    assert admin_client.post(path, {"reason": "lost her telephone"}).status_code == 302
    assert not Authenticator.objects.exists()
    assert AuditEntry.objects.get(action="user.remove_second_factor").reason == "lost her telephone"
    client = Client()
    assert sign_in(client) == "/studio/"


def test_other_staff_takes_none_away(
    alice: User, protected: tuple[str, list[str]], client_of: ClientOf
) -> None:
    helper = factories.make_user("helper", is_staff=True)
    helper.user_permissions.set(Permission.objects.filter(content_type__app_label="accounts"))
    for act in ("remove_second_factor", "end_sessions"):
        path = reverse(f"admin:accounts_user_{act}", args=[alice.pk])
        assert client_of(helper).post(path, {"reason": "because"}).status_code == 403
    assert Authenticator.objects.filter(user=alice).exists()

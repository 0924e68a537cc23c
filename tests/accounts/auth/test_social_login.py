"""Signing in by another service, against a real provider on this machine: who gets in, and into whose account not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.test import Client, override_settings

from accounts.models import SignIn, User
from accounts.registration import invitations
from accounts.site import site_rules
from accounts.staff import sanctions
from config import env
from config.social_login import services
from core import redaction
from tests import factories
from tests.accounts.auth.auth_forms import set_up, totp
from tests.accounts.auth.oidc_provider import CLIENT, SECRET, OidcProvider, running

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User], Client]
LOGIN = "/accounts/oidc/house/login/"


def configured(monkeypatch: pytest.MonkeyPatch, *apps: dict[str, Any]) -> dict[str, dict[str, Any]]:
    monkeypatch.setenv("DARKROOM_SOCIAL", json.dumps(apps))
    return services("DARKROOM_SOCIAL")


@pytest.fixture(scope="module")
def provider() -> Iterator[OidcProvider]:
    with running() as one:
        yield one


@pytest.fixture(autouse=True)
def _service(provider: OidcProvider, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    app = {
        "id": "house",
        "name": "Acme ID",
        "client_id": CLIENT,
        "secret": SECRET,
        "server_url": provider.url,
    }
    settings.SOCIALACCOUNT_PROVIDERS = configured(monkeypatch, app)
    provider.broken = False


def come(client: Client, provider: OidcProvider, login: str = LOGIN, **person: Any) -> Any:
    """Through the button, the provider and back; the answer to the last step."""
    provider.person = {"sub": "42", **person}
    page = client.post(login)
    assert page.status_code == 200, page
    refresh = re.search(r'content="0;url=([^"]+)"', page.content.decode())
    assert refresh is not None
    back = httpx.get(refresh[1].replace("&amp;", "&")).headers["Location"]
    parts = urlsplit(back)
    return client.get(f"{parts.path}?{parts.query}")


def signed_in(client: Client) -> str:
    """Who is signed in."""
    answer = client.get("/account/")
    return str(answer.wsgi_request.user.username) if answer.status_code == 200 else ""


def test_the_pages_have_its_button(client: Client) -> None:
    for path in ("/accounts/login/", "/accounts/signup/"):
        page = client.get(path).content.decode()
        assert "Go on with Acme ID" in page and f'action="{LOGIN}' in page
        assert SECRET not in page


def test_somebody_new_becomes_a_member_with_the_welcome_credits(
    client: Client, provider: OidcProvider
) -> None:
    come(client, provider, email="mei@example.org", email_verified=True, preferred_username="mei")
    assert signed_in(client) == "mei"
    mei = User.objects.get(username="mei")
    assert factories.account_of(mei).balance > 0 and not mei.has_usable_password()
    assert EmailAddress.objects.get(user=mei).verified
    assert SignIn.objects.get(user=mei).how == "outside"
    assert not SocialToken.objects.exists()
    again = Client()
    come(again, provider, email="mei@example.org", email_verified=True)
    assert signed_in(again) == "mei" and User.objects.filter(username="mei").count() == 1


def test_who_is_called_by_an_address_there_gets_a_name_made_of_it(
    client: Client, provider: OidcProvider
) -> None:
    come(client, provider, email="mei@example.org", email_verified=True, preferred_username="mei@example.org")
    assert signed_in(client) == "mei"


def test_a_member_is_known_by_an_address_that_both_sides_have_checked(
    client: Client, provider: OidcProvider, alice: User
) -> None:
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    come(client, provider, email="ALICE@example.org", email_verified=True)
    assert signed_in(client) == "alice"
    assert alice.has_usable_password()
    assert SocialAccount.objects.get().user == alice


@pytest.mark.parametrize(
    ("here", "there"),
    [(True, False), (True, "false"), (True, None), (False, True), (False, False)],
    ids=["not there", "not there, in words", "not said there", "not here", "neither"],
)
def test_nobody_takes_over_an_account_by_an_address_that_was_not_checked(
    client: Client, provider: OidcProvider, alice: User, here: bool, there: Any
) -> None:
    EmailAddress.objects.create(user=alice, email=alice.email, verified=here, primary=True)
    claim = {} if there is None else {"email_verified": there}
    come(client, provider, email=alice.email, preferred_username="mallory", **claim)
    # They get an account of their own, and do not learn that somebody else gave the address too.
    assert signed_in(client) == "mallory"
    assert not SocialAccount.objects.filter(user=alice).exists()
    assert EmailAddress.objects.get(user=alice).verified is here
    assert EmailAddress.objects.get(user__username="mallory").verified is (there is True)
    alice.refresh_from_db()
    assert alice.check_password("correct horse")


@pytest.mark.parametrize(
    "looks_alike", ["al\u0131ce@example.org", "alice@ex\u00e4mple.org", "al\u0130ce@example.org"]
)
def test_an_address_that_only_looks_alike_opens_nobodys_account(
    client: Client, provider: OidcProvider, alice: User, looks_alike: str
) -> None:
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    come(client, provider, email=looks_alike, email_verified=True, preferred_username="mallory")
    assert signed_in(client) != "alice" and not SocialAccount.objects.filter(user=alice).exists()


def test_no_address_becomes_anothers_when_it_is_kept_in_small_letters(
    client: Client, provider: OidcProvider
) -> None:
    # The sign for kelvin, of which Python makes a plain k.
    come(client, provider, email="\u212aate@example.org", email_verified=True, preferred_username="mallory")
    assert signed_in(client) == "mallory"
    assert not EmailAddress.objects.filter(email="kate@example.org", verified=True).exists()


def test_a_service_that_is_not_trusted_vouches_for_nobody(
    client: Client, provider: OidcProvider, alice: User, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    app = {
        "id": "house",
        "client_id": CLIENT,
        "secret": SECRET,
        "server_url": provider.url,
        "trust_email": False,
    }
    settings.SOCIALACCOUNT_PROVIDERS = configured(monkeypatch, app)
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    come(client, provider, email=alice.email, email_verified=True)
    assert signed_in(client) not in ("", "alice")
    assert not SocialAccount.objects.filter(user=alice).exists()
    assert not EmailAddress.objects.exclude(user=alice).filter(verified=True).exists()


@pytest.mark.parametrize("how", ["invite", "closed"])
def test_where_registration_is_not_open_only_members_come_in(
    client: Client, provider: OidcProvider, alice: User, how: str
) -> None:
    site_rules.change(registration=how)
    before = User.objects.count()
    come(client, provider, email="new@example.org", email_verified=True, sub="77")
    assert signed_in(client) == "" and User.objects.count() == before
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    come(client, provider, email=alice.email, email_verified=True)
    assert signed_in(client) == "alice"


def test_the_invited_may_come_by_it_with_the_address_they_were_invited_by(
    client: Client, provider: OidcProvider, staff: User
) -> None:
    site_rules.change(registration="invite")
    row, path = invitations.make(staff, email="mei@example.org")
    client.get(path)
    come(client, provider, email="other@example.org", email_verified=True, sub="1")
    assert signed_in(client) == ""
    come(client, provider, email="mei@example.org", email_verified=True, sub="2")
    assert User.objects.get(invitation=row).email == "mei@example.org"
    assert signed_in(client) != ""


def test_an_address_to_throw_away_is_refused_here_too(client: Client, provider: OidcProvider) -> None:
    come(client, provider, email="x@mailinator.com", email_verified=True)
    assert signed_in(client) == "" and not SocialAccount.objects.exists()


def test_a_second_factor_is_asked_for_all_the_same(
    client: Client, provider: OidcProvider, alice: User
) -> None:
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    first = Client()
    first.post("/accounts/login/", {"login": "alice", "password": "correct horse"})
    secret = set_up(first)
    assert (
        come(client, provider, email=alice.email, email_verified=True)["Location"]
        == "/accounts/2fa/authenticate/"
    )
    assert signed_in(client) == ""
    client.post("/accounts/2fa/authenticate/", {"code": totp(secret, ahead=1)})
    assert signed_in(client) == "alice"


def test_a_banned_member_stays_out(client: Client, provider: OidcProvider, alice: User, staff: User) -> None:
    SocialAccount.objects.create(user=alice, provider="house", uid="42")
    sanctions.ban(alice, staff, "spam")
    assert come(client, provider, email=alice.email)["Location"] == "/accounts/inactive/"
    assert signed_in(client) == ""


def test_a_member_connects_it_after_showing_the_password_and_lets_it_go(
    provider: OidcProvider, alice: User, client_of: ClientOf
) -> None:
    client = client_of(alice)
    answer = come(
        client, provider, f"{LOGIN}?process=connect", email="elsewhere@example.org", email_verified=True
    )
    assert answer["Location"].startswith("/accounts/reauthenticate/")
    assert not SocialAccount.objects.exists()
    client.post(answer["Location"], {"password": "correct horse"})
    row = SocialAccount.objects.get(user=alice)
    assert "Acme ID" in client.get("/accounts/3rdparty/").content.decode()
    client.post("/accounts/3rdparty/", {"account": row.pk})
    assert not SocialAccount.objects.exists()


def test_nobody_lets_go_the_only_way_in(client: Client, provider: OidcProvider) -> None:
    come(client, provider, email="mei@example.org", email_verified=True, preferred_username="mei")
    row = SocialAccount.objects.get()
    page = client.post("/accounts/3rdparty/", {"account": row.pk})
    assert page.status_code == 200 and SocialAccount.objects.exists()


def test_an_answer_that_was_not_asked_for_opens_nothing(client: Client, provider: OidcProvider) -> None:
    provider.person = {"sub": "42", "email": "mei@example.org", "email_verified": True}
    for query in ("code=made-up&state=made-up", "code=x", "error=access_denied", "", "state=%00&code=%00"):
        answer = client.get(f"/accounts/oidc/house/login/callback/?{query}")
        assert answer.status_code in {200, 302, 401}, query
        assert signed_in(client) == ""


def test_a_provider_that_is_away_is_a_page_and_not_a_fault(client: Client, provider: OidcProvider) -> None:
    provider.broken = True
    answer = client.post(LOGIN)
    assert answer.status_code == 502 and "did not let you in" in answer.content.decode()


def test_no_request_leaves_the_house_before_a_form_is_sent(client: Client, provider: OidcProvider) -> None:
    provider.broken = True
    page = client.get(LOGIN).content.decode()
    assert "Acme ID" in page and '<form method="post"' in page
    assert client.get("/accounts/oidc/nobody/login/").status_code == 404


# -- The setting ---------------------------------------------------------------------------------------------

GOOD = {"provider": "google", "client_id": "id", "secret": "a long secret"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("nonsense", "JSON list"),
        ('{"provider": "google"}', "JSON list"),
        ([1], "object"),
        ([{**GOOD, "provider": "myspace"}], "provider"),
        ([{**GOOD, "secret": ""}], "secret"),
        ([{**GOOD, "client_id": 5}], "client_id"),
        ([{**GOOD, "colour": "red"}], "colour"),
        ([{**GOOD, "trust_email": "yes"}], "trust_email"),
        ([{**GOOD, "scope": "email"}], "scope"),
        ([GOOD, GOOD], "twice"),
        ([{**GOOD, "provider": "openid_connect", "id": "Bad Id", "server_url": "https://id.example"}], "id"),
        ([{**GOOD, "provider": "openid_connect", "id": "x"}], "server_url"),
        ([{**GOOD, "provider": "openid_connect", "id": "x", "server_url": "http://id.example"}], "https"),
    ],
)
def test_a_wrong_setting_stops_the_start_and_tells_no_secret(
    monkeypatch: pytest.MonkeyPatch, given: Any, words: str
) -> None:
    monkeypatch.setenv("DARKROOM_SOCIAL", given if isinstance(given, str) else json.dumps(given))
    with pytest.raises(env.SettingError, match=words) as found:
        services("DARKROOM_SOCIAL")
    assert "a long secret" not in str(found.value)


def test_the_setting_may_stand_in_a_file_and_hides_its_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "social.json"
    rows = [
        GOOD,
        {**GOOD, "provider": "github"},
        {**GOOD, "provider": "gitlab", "server_url": "https://git.example"},
    ]
    file.write_text(json.dumps([*rows, {**GOOD, "provider": "microsoft", "tenant": "acme"}]))
    monkeypatch.setenv("DARKROOM_SOCIAL_FILE", str(file))
    found = services("DARKROOM_SOCIAL")
    assert set(found) == {"google", "github", "gitlab", "microsoft"}
    assert found["gitlab"]["APPS"][0]["settings"]["gitlab_url"] == "https://git.example"
    assert found["microsoft"]["APPS"][0]["settings"]["tenant"] == "acme"
    assert "a long secret" not in repr(found) and found["google"]["APPS"][0]["secret"] == "a long secret"
    assert "a long secret" not in redaction.scrub("it is a long secret, truly")


def test_a_house_without_services_shows_none(client: Client) -> None:
    with override_settings(SOCIALACCOUNT_PROVIDERS={}):
        assert "Go on with" not in client.get("/accounts/login/").content.decode()

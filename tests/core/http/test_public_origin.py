"""What others than the caller read never names a host that the caller made up."""

from __future__ import annotations

import pytest
from django.core import mail
from django.test import Client, RequestFactory, override_settings

from accounts.models import User
from core.http.public_origin import trusted_origin
from gallery.models import Item
from tests.support.picture_items import picture_item

pytestmark = pytest.mark.django_db
EVIL = {"host": "evil.example:8133"}
WORDS = "a long unusual phrase 7"


@pytest.fixture
def published(alice: User) -> Item:
    return picture_item(alice, "a boat", visibility="public")


def last_mail() -> str:
    message = mail.outbox[-1]
    return str(message.body) + "".join(str(part[0]) for part in message.alternatives)  # type: ignore[attr-defined]


def test_a_reset_leads_here_whatever_host_asked_for_it(alice: User, client: Client) -> None:
    client.post("/accounts/password/reset/", {"email": alice.email}, headers=EVIL)
    assert "/accounts/password/reset/key/" in last_mail()
    assert "evil" not in last_mail()


def test_a_reset_for_nobody_leads_nowhere_else(client: Client) -> None:
    client.post("/accounts/password/reset/", {"email": "nobody@example.org"}, headers=EVIL)
    assert "evil" not in last_mail()


@override_settings(ACCOUNT_EMAIL_VERIFICATION="mandatory")
@pytest.mark.parametrize("email", ["dora@example.org", "alice@example.org"])
def test_a_sign_up_leads_here_whatever_host_asked_for_it(alice: User, client: Client, email: str) -> None:
    User.objects.filter(pk=alice.pk).update(email="alice@example.org")
    form = {"username": "dora", "email": email, "password1": WORDS, "password2": WORDS}
    assert client.post("/accounts/signup/", form, headers=EVIL).status_code == 302
    assert "http://" in last_mail()
    assert "evil" not in last_mail()


def test_the_note_of_a_changed_password_leads_here(alice: User, client: Client) -> None:
    client.force_login(alice)
    form = {"oldpassword": "correct horse", "password1": WORDS, "password2": WORDS}
    client.post("/accounts/password/change/", form, headers=EVIL)
    assert "/accounts/2fa/" in last_mail()
    assert "evil" not in last_mail()


@pytest.mark.parametrize(
    "path",
    [
        "/gallery/feed.xml",
        "/gallery/by/alice/feed.xml",
        "/sitemap.xml",
        "/robots.txt",
        "/gallery/by/alice/",
        "/",
    ],
)
def test_what_others_read_names_no_made_up_host(published: Item, client: Client, path: str) -> None:
    answer = client.get(path, headers=EVIL)
    assert answer.status_code == 200
    head = answer.content.decode().partition("<body")[0]
    assert "evil" not in head
    assert client.get(path).status_code == 200


def test_an_embed_names_no_made_up_host(published: Item, client: Client) -> None:
    page = client.get(f"/gallery/{published.public_id}/", headers=EVIL).content.decode()
    assert "evil" not in page.partition("<body")[0]
    url = f"http://evil.example:8133/gallery/{published.public_id}/"
    answer = client.get("/oembed", {"url": url}, headers=EVIL)
    assert answer.status_code == 200
    assert "evil" not in answer.content.decode()


@pytest.mark.parametrize(
    ("host", "address", "port", "expected"),
    [
        ("127.0.0.1:8000", "127.0.0.1", "8000", "http://127.0.0.1:8000"),
        ("localhost:8000", "127.0.0.1", "8000", "http://localhost:8000"),
        ("[::1]:8000", "::1", "8000", "http://[::1]:8000"),
        ("192.168.1.5:8000", "192.168.1.5", "8000", "http://192.168.1.5:8000"),
        ("localhost:9999", "127.0.0.1", "8000", "http://own.example"),
        ("192.168.1.6:8000", "192.168.1.5", "8000", "http://own.example"),
        ("evil.example:8000", "127.0.0.1", "8000", "http://own.example"),
    ],
)
@override_settings(ALLOWED_HOSTS=["*"], ORIGIN="http://own.example", PUBLIC_URL="")
def test_the_address_that_a_connection_came_in_at_is_ours(
    host: str, address: str, port: str, expected: str
) -> None:
    request = RequestFactory().get("/", headers={"host": host}, SERVER_NAME=address, SERVER_PORT=port)
    assert trusted_origin(request) == expected


@override_settings(ALLOWED_HOSTS=["a.example"], ORIGIN="http://own.example", PUBLIC_URL="")
def test_a_host_that_the_operator_named_is_ours() -> None:
    assert trusted_origin(RequestFactory().get("/", headers={"host": "a.example"})) == "http://a.example"


@override_settings(ALLOWED_HOSTS=["*"], PUBLIC_URL="https://studio.example")
def test_the_public_address_goes_before_any_other() -> None:
    assert (
        trusted_origin(RequestFactory().get("/", headers={"host": "a.example"})) == "https://studio.example"
    )


@override_settings(ORIGIN="http://own.example", PUBLIC_URL="")
def test_without_a_request_it_is_this_machines_own() -> None:
    assert trusted_origin(None) == "http://own.example"

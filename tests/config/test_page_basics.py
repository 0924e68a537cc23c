"""Theme, language, error pages, headers, and that every page is well made."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from accounts.credits import amounts
from accounts.models import User
from config.middleware import error_pages
from gallery.models import Item
from tests import factories
from tests.runner.sampling import one_of

VISITOR = ["/", "/gallery/", "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"]
MEMBER = [
    "/", "/studio/", "/library/", "/gallery/", "/account/", "/account/tokens/", "/accounts/email/",
    "/accounts/password/change/", "/accounts/logout/",
]  # fmt: skip


class Page(HTMLParser):
    """Ids, inline scripts and handlers of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.inline: list[str] = []
        self.unnamed: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("id"):
            self.ids.append(str(given["id"]))
        if tag == "script" and "src" not in given and given.get("type") != "application/json":
            self.inline.append("script")
        self.inline += [name for name in given if name.startswith("on")]
        if tag == "img" and "alt" not in given:
            self.unnamed.append(str(given.get("src")))


@pytest.mark.parametrize(
    ("path", "language"),
    [(path, language) for path in VISITOR for language in one_of(["en", "zh-hans"], of=path)],
)
def test_a_visitors_page_is_well_made(public: Item, client: Client, path: str, language: str) -> None:
    well_made(client, path, language)


@pytest.mark.parametrize(
    ("path", "language"),
    [(path, language) for path in MEMBER for language in one_of(["en", "zh-hans"], of=path)],
)
def test_a_members_page_is_well_made(item: Item, as_alice: Client, path: str, language: str) -> None:
    well_made(as_alice, path, language)


def well_made(client: Client, path: str, language: str) -> None:
    answer = client.get(path, headers={"Accept-Language": language})
    assert answer.status_code == 200
    text = answer.content.decode()
    page = Page(text)
    assert len(page.ids) == len(set(page.ids))
    assert page.inline == []
    assert page.unnamed == []
    assert f'<html lang="{language}"' in text
    assert text.count("<h1") == 1
    assert len(answer.content) < 60_000


def test_the_chosen_theme_is_in_the_page_from_the_start(client: Client, db: None) -> None:
    assert "data-theme" not in client.get("/").content.decode().split("<head>")[0]
    answer = client.post("/theme/", {"theme": "light", "next": "/gallery/"})
    assert answer["Location"] == "/gallery/"
    assert '<html lang="en" data-theme="light">' in client.get("/").content.decode()
    client.post("/theme/", {"theme": ""})
    assert "data-theme" not in client.get("/").content.decode().split("<head>")[0]


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_the_theme_switch_leads_nowhere_else(client: Client, db: None, target: str) -> None:
    assert client.post("/theme/", {"theme": "dark", "next": target})["Location"] == "/"


def test_a_theme_cookie_of_somebody_elses_making_is_ignored(client: Client, db: None) -> None:
    client.cookies["theme"] = '"><script>'
    assert "data-theme" not in client.get("/").content.decode().split("<head>")[0]


def test_the_language_is_switched_and_kept(client: Client, db: None) -> None:
    client.post("/i18n/setlang/", {"language": "zh-hans", "next": "/"})
    page = client.get("/").content.decode()
    assert "写一句话。" in page
    assert "画廊" in page


def test_no_string_of_the_pages_lacks_its_chinese() -> None:
    text = (settings.BASE_DIR / "locale/zh_Hans/LC_MESSAGES/django.po").read_text(encoding="utf-8")
    empty = re.findall(r'msgid "(.+)"\n(?:msgid_plural ".*"\n)?msgstr(?:\[0\])? ""\n\n', text)
    assert empty == []
    assert "#, fuzzy" not in text


@pytest.mark.parametrize("status", [400, 403, 404, 413, 429, 500, 503])
def test_an_error_page_needs_no_database(rf: RequestFactory, db: None, status: int) -> None:
    request = rf.get("/x/")
    with CaptureQueriesContext(connection) as caught:
        answer = error_pages.error_page(request, status)
    assert len(caught) == 0
    assert answer.status_code == status
    assert b"<h1>" in answer.content


@pytest.mark.parametrize("status", [403, 408, 429, 500, 503])
def test_an_error_page_leads_to_what_was_read_or_to_the_page_of_the_form(
    rf: RequestFactory, status: int
) -> None:
    def leads(request: HttpRequest) -> bool:
        text = error_pages.error_page(request, status).content.decode()
        assert ("usually still has what you wrote" in text) is (request.method == "POST" and status != 403)
        return 'href="/x/?a=1&amp;b=2"' in text or 'href="http://testserver/form/"' in text

    assert leads(rf.get("/x/?a=1&b=2"))
    assert leads(rf.post("/studio/make/", headers={"Referer": "http://testserver/form/"}))
    assert leads(rf.post("/x/?a=1&b=2", headers={"Referer": "https://elsewhere.example/"}))
    elsewhere = rf.get("/x/")
    elsewhere.path = "//elsewhere.example/"
    assert b'href="//elsewhere' not in error_pages.error_page(elsewhere, status).content


def test_our_own_api_says_that_the_database_is_away(
    as_alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_asked: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr("accounts.api.me.visible_funds.for_user", away)
    as_alice.raise_request_exception = False
    answer = as_alice.get("/api/me")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "try again" in answer.json()["detail"]


def test_a_500_gives_an_id_to_quote(rf: RequestFactory) -> None:
    request = rf.get("/x/")
    request.request_id = "k3v8q0zc"  # type: ignore[attr-defined]
    assert b"Quote k3v8q0zc" in error_pages.server_error(request).content


def test_a_broken_error_page_still_says_the_id(rf: RequestFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object) -> str:
        raise ValueError("no manifest")

    monkeypatch.setattr(error_pages.loader, "render_to_string", broken)
    request = rf.get("/x/")
    request.request_id = "k3v8q0zc"  # type: ignore[attr-defined]
    answer = error_pages.server_error(request)
    assert answer.status_code == 500
    assert b"k3v8q0zc" in answer.content


def test_a_page_that_is_not_there_says_so(client: Client, db: None) -> None:
    answer = client.get("/no/such/page/")
    assert answer.status_code == 404
    assert "No such page, or it is not yours to see." in answer.content.decode()


def test_a_page_without_its_last_slash_is_found(client: Client, db: None) -> None:
    assert client.get("/gallery?after=1.2")["Location"] == "/gallery/?after=1.2"
    assert client.post("/theme").status_code == 404


@pytest.mark.parametrize("path", ["/v1/nothing/here", "/replicate/v1/nothing/here", "/api/nothing/here"])
def test_callers_of_an_api_get_no_html(client: Client, db: None, path: str) -> None:
    answer = client.get(path)
    assert "html" not in answer["Content-Type"]


def test_a_page_is_kept_by_nobody_between(public: Item, client: Client) -> None:
    assert client.get("/gallery/")["Cache-Control"] == "private, no-cache"


def test_the_balance_is_in_the_bar(as_alice: Client) -> None:
    assert "<b>100.0</b>" in as_alice.get("/gallery/").content.decode()


def test_staff_find_the_way_to_the_desk(client: Client, staff: User, as_alice: Client) -> None:
    client.force_login(staff, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert 'href="/admin/"' in client.get("/").content.decode()
    assert 'href="/admin/"' not in as_alice.get("/").content.decode()


@pytest.mark.parametrize(
    ("micro", "exact", "short"),
    [
        (0, "0", "0.0"),
        (1, "0", "0.0"),
        (340_000, "0.34", "0.3"),
        (15_200_000, "15.2", "15.2"),
        (1_284_699_999, "1,284.6999", "1,284.6"),
        (2_200, "0.0022", "0.0"),
        (1_000_000_000_000, "1,000,000", "1,000,000.0"),
    ],
)
def test_amounts_read_exactly_and_never_promise_too_much(micro: int, exact: str, short: str) -> None:
    assert (amounts.exact(micro), amounts.short(micro)) == (exact, short)


def test_the_operators_own_word_for_credits_is_used(
    monkeypatch: pytest.MonkeyPatch, as_alice: Client
) -> None:
    monkeypatch.setattr(settings, "CREDIT_NAME", "stars")
    assert "stars" in as_alice.get("/studio/").content.decode()


def test_a_share_page_in_chinese_reads_well(item: Item, client: Client) -> None:
    link = factories.make_share_link(item)
    page = client.get(f"/s/{link.token}/", headers={"Accept-Language": "zh-CN"}).content.decode()
    assert "提示词未公开。" in page


def test_the_settings_of_a_picture_read_as_in_the_studio(as_alice: Client, alice: User) -> None:
    given = {"prompt": "x", "disable_safety_checker": False, "lora_scale": 0.8}
    prediction = factories.make_prediction(alice, status="succeeded", input=given, output=["x"])
    item = factories.make_item(alice, factories.make_output(prediction))
    page = as_alice.get(f"/library/{item.public_id}/").content.decode()
    assert '<dt title="disable_safety_checker">safety check</dt><dd>yes</dd>' in page
    assert '<dt title="lora_scale">LoRA strength</dt><dd>0.8</dd>' in page

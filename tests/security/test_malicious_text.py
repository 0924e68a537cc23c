"""Words that mean harm in every field of every form and body: refused in a sentence, or kept and shown as mere words.

Forms are found by opening the pages, bodies in the description of the API: what is added tomorrow is tried as well.
A quarter of the places are tried in one run, with a share of the words. On PostgreSQL words are sent to fewer places,
for what they may do to a column; what pages make of them is the same as on SQLite.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import Resolver404, resolve
from django.utils.html import escape

from accounts.models import User
from predictions.api_dialects.common import rate_limits
from tests import factories
from tests.browser.page_list import MEMBER, PAGES, STAFF, make_scene
from tests.runner.sampling import is_whole, one_in
from tests.security.malicious_text import HUGE, MARK, NUMBERS, WORDS, Control, Form, Page, encoded, harm
from tests.security.route_inventory import named_in_source, noted_parameters, routes, streams
from tests.support.module_data import ModuleData, module_data

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(600)]
MOST_QUERIES = 150
"""Of one answer, whatever was sent."""
URL = "application/x-www-form-urlencoded"
SENT = {name: word for name, word in WORDS.items() if name != "markup" or not settings.ON_POSTGRES}
WORD_SHARE, FIELD_SHARE = 8, 3
PLACE_SHARE = 12 if settings.ON_POSTGRES else 4


def _make() -> dict[str, str]:
    call_command("catalogue", verbosity=0)
    return make_scene()


scene_data = module_data(_make)


@pytest.fixture
def scene(scene_data: ModuleData[dict[str, str]], db: None) -> dict[str, str]:
    return scene_data.again()


class Browser:
    """A window that notes what is not as it should be."""

    def __init__(self, viewer: str) -> None:
        self.client = Client(raise_request_exception=False)
        if viewer:
            self.client.force_login(
                User.objects.get(username=viewer), backend=settings.AUTHENTICATION_BACKENDS[0]
            )
        self.faults: list[str] = []
        self.queries = 0
        self.wrote = False
        """Whether the last answer wrote anything."""
        self.kept = 0
        """How many of the words that were sent stand on the page afterwards."""

    def ask(
        self, what: str, method: str, address: str, body: str = "", kind: str = URL, **headers: str
    ) -> Any:
        """The response, after checking it."""
        cache.clear()
        rate_limits.reset()
        self.queries, self.wrote = 0, False
        with connection.execute_wrapper(self._count):
            answer = self.client.generic(method, address, body, kind, headers=headers or None)
        if answer.status_code >= 500 and answer.status_code != 501:
            self.faults.append(f"{what}: {method} {address[:80]} answers {answer.status_code}")
        if self.queries > MOST_QUERIES:
            self.faults.append(f"{what}: {method} {address[:80]} asks the database {self.queries} times")
        if not settings.ON_POSTGRES:
            self.faults += [f"{what}: {method} {address[:80]}: {one}" for one in harm(answer)]
        return answer

    def _count(self, execute: Any, sql: str, *args: Any) -> Any:
        self.queries += 1
        self.wrote |= sql.startswith(("INSERT", "UPDATE", "DELETE"))
        return execute(sql, *args)


@contextmanager
def undone() -> Iterator[None]:
    """What happens within has not happened afterwards."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def forms_of(browser: Browser, viewer: str, scene: dict[str, str]) -> Iterator[tuple[str, Form]]:
    """Every form of the viewer's pages once, with its page."""
    known = set()
    own = [place for place in PAGES if place.viewer == viewer]
    looked = [place for place in own if not place.path.startswith(("/admin/", "/errors/", "/api/"))]
    for place in one_in(PLACE_SHARE, looked, lambda place: place.name):
        here = place.path.format(**scene)
        for form in Page(browser.client.get(here).content.decode(), here).forms:
            form.action = urlsplit(urljoin(here, form.action)).path
            key = (_name(form.action), form.method, tuple(sorted({one.name for one in form.controls})))
            if key not in known:
                known.add(key)
                yield here, form


def _name(address: str) -> str:
    try:
        return resolve(address.split("?")[0]).url_name or address
    except Resolver404:
        return address


def words_for(control: Control) -> list[str]:
    """What is put into a field: everything where people type, what would be forged elsewhere."""
    if not control.is_text:
        chosen = control.kind in ("hidden", "select", "radio", "checkbox")
        return [name for name in ("markup", "nul") if chosen and name in SENT]
    left_out = set() if control.kind == "number" else set(NUMBERS)
    left_out |= set() if control.kind in ("textarea", "search") else {"1 MB"}
    return [name for name in SENT if name not in left_out]


@pytest.mark.parametrize("viewer", ["", MEMBER], ids=["guest", "member"])
def test_no_word_in_any_field_of_any_page_does_harm(scene: dict[str, str], viewer: str) -> None:
    browser = Browser(viewer)
    tried: set[tuple[str, str, str]] = set()
    for here, form in forms_of(browser, viewer, scene):
        place = (_name(form.action), form.method)
        typed = [control for control in form.controls if control.name != "csrfmiddlewaretoken"]
        for control in one_in(FIELD_SHARE, typed, lambda control: control.name, of=place):
            key = (*place, control.name)
            if key in tried:
                continue
            tried.add(key)
            for kind in one_in(WORD_SHARE, words_for(control), str, of=key):
                with undone():
                    put(browser, here, form, control, kind)
    assert len(tried) > (20 if not viewer else 60) or (tried and not is_whole())
    if viewer and is_whole() and "markup" in SENT:
        assert browser.kept > 5, "what is kept is shown, and looked at"
    assert not browser.faults, "\n".join(browser.faults)


def put(browser: Browser, here: str, form: Form, control: Control, kind: str) -> None:
    """Send a form with one hostile word; then check where it redirects to, and its own page."""
    what, body = f"{kind} in {control.name}", form.with_word(control.name, WORDS[kind])
    if form.method == "GET":
        answer = browser.ask(what, "GET", f"{form.action}?{body}")
        if answer.status_code >= 400:
            browser.faults.append(f"{what}: GET {form.action} answers {answer.status_code}")
        return
    answer = browser.ask(what, "POST", form.action, body)
    if kind in HUGE and control.is_text and answer.status_code == 422 and not _says_which(answer, control):
        browser.faults.append(f"{what}: POST {form.action} does not say which field is at fault")
    if kind == "markup" and control.is_text:
        wrote = browser.wrote
        if answer.status_code in (301, 302, 303):
            browser.ask(what, "GET", answer["Location"])
        # Where nothing was written the page is as it was.
        if wrote or browser.wrote:
            browser.kept += MARK.encode() in browser.ask(what, "GET", here).content


def _says_which(answer: Any, control: Control) -> bool:
    """Whether the field is marked invalid; an error beside the form must name it."""
    html = answer.content.decode()
    beside = {"seed_count": "Seeds: from 1 to"}
    return control.name in Page(html).invalid or beside.get(control.name, "\0") in html


def test_no_word_in_any_parameter_of_any_address_does_harm(scene: dict[str, str]) -> None:
    """All parameters that any page reads at once, then search texts and cursors one at a time."""
    browser = Browser(MEMBER)
    looked = [place for place in PAGES if place.viewer != STAFF and place.status == 200]
    places = {_name(place.path.format(**scene)): place.path.split("?")[0].format(**scene) for place in looked}
    open_ = (route for route in routes() if not route.places and not route.is_api and not streams(route))
    places |= {_name(route.path): route.path for route in open_ if route.path != "/health"}
    wanted = named_in_source("GET")
    everywhere = {name: SENT[name][:120] for name in ("markup", "nul", "signs", "number") if name in SENT}
    queries = {f"{name} everywhere": [(one, word) for one in wanted] for name, word in everywhere.items()}
    queries["a flood in q, halves in after"] = [("q", WORDS["flood"] * 40), ("after", WORDS["half"])]
    for place, address in one_in(PLACE_SHARE, places.items(), lambda place: place[0]):
        for what in one_in(4, queries, str, of=place):
            with noted_parameters() as read:
                answer = browser.ask(what, "GET", f"{address}?{encoded(queries[what])}")
            # Who asks for no parameter answers alike, whatever is in it.
            if answer.status_code == 405 or read.isdisjoint({*wanted, "*"}):
                break
    assert len(places) > 40
    assert not browser.faults, "\n".join(browser.faults)


def test_no_header_and_no_cookie_does_harm(scene: dict[str, str]) -> None:
    """What pages read of a request beside its address: language, cookies, the page it comes from, what htmx says."""
    browser = Browser("")
    latin = ['zqx"><script>', "zqx;q=9;;,*;q=x", "\xff\xfe zqx", "zqx" * 3000]
    open_to_all = [one for one in PAGES if one.viewer == "" and one.status == 200]
    for place in one_in(PLACE_SHARE, open_to_all, lambda place: place.name):
        word = latin[len(place.name) % len(latin)]
        cookies = "; ".join(f"{name}={word.replace(';', '')}" for name in _cookies())
        browser.ask(
            "headers", "GET", place.path.format(**scene), **{
                "Accept-Language": word, "Cookie": cookies, "Referer": word, "Accept": word, "Range": word,
                "If-None-Match": word, "If-Modified-Since": word, "HX-Request": "true", "HX-Current-URL": word,
                "Last-Event-ID": word, "Sec-Purpose": word, "Idempotency-Key": word, "X-Requested-With": word,
            },
        )  # fmt: skip
    assert not browser.faults, "\n".join(browser.faults)


def _cookies() -> tuple[str, ...]:
    return (
        settings.SESSION_COOKIE_NAME, settings.LANGUAGE_COOKIE_NAME, "theme", "timezone", "tile", "share_open",
        "messages", "csrftoken",
    )  # fmt: skip


# -- Bodies of the API ----------------------------------------------------------------------------------------

FITTING = {
    "item_id": "published", "collection_id": "collection", "username": "username", "owner": "owner", "name": "name",
    "prediction_id": "prediction", "message_id": "delivery", "comment_id": "comment", "token_id": "token",
}  # fmt: skip


def operations(browser: Browser, scene: dict[str, str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, address and body schema of all that the description of the API says takes a body."""
    document = json.loads(browser.client.get("/api/schema?format=json").content)
    parts = document["components"]["schemas"]
    for path, methods in document["paths"].items():
        address = re.sub(r"{(\w+)}", lambda place: scene.get(FITTING.get(place[1], ""), "1"), path)
        for method, operation in methods.items():
            content = (
                operation.get("requestBody", {}).get("content", {}) if isinstance(operation, dict) else {}
            )
            if "application/json" in content:
                given = content["application/json"]
                schema = (
                    parts[given["schema"]["$ref"].rsplit("/", 1)[-1]] if "$ref" in given["schema"] else {}
                )
                examples = [one["value"] for one in given.get("examples", {}).values()]
                yield method.upper(), address, {"base": (examples or [{}])[0], **schema}


def test_no_word_in_any_body_of_the_api_does_harm(scene: dict[str, str]) -> None:
    browser = Browser("")
    bearer = {"Authorization": f"Bearer {factories.make_token(User.objects.get(username=MEMBER))}"}
    fields = [
        (method, address, schema, name)
        for method, address, schema in operations(browser, scene)
        for name in schema.get("properties", {})
    ]
    for number, (method, address, schema, name) in one_in(PLACE_SHARE, enumerate(fields), lambda one: one[0]):
        kinds = [kind for kind in SENT if kind != "1 MB" or name == next(iter(schema["properties"]))]
        for kind in one_in(WORD_SHARE, kinds, str, of=number):
            word = SENT[kind]
            for value in (word, [word]) if kind in ("markup", "half") else (word,):
                body, what = json.dumps(schema["base"] | {name: value}), f"{kind} in {name}"
                with undone():
                    answer = browser.ask(what, method, address, body, "application/json", **bearer)
                if kind in HUGE and answer.status_code == 400:
                    faults = json.loads(answer.content).get("faults", {})
                    if faults and name not in faults:
                        browser.faults.append(f"{what}: {method} {address} blames {sorted(faults)}")
    assert len(fields) > 15
    assert not browser.faults, "\n".join(browser.faults)


@pytest.mark.parametrize(
    "address", ["/v1/models/{owner}/{name}/predictions", "/openai/v1/images/generations"]
)
def test_no_prompt_does_harm(scene: dict[str, str], address: str) -> None:
    browser = Browser("")
    bearer = {"Authorization": f"Bearer {factories.make_token(User.objects.get(username=MEMBER))}"}
    mine = Browser(MEMBER)
    for name, word in one_in(3, SENT.items(), lambda one: one[0], of=address):
        body = json.dumps({"input": {"prompt": word}, "prompt": word, "model": "dall-e-3", "user": word})
        with undone():
            headers = {"Prefer": "respond-async", **bearer}
            answer = browser.ask(name, "POST", address.format(**scene), body, "application/json", **headers)
            if answer.status_code == 201:
                made = json.loads(answer.content)["id"]
                for there in (f"/api/predictions/{made}", "/api/predictions", f"/v1/predictions/{made}"):
                    browser.ask(name, "GET", there, **bearer)
                for there in ("/studio/", f"/p/{made}/", f"/studio/?from={made}", "/studio/prompts/"):
                    mine.ask(name, "GET", there)
    assert not browser.faults + mine.faults, "\n".join(browser.faults + mine.faults)


@pytest.mark.parametrize(
    "html",
    [WORDS["markup"], f"<p>{MARK}49</p>", f'<a href="javascript:{MARK}">', f"<script>x='{MARK}'</script>"],
)
def test_it_would_notice_what_does_harm(html: str) -> None:
    assert Page(html).harm
    page = f'<!doctype html><form action="/x?a&amp;b"><p title="a > b">well</p>{html}</form><script>var one</script>'
    assert harm(HttpResponse(page)) == Page(page).harm != []
    assert not Page(f"<p>{escape(html)}</p>").harm or f"{MARK}49" in html

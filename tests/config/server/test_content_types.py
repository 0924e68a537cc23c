"""No content type, charset or broken form makes any address fail; each says what is wrong in its own form."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.models import ApiToken, User
from accounts.tokens import api_tokens
from config.server.asgi_handler import LeanHandler
from predictions.api_dialects.common import rate_limits
from tests.config.server.conftest import call
from tests.runner.sampling import one_in, one_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(900)]

CHARSETS = (
    "idna", "base64", "utf-16", "utf-7", "rot13", "hex", "zip", "uu", "punycode", "unicode_escape", "latin1", "utf8",
    "nonsense", "undefined", '""', "a\tb", "*",
)  # fmt: skip
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json")
ODD_TYPES = (
    "multipart/form-data", "multipart/form-data; boundary=" + "x" * 300, "multipart/form-data; boundary=\xff",
    "multipart/mixed; boundary=x", ";", "a/b/c; =; ;;", "\xff\xfe", "*/*", "text/plain", "application/json; q=1",
    "application/x-www-form-urlencoded; charset*=idna''%ff", "multipart/form-data; boundary*=idna''%ff",
    "multipart/form-data; boundary=x; charset*=nonsense''x", "application/json; charset*=utf-8''%00",
    "application/x-www-form-urlencoded; charset*0=utf; charset*1=-7", "Multipart/Form-Data; BOUNDARY=x; CHARSET=UTF-7",
)  # fmt: skip
TYPES = [*(f"{form}; charset={charset}" for form in FORMS for charset in CHARSETS), *ODD_TYPES]


def _part(disposition: str, *lines: str, body: bytes = b"\xff\xfe") -> bytes:
    head = "\r\n".join([f"Content-Disposition: form-data; {disposition}", *lines])
    return b"--x\r\n" + head.encode("latin1") + b"\r\n\r\n" + body + b"\r\n--x--\r\n"


BODIES = (
    b"a=b", b"--x", b"\xff\xfe\x00", b'{"a": 1}', b"a=%ff%fe&%00=1&\xff=\xfe", b"", b"[" * 2000,
    _part('name="content"'),
    _part('name="content"; filename="a.png"', "Content-Type: image/png; charset=idna"),
    _part("name=\"content\"; filename*=idna''%ff"),
    _part("name*=nonsense''a; filename*=utf-16''%ff"),
    _part("name*=base64''a"),
    _part('name="a"', "Content-Transfer-Encoding: base64", body=b"a"),
    _part('name="content"; filename="a"', "Content-Transfer-Encoding: base64", body=b"*" * 9),
    _part('name="image"; filename="a\x00b"', "Content-Type: \xff"),
    _part("", "No colon"),
)  # fmt: skip
CASES = list(itertools.product(TYPES, BODIES))
EACH = 3
"""Cases at each address, one of them in one run; with some hundred addresses every one of them has its turn."""
ALL_AT = ("/v1/files", "/v1/predictions", "/openai/v1/images/edits", "/openai/v1/images/variations", "/api/tokens",
          "/studio/upload/", "/accounts/login/")  # fmt: skip
"""Where a fifth of all are tried: every case at one of these at least."""
METHODS = ("POST", "POST", "PUT", "PATCH")
APIS = ("/v1/", "/replicate/v1/", "/openai/v1/", "/api/")
STATES = ("/health", "/readyz")
"""What they say is how the server is."""
PAGES = ("/api/docs", "/api/schema")
"""Below the APIs, but for people."""
_PLACE = re.compile(r"<(?:(\w+):)?\w+>")


def addresses(patterns: Any = None, before: str = "/") -> Iterator[str]:
    """Every address of ours, its places filled with what fits."""
    for pattern in get_resolver("config.urls").url_patterns if patterns is None else patterns:
        text = str(pattern.pattern)
        own = (
            "nothing"
            if text.startswith("^")
            else _PLACE.sub(lambda kind: "1" if kind[1] == "int" else "x", text)
        )
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, before + own)
        elif isinstance(pattern, URLPattern):
            yield before + own


class Caller:
    """Somebody who may do everything, by session and by token."""

    def __init__(self, user: User) -> None:
        self.user = user
        plain = api_tokens.issue(user, "asks", scopes=ApiToken.Scope.values)[1]
        self.token = f"Bearer {plain}".encode()
        self.session = ""

    def headers(self, content_type: str, length: int) -> list[tuple[bytes, bytes]]:
        if not Session.objects.filter(session_key=self.session).exists():
            client = Client()
            client.force_login(self.user, backend=settings.AUTHENTICATION_BACKENDS[0])
            self.session = client.cookies[settings.SESSION_COOKIE_NAME].value
        csrf = b"a" * 32
        cookie = b"sessionid=%b; csrftoken=%b" % (self.session.encode(), csrf)
        return [
            (b"host", b"localhost"), (b"cookie", cookie), (b"x-csrftoken", csrf), (b"authorization", self.token),
            (b"content-type", content_type.encode("latin1")), (b"content-length", b"%d" % length),
        ]  # fmt: skip


@pytest.fixture
def caller(staff: User, settings: Any) -> Caller:
    settings.ROOT_URLCONF = "config.urls"
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 0)
    return Caller(staff)


def fault(app: LeanHandler, caller: Caller, method: str, path: str, content_type: str, body: bytes) -> str:
    """What is wrong about the answer; empty where nothing is."""
    sent = call(
        app, path, method=method, headers=caller.headers(content_type, len(body)),
        messages=[{"type": "http.request", "body": body, "more_body": False}],
    )  # fmt: skip
    status = sent[0]["status"]
    told = b"".join(message.get("body", b"") for message in sent[1:])
    if status >= 500 and path not in STATES:
        return f"{status} {told[:200]!r}"
    if status >= 400 and path.startswith(APIS) and path not in PAGES:
        return "" if _in_its_form(path, status, told) else f"{status} {told[:200]!r}"
    return ""


def _in_its_form(path: str, status: int, told: bytes) -> bool:
    try:
        shown = json.loads(told)
    except ValueError:
        return False
    if path.startswith("/openai/v1/"):
        return set(shown.get("error", {})) == {"message", "type", "param", "code"}
    return shown.get("status") == status and bool(shown.get("title")) and bool(shown.get("detail"))


def test_no_address_fails(caller: Caller) -> None:
    app, cases, found = LeanHandler(threads=1), itertools.cycle(CASES[::7] + CASES[3::7]), []
    every = sorted(set(addresses()))
    assert len(every) > 300
    panel = [path for path in every if path.startswith("/admin/")]
    left_out = {*panel} - {*one_in(10, panel)}
    for number, path in enumerate(every):
        if path in left_out:
            continue
        rate_limits.reset()
        for content_type, body in one_of(itertools.islice(cases, EACH), of=path):
            method = METHODS[number % len(METHODS)]
            wrong = fault(app, caller, method, path, content_type, body)
            if wrong:
                found.append(f"{method} {path} {content_type!r} {body[:80]!r}: {wrong}")
    app.threads.close()
    assert found == []


@pytest.mark.parametrize("path", ALL_AT)
def test_where_bodies_are_read_no_case_fails(path: str, caller: Caller) -> None:
    app, found = LeanHandler(threads=1), []
    for content_type, body in one_in(12, CASES[ALL_AT.index(path) % 5 :: 5]):
        wrong = fault(app, caller, "POST", path, content_type, body)
        if wrong:
            found.append(f"{content_type!r} {body[:80]!r}: {wrong}")
    app.threads.close()
    assert found == []


@pytest.mark.parametrize("charset", ["idna", "base64", "utf-16", "utf-7"])
@pytest.mark.parametrize("form", FORMS[:2])
def test_a_form_in_another_charset_is_refused_in_the_words_of_the_address(
    caller: Caller, charset: str, form: str
) -> None:
    app = LeanHandler(threads=1)
    headers = caller.headers(f"{form}; charset={charset}", 3)
    body = [{"type": "http.request", "body": b"a=b", "more_body": False}]
    for path in ("/v1/files", "/replicate/v1/files"):
        start, answer = call(app, path, method="POST", headers=headers, messages=list(body))[:2]
        assert (start["status"], json.loads(answer["body"])["title"]) == (400, "Bad request")
    app.threads.close()

"""Our middleware works in both of Django's modes."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import RequestFactory

from config.middleware.response_headers import AddressMiddleware, PagePolicyMiddleware, RequestIdMiddleware


def answer(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


async def answer_later(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


def answered(path: str, *, later: bool) -> HttpResponse:
    made = RequestIdMiddleware(answer_later if later else answer)(RequestFactory().get(path))
    return asyncio.run(made) if later else made  # type: ignore[arg-type, return-value]


def ask(given: str | None, *, later: bool) -> str:
    headers = {"X-Request-Id": given} if given else {}
    request = RequestFactory().get("/", headers=headers)
    made = RequestIdMiddleware(answer_later if later else answer)(request)
    response = asyncio.run(made) if later else made  # type: ignore[arg-type]
    return str(response["X-Request-Id"])  # type: ignore[index]


@pytest.mark.parametrize("later", [False, True])
def test_it_gives_every_answer_an_id_of_its_own(later: bool) -> None:
    assert ask(None, later=later) != ask(None, later=later)


@pytest.mark.parametrize("later", [False, True])
def test_it_keeps_the_id_that_a_proxy_gave(later: bool) -> None:
    assert ask("proxy-0123.abc", later=later) == "proxy-0123.abc"


@pytest.mark.parametrize("later", [False, True])
def test_it_does_not_repeat_an_id_that_could_break_a_log_line(later: bool) -> None:
    assert ask('x" level=error', later=later) != 'x" level=error'


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("<p>", content_type="text/html; charset=utf-8")


def data(request: HttpRequest) -> HttpResponse:
    return JsonResponse({})


async def page_later(request: HttpRequest) -> HttpResponse:
    return page(request)


def policy_of(path: str, inner: Any) -> str:
    made = PagePolicyMiddleware(inner)(RequestFactory().get(path))
    response = asyncio.run(made) if inner is page_later else made
    return str(response.get("Content-Security-Policy", ""))


@pytest.mark.parametrize("inner", [page, page_later])
def test_a_page_runs_no_script_but_our_own(inner: Any) -> None:
    policy = policy_of("/gallery/", inner)
    assert "default-src 'self'" in policy
    assert "script-src" not in policy
    assert "unsafe-eval" not in policy


def test_the_panel_runs_nothing_that_is_written_into_a_page() -> None:
    scripts = policy_of("/admin/", page).partition("script-src")[2].partition(";")[0]
    assert scripts.split() == ["'self'", "'unsafe-eval'"]


def test_what_is_no_page_has_no_policy() -> None:
    assert policy_of("/v1/models", data) == ""


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("path", ["/v1/predictions", "/replicate/v1/account", "/openai/v1/models", "/api/me"])
def test_an_answer_of_an_api_tells_how_many_milliseconds_it_took(path: str, later: bool) -> None:
    told = re.fullmatch(r"app;dur=(\d+\.\d\d)", answered(path, later=later)["Server-Timing"])

    assert told is not None
    assert 0 <= float(told.group(1)) < 60_000


@pytest.mark.parametrize("later", [False, True])
def test_a_page_does_not_tell(later: bool) -> None:
    assert "Server-Timing" not in answered("/studio/", later=later)


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("path", ["/gallery/%00/", "/api/items/x%00x"])
def test_nothing_is_called_by_a_name_that_holds_a_nul(path: str, later: bool) -> None:
    made = AddressMiddleware(answer_later if later else answer)(RequestFactory().get(path))
    assert (asyncio.run(made) if later else made).status_code == 404

"""Our middleware works in both of Django's modes."""

from __future__ import annotations

import asyncio

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from config.middleware import RequestIdMiddleware


def answer(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


async def answer_later(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


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

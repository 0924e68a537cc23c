"""Views that do what real ones may do, to see what the server makes of it. Nothing here is part of Darkroom."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import get_script_prefix, path, reverse
from django.views.decorators.csrf import csrf_exempt

from predictions.waiting.held_response import HeldResponse, in_thread

happened: dict[str, threading.Event] = {}
notes: list[Any] = []
LARGE = 20_000_000


def event(name: str) -> threading.Event:
    """The event of that name, for a test and a view to meet."""
    return happened.setdefault(name, threading.Event())


def hello(request: HttpRequest) -> HttpResponse:
    return HttpResponse("hello", content_type="text/plain")


def large(request: HttpRequest) -> HttpResponse:
    """More bytes than a connection holds whose reader waits."""
    return HttpResponse(b"x" * LARGE)


@csrf_exempt
def echo(request: HttpRequest) -> HttpResponse:
    wanted = ("HTTP_", "CONTENT", "REQUEST", "QUERY", "PATH", "SCRIPT")
    meta = {name: value for name, value in request.META.items() if name.startswith(wanted)}
    for varying in ("HTTP_HOST", "HTTP_X_REQUEST_ID"):
        meta.pop(varying, None)
    seen = {
        "meta": meta,
        "path": request.path,
        "path_info": request.path_info,
        "method": request.method,
        "scheme": request.scheme,
        "get": dict(request.GET.lists()),
        "cookies": request.COOKIES,
        "prefix": get_script_prefix(),
        "reversed": reverse("hello"),
        "post": dict(request.POST.lists()),
        "files": {name: file.read().decode() for name, file in request.FILES.items()},
    }
    if not request.FILES and not request.POST:
        seen["body"] = request.body.decode("latin1")
    return JsonResponse(seen)


def cookies(request: HttpRequest) -> HttpResponse:
    response = HttpResponse("set")
    response.set_cookie("one", "1", httponly=True)
    # A lifetime would be written as a time of day, and two servers may be asked in two seconds.
    response.set_cookie("two", "zwei & drei", expires="Fri, 20 Nov 2099 12:00:00 GMT")
    response.headers["X-Umlaut"] = "grün"
    return response


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("as the test wants it")


def denied(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied


def template(request: HttpRequest) -> HttpResponse:
    return TemplateResponse(request, "admin/404.html", {})


def nothing(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=204)


async def asynchronous(request: HttpRequest) -> HttpResponse:
    await asyncio.sleep(0)
    return HttpResponse("from a coroutine")


def parts(request: HttpRequest) -> StreamingHttpResponse:
    """Two parts, the second once the test allows it."""

    def generate() -> Iterator[str]:
        yield "first,"
        time.sleep(0.05)
        yield "second," if event("go on").wait(60) else "nobody came,"

    return StreamingHttpResponse(generate())


def endless(request: HttpRequest) -> StreamingHttpResponse:
    def generate() -> Iterator[bytes]:
        try:
            while True:
                event("endless began").set()
                yield b"x" * 65536
        finally:
            event("endless closed").set()

    return StreamingHttpResponse(generate())


def breaks_at_once(request: HttpRequest) -> StreamingHttpResponse:
    def generate() -> Iterator[bytes]:
        raise RuntimeError("before the first part")
        yield b""

    return StreamingHttpResponse(generate())


def breaks_later(request: HttpRequest) -> StreamingHttpResponse:
    def generate() -> Iterator[bytes]:
        yield b"x" * 600_000
        raise RuntimeError("after the first part")

    return StreamingHttpResponse(generate())


def events(request: HttpRequest) -> StreamingHttpResponse:
    """Server-sent events, the second once the test allows it."""
    if "database" in request.GET:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    async def generate() -> AsyncIterator[str]:
        try:
            yield "data: 1\n\n"
            while not event("go on").is_set():
                await asyncio.sleep(0.01)
            yield "data: 2\n\n"
        finally:
            event("events closed").set()

    return StreamingHttpResponse(generate(), content_type="text/event-stream")


def file(request: HttpRequest) -> FileResponse:
    return FileResponse(Path(request.GET["path"]).open("rb"), content_type="application/octet-stream")


def untouched(request: HttpRequest) -> StreamingHttpResponse:
    def generate() -> Iterator[str]:
        event("stream was read").set()
        yield "x"

    return StreamingHttpResponse(generate())


def database(request: HttpRequest) -> HttpResponse:
    """Which connection and which thread served it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"connection": id(connection.connection), "thread": threading.current_thread().name})


@csrf_exempt
def refuses_strangers(request: HttpRequest) -> HttpResponse:
    """Looks at the caller before it looks at the body, as the API does."""
    if "Authorization" not in request.headers:
        return HttpResponse(status=401)
    return HttpResponse(str(len(request.body)))


def held(request: HttpRequest) -> HeldResponse:
    """Held until the test says so; answers then from the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")

    def answer() -> HttpResponse:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 2")
        return JsonResponse({"held": True}, status=201)

    async def until() -> HttpResponse:
        event("held").set()
        try:
            while not event("go on").is_set():
                await asyncio.sleep(0.01)
        finally:
            event("held no more").set()
        return await in_thread(answer)

    response = HeldResponse(json.dumps({"held": False}), until=until, headers={"Preference-Applied": "wait"})
    response.set_cookie("kept", "yes")
    return response


def held_and_broken(request: HttpRequest) -> HeldResponse:
    async def until() -> HttpResponse:
        raise RuntimeError("as the test wants it")

    return HeldResponse("not yet", until=until, status=202)


def language(request: HttpRequest) -> HttpResponse:
    """Leaves a language behind, if asked to, and says which one it found."""
    from django.utils import translation

    found = translation.get_language()
    if "activate" in request.GET:
        translation.activate(request.GET["activate"])
    return HttpResponse(found)


urlpatterns = [
    path("hello", hello, name="hello"),
    path("large", large),
    path("echo", echo),
    path("api/echo", echo),
    path("v1/echo", echo),
    path("cookies", cookies),
    path("broken", broken),
    path("denied", denied),
    path("template", template),
    path("nothing", nothing),
    path("asynchronous", asynchronous),
    path("parts", parts),
    path("endless", endless),
    path("breaks-at-once", breaks_at_once),
    path("breaks-later", breaks_later),
    path("events", events),
    path("file", file),
    path("untouched", untouched),
    path("database", database),
    path("v1/refuses-strangers", refuses_strangers),
    path("held", held),
    path("held-and-broken", held_and_broken),
    path("language", language),
]

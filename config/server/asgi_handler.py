"""ASGI handler: runs Django's synchronous core in persistent threads and sends responses from the event loop.

Measured against Django's own ASGI handler and against WSGI in threads (docs/benchmarks.md). A request is one hop into a
thread and one out of it: the whole middleware chain, the view, `request_started` and `request_finished` run there.
Only long waits stay outside of threads: held responses (`predictions.waiting.held_response`), asynchronous streams,
and a slow client's connection.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
from collections.abc import Awaitable, Callable
from typing import IO, Any, cast

from django.conf import settings
from django.core import signals
from django.core.exceptions import BadRequest
from django.core.handlers.asgi import ASGIRequest, get_script_prefix
from django.core.handlers.base import BaseHandler
from django.db import close_old_connections
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

from config.middleware.error_pages import error_page
from config.server import request_bodies, response_writer
from config.server.body_spool import Body
from config.server.callers import Callers
from config.server.request_bodies import Bodies, Unread
from config.server.response_writer import Answer, Receive, Send
from config.server.thread_pool import Threads
from predictions.waiting.held_response import HeldResponse, set_runner

log = logging.getLogger("django.request")
Scope = dict[str, Any]
File = IO[bytes] | Body | Unread
# Errors below these are application/problem+json, below the other in OpenAI's form.
PROBLEM_PATHS = ("/v1/", "/replicate/v1/", "/api/")
OPENAI_PATH = "/openai/v1/"
_APIS = (*PROBLEM_PATHS, OPENAI_PATH)
_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
# A later answer to a held request says these itself.
OWN_HEADERS = {"content-length", "content-type"}


class Request(ASGIRequest):
    """A request whose texts are UTF-8, whatever charset it names: some of the others are no encodings of text."""

    def __init__(self, scope: Scope, body: File) -> None:
        super().__init__(scope, cast(IO[bytes], body))
        if "HTTP_TRANSFER_ENCODING" in self.META and not self.is_unread:
            # Django takes a form without a length for an empty one.
            self.META["CONTENT_LENGTH"] = str(body.seek(0, os.SEEK_END))
            body.seek(0)

    @property
    def is_unread(self) -> bool:
        """Whether its body was not taken."""
        return isinstance(self._stream, Unread)

    def not_taken(self) -> HttpResponse:
        """Why its body was not taken, in the words of the address."""
        refusal = cast(Unread, self._stream).refusal
        return error_page(self, refusal.status, says=str(refusal.says), retry_after=refusal.retry_after)

    def _check_data_too_big(self, length: int) -> None:
        """As Django's own, but that what was not taken has its own reason."""
        if self.is_unread:
            self._stream.read()
        super()._check_data_too_big(length)  # type: ignore[misc]

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        super()._set_content_type_params(meta)  # type: ignore[misc]
        self._other_charset = (self.encoding or "utf-8").lower() not in ("utf-8", "utf8")
        self._encoding = None

    def _load_post_and_files(self) -> None:
        """As Django's own. Raises MultiPartParserError for every form that cannot be read."""
        if self.is_unread and self.content_type in _FORMS:
            self._stream.read()
        try:
            if self._other_charset and self.content_type in _FORMS:
                raise BadRequest("Forms must be UTF-8.")
            super()._load_post_and_files()
        except (LookupError, UnicodeError, BadRequest) as fault:
            # Whoever tells of it may ask for the form once more.
            self._mark_post_parse_error()  # type: ignore[attr-defined]
            raise MultiPartParserError("The form cannot be read.") from fault


class LeanHandler(BaseHandler):
    """An ASGI application for Django with synchronous middleware and views; see the module."""

    def __init__(self, threads: int | None = None) -> None:
        super().__init__()
        self.load_middleware(is_async=False)
        self.threads = Threads(threads or settings.WEB_THREADS)
        self.bodies = Bodies(Callers(self.threads))
        set_runner(self.threads.run)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise ValueError(f"Only HTTP is served, not {scope['type']}.")
        try:
            body = await self.bodies.read(scope, receive)
        except request_bodies.ClientLeft:
            return
        try:
            answer = await self.threads.run(self._answer, scope, body)
            if answer.parts is None:
                # It may be held or streamed for long, and nothing asks for its body any more.
                body.close()
            if answer.when_sent is not None:
                await self._send_and_tell(answer.when_sent, answer, scope, receive, send)
            else:
                await self._send(answer, scope, receive, send)
        except response_writer.ClientLeft:
            return
        finally:
            body.close()

    async def _send(self, answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
        if isinstance(answer.response, HeldResponse):
            answer = await self._held(answer, scope, receive)
        if answer.response is None:
            await response_writer.send_whole(answer, send)
        else:
            await response_writer.send_stream(answer, self.threads, receive, send)

    async def _send_and_tell(
        self, tell: Callable[[bool], None], answer: Answer, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Send, and say whether anybody was there to take it: at its last moment, before the answer goes out."""
        delivered = False
        try:
            if isinstance(answer.response, HeldResponse):
                answer = await self._held(answer, scope, receive)
            if await response_writer.is_gone(receive):
                return
            await self._send(answer, scope, receive, send)
            delivered = True
        except response_writer.ClientLeft:
            return
        finally:
            await asyncio.shield(self.threads.run(_tell, tell, delivered))

    async def _held(self, answer: Answer, scope: Scope, receive: Receive) -> Answer:
        """The answer that a held request gets in the end. Raises ClientLeft."""
        held = answer.response
        # It may last: neither what the request left in context variables nor its body is kept for that.
        answer.context = None
        try:
            return _later(held, await response_writer.unless_gone(_awaited(held.until), receive))
        except response_writer.ClientLeft:
            raise
        except Exception:
            # What was asked for has been done before the wait: an error here would make clients ask a second time.
            log.exception("Waiting failed, answered with the first state: %s", scope["path"])
            answer.response = None
            return answer

    # -- In a thread -----------------------------------------------------------------------------------------

    def _answer(self, scope: Scope, body: File) -> Answer:
        # A context of its own: what one request leaves in context variables (language, fields of the log) never
        # reaches the next one in the same thread.
        context = contextvars.Context()
        answer = context.run(self._respond, scope, body)
        answer.context = context
        return answer

    def _respond(self, scope: Scope, body: File) -> Answer:
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=self.__class__, scope=scope)
        try:
            request = Request(scope, body)
        except ValueError:
            # A query that is no UTF-8, or a content type whose parameters are in no encoding.
            body.close()
            refused = _refusal(scope["path"], 400, "Bad request", "The head of the request cannot be read.")
            return self._finish(refused, scope)
        try:
            response: HttpResponseBase = self.get_response(request)
        except Exception:
            # Middleware turns exceptions into answers; here even the project's page for an error has failed.
            log.exception("Internal Server Error: %s", scope["path"], extra={"status_code": 500})
            request.close()
            response = _server_error(scope["path"])
        if isinstance(body, Unread):
            # A page may have words of its own for it.
            if body.was_asked_for and (
                response.status_code != body.refusal.status or request.path.startswith(_APIS)
            ):
                response = _in_place_of(response, request.not_taken())
            # What still comes of the body is no other request.
            response.headers["Connection"] = "close"
        return self._finish(response, scope)

    def process_exception_by_middleware(self, exception: Exception, request: HttpRequest) -> HttpResponse:
        """What a view's exception becomes: one that a body was not taken is nothing for the log."""
        body = request._stream
        if isinstance(body, Unread) and body.was_asked_for:
            return cast(Request, request).not_taken()
        return super().process_exception_by_middleware(exception, request)

    def _finish(self, response: Any, scope: Scope) -> Answer:
        response._handler_class = self.__class__
        answer = Answer(response.status_code, response_writer.encoded_headers(response))
        answer.when_sent = getattr(response, "when_sent", None)
        if isinstance(response, HeldResponse) and response.until is not None:
            # For Django the request is over: neither a connection nor the body is kept while it is held.
            answer.response, answer.body = response, response.content
            response.close()
        elif response.streaming and scope["method"] != "HEAD":
            self._begin_stream(response, answer, scope["path"])
        else:
            answer.body = b"" if response.streaming else response.content
            response.close()
        return answer

    def _begin_stream(self, response: Any, answer: Answer, path: str) -> None:
        if response.is_async:
            # It may last for hours, and on the event loop: the connection of this thread is not for it.
            answer.response = response
            close_old_connections()
            return
        if isinstance(response, FileResponse):
            response.block_size = response_writer.BLOCK
        parts = iter(response)
        try:
            answer.body, ended = response_writer.batch(parts, response_writer.batch_size(response))
        except Exception:
            log.exception("Internal Server Error (stream): %s", path, extra={"status_code": 500})
            response.close()
            failed = _server_error(path)
            answer.status, answer.headers = failed.status_code, response_writer.encoded_headers(failed)
            answer.body = failed.content
            return
        if ended:
            response.close()
        else:
            answer.response, answer.parts = response, parts


def _later(held: HeldResponse, final: HttpResponse) -> Answer:
    """The later answer with what middleware had put on the held one. It is whole: not streamed, and rendered."""
    for name, value in held.items():
        if name.lower() not in OWN_HEADERS:
            final.headers.setdefault(name, value)
    for name, cookie in held.cookies.items():
        if name not in final.cookies:
            final.cookies[name] = cookie
    final.headers.setdefault("Content-Length", str(len(final.content)))
    return Answer(final.status_code, response_writer.encoded_headers(final), final.content)


def _tell(tell: Callable[[bool], None], delivered: bool) -> None:
    try:
        tell(delivered)
    except Exception:
        log.exception("What became of an answer could not be noted")
    finally:
        close_old_connections()


async def _awaited(until: Callable[[], Awaitable[HttpResponse]] | None) -> Any:
    return await until() if until is not None else None


def _in_place_of(old: HttpResponseBase, new: HttpResponse) -> HttpResponse:
    for closer in old._resource_closers:  # type: ignore[attr-defined]
        new._resource_closers.append(closer)  # type: ignore[attr-defined]
    for name, value in old.items():
        if name.lower() not in OWN_HEADERS:
            new.headers.setdefault(name, value)
    new.headers["Content-Length"] = str(len(new.content))
    return new


def _server_error(path: str) -> HttpResponse:
    return _refusal(path, 500, "Internal server error", "Something went wrong on our side.")


def _refusal(path: str, status: int, title: str, detail: str) -> HttpResponse:
    if path.startswith(OPENAI_PATH):
        kind = "server_error" if status >= 500 else "invalid_request_error"
        error = {"message": detail, "type": kind, "param": None, "code": None}
        return JsonResponse({"error": error}, status=status)
    if not path.startswith(PROBLEM_PATHS):
        return HttpResponse(f"{title}. {detail}\n", status=status, content_type="text/plain; charset=utf-8")
    problem = {"title": title, "detail": detail, "status": status}
    return JsonResponse(problem, status=status, content_type="application/problem+json")

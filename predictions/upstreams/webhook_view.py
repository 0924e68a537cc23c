"""Webhooks from upstreams: `POST /hooks/upstream/<token>/<key>`. They only make the watcher poll sooner.

The body is never trusted: a forged one costs one poll. The URL cannot be guessed, and where the upstream's secret is
known the request must be signed with it, as its kind does (`ProviderKind.webhooks`).
"""

from __future__ import annotations

import re

import structlog
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import RawPostDataException
from django.views.decorators.csrf import csrf_exempt

from core import crypto
from core.cache import counters
from predictions import lifecycle
from predictions.models import Upstream
from predictions.providers import kinds
from predictions.providers.provider_names import provider_name
from predictions.providers.upstream import WebhookScheme
from predictions.upstreams import webhook_urls

log = structlog.get_logger(__name__)

MAX_BODY = 1024 * 1024
A_MINUTE = 60
"""The most requests for one run that are accepted within a minute."""
_KEY = re.compile(r"([a-z0-9]{26})-(\d{1,5})")


@csrf_exempt
def receive(request: HttpRequest, token: str, key: str) -> HttpResponse:
    """Handle a webhook of an upstream about the run with this key: schedule an immediate poll."""
    if request.method != "POST":
        response = _reply(405, "Only POST.")
        response["Allow"] = "POST"
        return response
    upstream_pk = webhook_urls.upstream_of(token) if len(token) <= 200 else None
    found = _KEY.fullmatch(key)
    upstream = Upstream.objects.filter(pk=upstream_pk).first() if upstream_pk and found else None
    scheme = _scheme(upstream)
    if upstream is None or scheme is None or found is None:
        return _reply(404, "There is no such hook.")
    body = _body(request)
    if body is None:
        return _reply(413, f"At most {MAX_BODY} bytes.")
    if not _is_signed(upstream, scheme, request, body):
        log.warning("upstream_webhook_forged", upstream=upstream.name)
        return _reply(401, "The signature is missing, wrong or too old.")
    if not _counts(key):
        return _reply(429, "That is enough news of one run.")
    names = {provider_name(pk) for pk in upstream.keys.values_list("pk", flat=True)}
    accepted = lifecycle.poll_now(found[1], int(found[2]), names)
    return JsonResponse({"ok": True, "looking": accepted})


def _scheme(upstream: Upstream | None) -> WebhookScheme | None:
    """The webhook signature scheme of its kind; None where it sends none."""
    kind = kinds.PROVIDERS.get(upstream.kind) if upstream is not None else None
    return kind.webhooks if kind is not None else None


def _reply(status: int, detail: str) -> HttpResponse:
    return JsonResponse({"detail": detail}, status=status)


def _body(request: HttpRequest) -> bytes | None:
    """The body, None where it is too large."""
    length = request.headers.get("Content-Length", "0")
    if not length.isdigit() or int(length) > MAX_BODY:
        return None
    try:
        body = request.read(MAX_BODY + 1)
    except RawPostDataException:
        body = request.body
    return body if len(body) <= MAX_BODY else None


def _is_signed(upstream: Upstream, scheme: WebhookScheme, request: HttpRequest, body: bytes) -> bool:
    """Whether the signature is valid; where no secret is known the URL alone authenticates."""
    if not upstream.webhook_secret:
        return True
    try:
        secret = crypto.decrypt(upstream.webhook_secret)
    except crypto.NoMatchingKey:
        return False
    return scheme.is_signed(secret, request.headers, body)


def _counts(key: str) -> bool:
    name = f"upstream-hook-{key}"
    if counters.cache.add(name, 1, 60):
        return True
    try:
        return int(counters.cache.incr(name)) <= A_MINUTE
    except ValueError:
        return True

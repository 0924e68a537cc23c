"""Webhook URLs for upstreams: each upstream has its own, with a signed token."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.core import signing

from predictions.inputs import user_urls

PATH = "/hooks/upstream/"
_SALT = "predictions.upstreams.hooks"


def token(upstream_pk: int) -> str:
    """The signed token of an upstream, the URL's part after `PATH`. Letters, digits, `-`, `_` and `:`."""
    return signing.Signer(salt=_SALT).sign(str(upstream_pk))


def upstream_of(token: str) -> int | None:
    """The upstream's primary key from its token; None where the signature is invalid."""
    try:
        number = signing.Signer(salt=_SALT).unsign(token)
    except signing.BadSignature:
        return None
    return int(number) if number.isdigit() else None


def webhook_url(upstream_pk: int) -> str:
    """The webhook URL of an upstream, with `{key}` for the order's key; empty where this server is not reachable."""
    public = settings.PUBLIC_URL
    host = urlsplit(public).hostname or ""
    if (
        not public
        or not user_urls.looks_reachable(public)
        or (host == "localhost" and not settings.CONFORMANCE)
    ):
        return ""
    return f"{public}{PATH}{token(upstream_pk)}/{{key}}"

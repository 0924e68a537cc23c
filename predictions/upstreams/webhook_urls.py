"""The addresses that upstreams call back. Each upstream has its own, which nobody can guess or make."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.core import signing

from predictions.inputs import user_urls

PATH = "/hooks/upstream/"
_SALT = "predictions.upstreams.hooks"


def token(upstream_pk: int) -> str:
    """The part after `PATH` of the address that this upstream is given. Letters, digits, `-`, `_` and `:`."""
    return signing.Signer(salt=_SALT).sign(str(upstream_pk))


def upstream_of(token: str) -> int | None:
    """The upstream's primary key to which a token was given; None where it was never given to any."""
    try:
        number = signing.Signer(salt=_SALT).unsign(token)
    except signing.BadSignature:
        return None
    return int(number) if number.isdigit() else None


def webhook_url(upstream_pk: int) -> str:
    """Where this upstream reports, with `{key}` for the order's key; empty where others cannot reach this server."""
    public = settings.PUBLIC_URL
    host = urlsplit(public).hostname or ""
    if (
        not public
        or not user_urls.looks_reachable(public)
        or (host == "localhost" and not settings.CONFORMANCE)
    ):
        return ""
    return f"{public}{PATH}{token(upstream_pk)}/{{key}}"

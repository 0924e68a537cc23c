"""SSRF rules for URLs supplied by users: public addresses, and networks that the operator allows."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from django.conf import settings

from core.http.json_body import is_unicode
from core.net import http_client, ssrf
from predictions.webhooks import failure_reasons

MAX_LENGTH = 2000
"""The most characters of a URL."""


def may_reach(text: str) -> bool:
    """Whether an IP address may be connected to."""
    return ssrf.may_reach(text, _allowed())


def looks_reachable(url: str) -> bool:
    """Whether it is an http(s) URL whose host is no literal private address; without resolving names."""
    if any(ord(sign) < 0x20 or ord(sign) == 0x7F for sign in url):
        # Parsers differ in which of them they drop, so the URL checked might not be the URL fetched.
        return False
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip(".").lower(), parts.port
    except ValueError:
        return False
    if parts.scheme not in {"http", "https"} or not host or port == 0:
        return False
    if ssrf.is_loopback_name(host):
        return may_reach("127.0.0.1")
    literal = ssrf.literal(host)
    return literal is None or may_reach(str(literal))


def objection(url: str) -> str:
    """Why a URL cannot be a webhook target, as a sentence; empty where it can."""
    if len(url) > MAX_LENGTH:
        return f"The address is longer than {MAX_LENGTH} characters."
    if not is_unicode(url) or not looks_reachable(url):
        return "An http(s) address on the public network is expected."
    return ""


def _allowed() -> list[ssrf.Network]:
    names: list[str] = list(settings.OUTBOUND_ALLOW)
    if settings.CONFORMANCE:
        names.append("127.0.0.1/32")
    return [ipaddress.ip_network(name) for name in names]


async def _resolve(host: str, port: int) -> list[str]:
    return await ssrf.resolve(host, port)


def http_client_for_users(*, timeout_s: float) -> http_client.AsyncClient:
    """An HTTP client that connects only to public addresses and those that the operator allows."""
    guard = http_client.Guard(
        may_reach, _resolve, no_name=failure_reasons.NO_NAME, inner=failure_reasons.INNER
    )
    return http_client.client(timeout_s=timeout_s, guard=guard)

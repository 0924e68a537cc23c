"""Allowed hosts of upstreams: public addresses, and private ones listed in DARKROOM_UPSTREAM_PRIVATE."""

from __future__ import annotations

import ipaddress
import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from core.net import ssrf as public
from predictions.inputs import user_urls

LONGEST = 300
"""Maximum characters of an upstream's URL."""
_RESOLVE_S = 3.0


def objection(url: str) -> str:
    """Validate an API's base URL: one sentence naming the fault, or empty."""
    if len(url) > LONGEST:
        return _("The address is longer than %(n)d characters.") % {"n": LONGEST}
    try:
        parts = urlsplit(url)
        port_is_one = parts.port is None or parts.port > 0
    except ValueError:
        return _("This is no address.")
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_one:
        return _("An address such as https://host/v1 is expected.")
    if parts.username is not None or parts.password is not None:
        return _("The address must hold no user name or password; the key is given apart.")
    if parts.query or parts.fragment:
        return _("The address must end with its path, such as /v1.")
    if not url.isascii() or any(sign <= " " or sign == "\x7f" for sign in url):
        return _("The address holds signs that no address has.")
    if not (user_urls.looks_reachable(url) or is_inside(url)):
        return _(
            "The address is inside this network; name its host in DARKROOM_UPSTREAM_PRIVATE to allow that."
        )
    return ""


def resolved_objection(url: str) -> str:
    """The same for a host name after resolving it; empty where it does not resolve in time."""
    host = urlsplit(url).hostname or ""
    if is_inside(url):
        return ""
    pool = ThreadPoolExecutor(1)
    try:
        found = pool.submit(socket.getaddrinfo, host, None, type=socket.SOCK_STREAM).result(_RESOLVE_S)
    except (OSError, UnicodeError, TimeoutError):
        return ""
    finally:
        # Not `with`, which would wait for a resolver that does not answer.
        pool.shutdown(wait=False)
    within = [ipaddress.ip_network(name) for name in networks()]
    if all(public.may_reach(str(row[4][0]), within) for row in found):
        return ""
    return _("The name leads inside this network; name its host in DARKROOM_UPSTREAM_PRIVATE to allow that.")


def is_inside(url: str) -> bool:
    """Whether the operator allowed this private host: by name, address or network."""
    host = (urlsplit(url).hostname or "").rstrip(".").lower()
    if host in {name.rstrip(".").lower() for name in settings.UPSTREAM_PRIVATE}:
        return True
    literal = "127.0.0.1" if host == "localhost" or host.endswith(".localhost") else host.split("%")[0]
    try:
        address = ipaddress.ip_address(literal)
    except ValueError:
        return False
    allowed = [ipaddress.ip_network(name) for name in networks()]
    return any(address in network for network in allowed if network.version == address.version)


def networks() -> list[str]:
    """Addresses and networks in DARKROOM_UPSTREAM_PRIVATE, such as `10.1.0.0/16`."""
    found = []
    for name in [*settings.UPSTREAM_PRIVATE, *(["127.0.0.1/32"] if settings.CONFORMANCE else [])]:
        try:
            found.append(str(ipaddress.ip_network(name)))
        except ValueError:
            continue  # a host name
    return found

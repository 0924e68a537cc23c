"""The public origin of this server, `https://host`, for links that others than the caller read.

Mails, feeds, embeds, sitemaps and canonical URLs take `own_origin`: an answer to its caller may repeat the `Host` that
they sent, but whoever asks for a mail to somebody else would choose by it where the link in that mail leads.
"""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.http import HttpRequest
from django.http.request import split_domain_port


def own_origin(request: HttpRequest | None) -> str:
    """`https://host`: the operator's, else the one that was asked for where that cannot be made up, else `ORIGIN`.

    Without a request it is `ORIGIN`. A host cannot be made up where DARKROOM_HOSTS checks it, or where it is the very
    address that the connection came in at.
    """
    if settings.PUBLIC_URL:
        return str(settings.PUBLIC_URL)
    if request is None:
        return str(settings.ORIGIN)
    host = request.get_host()
    if "*" not in settings.ALLOWED_HOSTS or _is_where_it_came_in(request, host):
        return f"{request.scheme}://{host}"
    return str(settings.ORIGIN)


def shown_origin(request: HttpRequest) -> str:
    """`https://host` of links that are shown to the caller alone, who chose the host: the operator's, else that one."""
    return str(settings.PUBLIC_URL) or f"{request.scheme}://{request.get_host()}"


def on_own_origin(request: HttpRequest | None, url: str) -> str:
    """An absolute address with our own origin in place of the one it has."""
    parts = urlsplit(url)
    return own_origin(request) + urlunsplit(("", "", parts.path, parts.query, parts.fragment))


def _is_where_it_came_in(request: HttpRequest, host: str) -> bool:
    name, port = split_domain_port(host)
    port = port or ("443" if request.is_secure() else "80")
    came_in = str(request.META.get("SERVER_NAME", "")).strip("[]")
    return port == str(request.META.get("SERVER_PORT", "")) and name.strip("[]") in {
        came_in,
        *_names(came_in),
    }


def _names(address: str) -> tuple[str, ...]:
    return ("localhost",) if address in {"127.0.0.1", "::1"} else ()


def origin_of(request: HttpRequest) -> str:
    """`https://host`: the configured public origin, or the one that the caller used."""
    if settings.PUBLIC_URL and not settings.CONFORMANCE:
        return str(settings.PUBLIC_URL)
    return f"{request.scheme}://{request.get_host()}"

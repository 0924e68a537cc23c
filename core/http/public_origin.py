"""The public origin of this server, `https://host`, for links that are not read by the caller alone.

Mails, feeds, embeds, sitemaps and canonical URLs take `trusted_origin`. A response to the caller may repeat the `Host`
header, but in a mail to somebody else a forged header would decide where the link leads.
"""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.http import HttpRequest
from django.http.request import split_domain_port


def trusted_origin(request: HttpRequest | None) -> str:
    """`https://host`: the configured one, else the request's where its host cannot be forged, else `ORIGIN`.

    Without a request it is `ORIGIN`. A host cannot be forged where DARKROOM_HOSTS checks it, or where it is the address
    that the connection was accepted on.
    """
    if settings.PUBLIC_URL:
        return str(settings.PUBLIC_URL)
    if request is None:
        return str(settings.ORIGIN)
    host = request.get_host()
    if "*" not in settings.ALLOWED_HOSTS or _is_connection_address(request, host):
        return f"{request.scheme}://{host}"
    return str(settings.ORIGIN)


def caller_origin(request: HttpRequest) -> str:
    """`https://host` of links that only the caller reads: the configured one, else the request's, even if forged."""
    return str(settings.PUBLIC_URL) or f"{request.scheme}://{request.get_host()}"


def with_trusted_origin(request: HttpRequest | None, url: str) -> str:
    """An absolute URL with its origin replaced by `trusted_origin`."""
    parts = urlsplit(url)
    return trusted_origin(request) + urlunsplit(("", "", parts.path, parts.query, parts.fragment))


def _is_connection_address(request: HttpRequest, host: str) -> bool:
    name, port = split_domain_port(host)
    port = port or ("443" if request.is_secure() else "80")
    address = str(request.META.get("SERVER_NAME", "")).strip("[]")
    return port == str(request.META.get("SERVER_PORT", "")) and name.strip("[]") in {
        address,
        *_names(address),
    }


def _names(address: str) -> tuple[str, ...]:
    return ("localhost",) if address in {"127.0.0.1", "::1"} else ()


def origin_of(request: HttpRequest) -> str:
    """`https://host`: the configured public origin, or the one that the caller used."""
    if settings.PUBLIC_URL and not settings.CONFORMANCE:
        return str(settings.PUBLIC_URL)
    return f"{request.scheme}://{request.get_host()}"

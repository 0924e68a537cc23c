"""Why a webhook attempt failed, as one sentence: a translatable reason, then details behind a colon."""

from __future__ import annotations

import errno
import re
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin, urlsplit

from django.utils.translation import gettext, gettext_noop

from core.net import http_client, tracebacks

NO_ANSWER = gettext_noop("No answer in time")
NO_CONNECTION = gettext_noop("No connection in time")
NO_NAME = gettext_noop("The name cannot be resolved")
INNER = gettext_noop("The name leads to a private or reserved address, which is refused")
REFUSED = gettext_noop("The connection was refused")
UNREACHABLE = gettext_noop("The address cannot be reached")
BROKEN = gettext_noop("The connection broke before the answer was there")
NOT_HTTP = gettext_noop("The answer was not HTTP")
CERTIFICATE = gettext_noop("The certificate was not accepted")
TLS = gettext_noop("No secure connection could be made")
BAD_ADDRESS = gettext_noop("The address cannot be used")
OTHER = gettext_noop("It could not be sent")
REDIRECT = gettext_noop("Answered with a redirect, which is never followed")
GONE = gettext_noop("The receiver is gone for good; nothing more is sent for this prediction")
DECLINED = gettext_noop("Declined by the receiver; it is not tried again")
BROKE = gettext_noop("The receiver failed")
ASKED_TO_WAIT = gettext_noop("The receiver asked to wait")

_UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.ENETDOWN}
_ODD = re.compile(r"[^\x21-\x7e]")
_MAX_HOST = 100


def display(note: str) -> str:
    """A stored reason in the reader's language."""
    reason, _colon, detail = note.partition(": ")
    if not detail:
        return gettext(reason) if reason else ""
    return gettext("%(words)s: %(detail)s") % {"words": gettext(reason), "detail": detail}


def for_error(error: BaseException, limit_s: float) -> str:
    """The reason for an exception of the HTTP client. `limit_s`: the seconds that an attempt may take."""
    chain = list(tracebacks.chain(error))
    for cause in chain:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"{CERTIFICATE}: {cause.verify_message or 'unknown reason'}"
        if isinstance(cause, ssl.SSLError):
            return f"{TLS}: {(cause.reason or 'unknown reason').replace('_', ' ').lower()}"
    if isinstance(error, http_client.ConnectTimeout):
        return NO_CONNECTION
    if isinstance(error, TimeoutError | http_client.TimeoutException):
        return f"{NO_ANSWER}: {limit_s:g} s"
    for cause in chain:
        if str(cause) in {INNER, NO_NAME}:
            return str(cause)
        if isinstance(cause, OSError) and cause.errno == errno.ECONNREFUSED:
            return REFUSED
        if isinstance(cause, OSError) and cause.errno in _UNREACHABLE:
            return UNREACHABLE
    return _for_client_error(error)


def _for_client_error(error: BaseException) -> str:
    if isinstance(
        error, http_client.InvalidURL | http_client.UnsupportedProtocol | UnicodeError | ValueError
    ):
        return BAD_ADDRESS
    if isinstance(error, http_client.RemoteProtocolError):
        closed = "disconnected" in str(error) or "closed connection" in str(error)
        return BROKEN if closed else NOT_HTTP
    if isinstance(error, http_client.ConnectError):
        return REFUSED
    return BROKEN if isinstance(error, http_client.NetworkError | http_client.StreamError) else OTHER


def for_response(code: int, url: str, location: str, retry_after_s: float | None) -> str:
    """The reason for an answer's status; empty for 2xx. Of `location`, untrusted text, only the host is shown."""
    if 200 <= code < 300:
        return ""
    if 300 <= code < 400:
        return f"{REDIRECT}: {_host(url, location)}" if location else REDIRECT
    if code == 410:
        return GONE
    if code == 429 and retry_after_s is not None:
        return f"{ASKED_TO_WAIT}: {retry_after_s:g} s"
    if code in {408, 429} or code >= 500:
        return BROKE if code >= 500 else ASKED_TO_WAIT if code == 429 else NO_ANSWER
    return DECLINED


def retry_after(text: str) -> float | None:
    """Seconds of a `Retry-After` header, which is a number or a date; None for anything else."""
    text = text.strip()[:60]
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, ((at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds())


def _host(url: str, location: str) -> str:
    try:
        host = urlsplit(urljoin(url, location[:2000])).hostname or ""
    except ValueError:
        host = ""
    return _ODD.sub("?", host)[:_MAX_HOST] or "?"

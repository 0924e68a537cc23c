"""E-mail queue of notices: a periodic job that sends a few at a time and retries while the mail server is away.

A notice is claimed by moving its next attempt ahead before it is sent. If the process dies in between, it is sent
again: an e-mail may arrive twice, and is lost only after its last attempt.
"""

from __future__ import annotations

import smtplib
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.db.models import F, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation

from accounts.models import Notice
from accounts.notifications import mail_preferences, notice_kinds, notice_text
from accounts.registration import email_addresses
from core.clock import Now, after

log = structlog.get_logger(__name__)
BATCH = 10
TURN_S = 1.0
"""Longest turn, in seconds: a slow mail server must not hold up other periodic jobs."""
LEASE = timedelta(minutes=5)
PAUSES = (60, 300, 1800, 7200, 21600, 43200)
"""Seconds until the next attempt, after the first, the second …; after the last the e-mail is given up."""
MAX_SUBJECT_LENGTH = 90
REST_S = 60.0
KEPT_S = 365 * 86400.0
"""Age at which notices are deleted, read or not."""
_paused_until = 0.0


def run_once() -> bool:
    """Send at most ten; returns whether there may be more. Pauses for a minute when the server is away."""
    global _paused_until
    if time.monotonic() < _paused_until:
        return False
    notices, ends_at = list(due()[:BATCH]), time.monotonic() + TURN_S
    for number, notice in enumerate(notices):
        if number and time.monotonic() >= ends_at:
            return True
        if not _claim(notice):
            continue
        if notice.mail_tries > len(PAUSES):
            # All its attempts ended with the death of the process: it must not be retried for ever.
            _mark_done(notice, mail_note="given up")
            continue
        try:
            _send(notice)
        except (OSError, smtplib.SMTPException) as error:
            _failed(notice, error)
            if not isinstance(error, smtplib.SMTPRecipientsRefused):
                _paused_until = time.monotonic() + REST_S
                return False
        except Exception as error:
            # It cannot be rendered, or the address is invalid: it must not block the queue.
            _failed(notice, error)
    return len(notices) == BATCH


def prune() -> bool:
    """Periodic job: delete a batch of notices older than a year; returns whether there were any."""
    old = Notice.objects.filter(created_at__lte=after(-KEPT_S), mail_owed=False).order_by("created_at")
    keys = list(old.values_list("pk", flat=True)[:500])
    Notice.objects.filter(pk__in=keys).delete()
    return bool(keys)


def clear_pause() -> None:
    """End the pause: for tests, and after the mail server was repaired."""
    global _paused_until
    _paused_until = 0.0


def due() -> QuerySet[Notice]:
    """Notices whose e-mail is due, longest first."""
    return (
        Notice.objects.filter(mail_owed=True, mail_at__lte=Now())
        .select_related("user")
        .order_by("mail_at", "id")
    )


def _claim(notice: Notice) -> bool:
    rows = Notice.objects.filter(pk=notice.pk, mail_owed=True, mail_tries=notice.mail_tries)
    return bool(rows.update(mail_tries=F("mail_tries") + 1, mail_at=Now() + LEASE))


def _send(notice: Notice) -> None:
    address = notice.user.email if notice.user is not None else notice.address
    why_not = "" if address else "no address"
    if address and notice.user is not None:
        if not email_addresses.may_receive_mail(notice.user, address):
            # The address is unverified and may be a stranger's; the inbox has the notice.
            why_not = "not confirmed"
        elif not mail_preferences.wants_mail(notice.user.pk, notice.kind):
            why_not = "not wanted"
    if why_not:
        _end(notice, why_not)
        return
    message = compose(notice, address)
    if message is None:
        _end(notice, "nothing to say")
        return
    message.send()
    _mark_done(notice, mailed_at=Now(), mail_note="")


def _end(notice: Notice, note: str) -> None:
    _mark_done(notice, mail_note=note)


def _mark_done(notice: Notice, **values: Any) -> None:
    # Without an account nothing is kept once the mail is sent, not even the secret of an invitation link.
    gone = {"address": "", "link": "", "params": {}} if notice.user_id is None else {}
    Notice.objects.filter(pk=notice.pk).update(mail_owed=False, **gone, **values)


def _failed(notice: Notice, error: Exception) -> None:
    # Only the type: the message may contain the server and the address.
    log.warning("mail_failed", notice=notice.pk, error=type(error).__name__)
    note = type(error).__name__[:200]
    if notice.mail_tries >= len(PAUSES):
        _mark_done(notice, mail_note=note)
        return
    pause = timedelta(seconds=PAUSES[notice.mail_tries])
    Notice.objects.filter(pk=notice.pk).update(mail_at=Now() + pause, mail_note=note)


@dataclass(frozen=True)
class _Links:
    """URLs in an e-mail; empty where there is none."""

    on: str
    stop: str
    choices: str


def compose(notice: Notice, address: str) -> EmailMultiAlternatives | None:
    """The e-mail of a notice, plain text and HTML; None where its kind no longer exists."""
    language = (notice.user.language if notice.user is not None else "") or notice.language
    with translation.override(language or settings.LANGUAGE_CODE):
        words = notice_text.for_notice(notice)
        if not words.line:
            return None
        links = _links(notice)
        context = {
            "words": words,
            "ways": links,
            "language": translation.get_language(),
            "name": _name(notice),
            "always": notice.user is not None and not links.stop,
        }
        message = EmailMultiAlternatives(
            subject=settings.ACCOUNT_EMAIL_SUBJECT_PREFIX + _subject(words.subject),
            body=render_to_string("notifications/mail.txt", context),
            to=[address],
            connection=get_connection(),
        )
        message.attach_alternative(render_to_string("notifications/mail.html", context), "text/html")
    message.extra_headers["Auto-Submitted"] = "auto-generated"
    if links.stop:
        message.extra_headers["List-Unsubscribe"] = f"<{links.stop}>"
        message.extra_headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return message


def _subject(subject: str) -> str:
    """On one line, shortened to what mail clients display."""
    text = " ".join(subject.split())
    return text if len(text) <= MAX_SUBJECT_LENGTH else f"{text[: MAX_SUBJECT_LENGTH - 1].rstrip()}…"


def _name(notice: Notice) -> str:
    return notice.user.shown_name if notice.user is not None else ""


def _links(notice: Notice) -> _Links:
    origin = settings.ORIGIN
    kind = notice_kinds.BY_NAME.get(notice.kind)
    stop = ""
    if notice.user is not None and kind is not None and not kind.necessary:
        stop = origin + reverse(
            "notices_stop", args=[mail_preferences.unsubscribe_token(notice.user.pk, notice.kind)]
        )
    return _Links(
        on=origin + notice.link if notice.link else "",
        stop=stop,
        choices=origin + reverse("notices_choices") if notice.user is not None else "",
    )

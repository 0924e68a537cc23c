"""Mails that are owed: a chore sends them, a few at a time, and tries again where the mail server does not answer.

A notice is claimed before it is sent, by moving its next try ahead. A process that dies in between leaves it to the
next one: a mail may come twice, and is lost only after its last try.
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
"""After so long the other chores have their turn: a slow mail server must not hold them up."""
LEASE = timedelta(minutes=5)
PAUSES = (60, 300, 1800, 7200, 21600, 43200)
"""Seconds until the next try, after the first, the second …; after the last it is given up."""
LONGEST_SUBJECT = 90
REST_S = 60.0
KEPT_S = 365 * 86400.0
"""A notice goes after a year, read or not."""
_rests_until = 0.0


def run_once() -> bool:
    """Send what is owed, at most ten; whether there may be more. Rests for a minute when the server is away."""
    global _rests_until
    if time.monotonic() < _rests_until:
        return False
    some, ends_at = list(due()[:BATCH]), time.monotonic() + TURN_S
    for number, notice in enumerate(some):
        if number and time.monotonic() >= ends_at:
            return True
        if not _claim(notice):
            continue
        if notice.mail_tries > len(PAUSES):
            # Each of its tries ended with the process that made it: it must not be sent, or kill, for ever.
            _done(notice, mail_note="given up")
            continue
        try:
            _send(notice)
        except (OSError, smtplib.SMTPException) as error:
            _failed(notice, error)
            if not isinstance(error, smtplib.SMTPRecipientsRefused):
                _rests_until = time.monotonic() + REST_S
                return False
        except Exception as error:
            # One that cannot be written, to an address that is none: it must not stand before all others.
            _failed(notice, error)
    return len(some) == BATCH


def prune() -> bool:
    """The chore: remove some notices that are a year old; whether there were any."""
    old = Notice.objects.filter(created_at__lte=after(-KEPT_S), mail_owed=False).order_by("created_at")
    some = list(old.values_list("pk", flat=True)[:500])
    Notice.objects.filter(pk__in=some).delete()
    return bool(some)


def forget_rest() -> None:
    """Try again at once: for tests, and for whoever mended the server."""
    global _rests_until
    _rests_until = 0.0


def due() -> QuerySet[Notice]:
    """Notices whose mail is to be sent now, the longest owed first."""
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
        if not email_addresses.may_be_written_to(notice.user, address):
            # Nobody has shown yet that it is theirs: what it would tell is not for a stranger. The inbox has it.
            why_not = "not confirmed"
        elif not mail_preferences.wants_mail(notice.user.pk, notice.kind):
            why_not = "not wanted"
    if why_not:
        _end(notice, why_not)
        return
    letter = write(notice, address)
    if letter is None:
        _end(notice, "nothing to say")
        return
    letter.send()
    _done(notice, mailed_at=Now(), mail_note="")


def _end(notice: Notice, note: str) -> None:
    _done(notice, mail_note=note)


def _done(notice: Notice, **values: Any) -> None:
    # Of somebody without an account nothing is kept once they were written to: nor the secret of a link to join by.
    gone = {"address": "", "link": "", "params": {}} if notice.user_id is None else {}
    Notice.objects.filter(pk=notice.pk).update(mail_owed=False, **gone, **values)


def _failed(notice: Notice, error: Exception) -> None:
    # Which server, which address: none of that belongs into a log that many read.
    log.warning("mail_failed", notice=notice.pk, error=type(error).__name__)
    note = type(error).__name__[:200]
    if notice.mail_tries >= len(PAUSES):
        _done(notice, mail_note=note)
        return
    pause = timedelta(seconds=PAUSES[notice.mail_tries])
    Notice.objects.filter(pk=notice.pk).update(mail_at=Now() + pause, mail_note=note)


@dataclass(frozen=True)
class _Ways:
    """Addresses in a mail; empty where there is none."""

    on: str
    stop: str
    choices: str


def write(notice: Notice, address: str) -> EmailMultiAlternatives | None:
    """The mail of a notice, plain and HTML; None where its kind is gone."""
    language = (notice.user.language if notice.user is not None else "") or notice.language
    with translation.override(language or settings.LANGUAGE_CODE):
        words = notice_text.for_notice(notice)
        if not words.line:
            return None
        ways = _ways(notice)
        context = {
            "words": words,
            "ways": ways,
            "language": translation.get_language(),
            "name": _name(notice),
            "always": notice.user is not None and not ways.stop,
        }
        letter = EmailMultiAlternatives(
            subject=settings.ACCOUNT_EMAIL_SUBJECT_PREFIX + _subject(words.subject),
            body=render_to_string("notifications/mail.txt", context),
            to=[address],
            connection=get_connection(),
        )
        letter.attach_alternative(render_to_string("notifications/mail.html", context), "text/html")
    letter.extra_headers["Auto-Submitted"] = "auto-generated"
    if ways.stop:
        letter.extra_headers["List-Unsubscribe"] = f"<{ways.stop}>"
        letter.extra_headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return letter


def _subject(words: str) -> str:
    """On one line, cut where lists of mails would cut it."""
    text = " ".join(words.split())
    return text if len(text) <= LONGEST_SUBJECT else f"{text[: LONGEST_SUBJECT - 1].rstrip()}…"


def _name(notice: Notice) -> str:
    return notice.user.shown_name if notice.user is not None else ""


def _ways(notice: Notice) -> _Ways:
    origin = settings.ORIGIN
    kind = notice_kinds.BY_NAME.get(notice.kind)
    stop = ""
    if notice.user is not None and kind is not None and not kind.necessary:
        stop = origin + reverse(
            "notices_stop", args=[mail_preferences.stop_token(notice.user.pk, notice.kind)]
        )
    return _Ways(
        on=origin + notice.link if notice.link else "",
        stop=stop,
        choices=origin + reverse("notices_choices") if notice.user is not None else "",
    )

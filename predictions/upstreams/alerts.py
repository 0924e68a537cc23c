"""Alerts to operators: a log line and, where DARKROOM_ALERT_EMAILS is set, an e-mail.

At most one alert per key in ten minutes, and one when it recovers; one a day per cap. Mails are sent in a thread of
their own, so that no worker waits for a mail server.
"""

from __future__ import annotations

import threading
from datetime import timedelta

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Q

from accounts.credits import amounts
from core.clock import Now
from core.redaction import scrub
from predictions.models import Upstream, UpstreamKey

log = structlog.get_logger(__name__)

PAUSE = timedelta(minutes=10)
_PATIENCE_S = 30.0
_sending: set[threading.Thread] = set()
_posting = threading.Lock()


def opened(key_pk: int) -> None:
    """A circuit has just opened."""
    with transaction.atomic():
        quiet = UpstreamKey.objects.filter(
            Q(alerted_at__isnull=True) | Q(alerted_at__lte=Now() - PAUSE), pk=key_pk
        )
        is_due = bool(quiet.update(alerted_at=Now(), heal_untold=True))
    key = UpstreamKey.objects.select_related("upstream").get(pk=key_pk)
    facts = {
        "upstream": key.upstream.name,
        "key": key.label,
        "kind": key.error_kind,
        "next_probe": key.open_until.isoformat() if key.open_until else None,
    }
    if not is_due:
        log.warning("upstream_circuit_opened_again", **facts)
        return
    log.error("upstream_circuit_opened", **facts, error=key.error[:300])
    _mail(
        f"{key.upstream.name}: its key {key.label} rests",
        f"The upstream {key.upstream.name} ({key.upstream.url}) gets no new work with the key {key.label}.\n\n"
        f"Kind of error: {key.error_kind}\nWhat it said: {key.error}\n\n"
        "It is tried again by itself, after 5 seconds first and then at most a minute apart. You get one more mail "
        "when it is well again.",
    )


def healed(key_pk: int) -> None:
    """A circuit has closed again."""
    with transaction.atomic():
        is_due = bool(UpstreamKey.objects.filter(pk=key_pk, heal_untold=True).update(heal_untold=False))
    key = UpstreamKey.objects.select_related("upstream").get(pk=key_pk)
    log.info("upstream_circuit_closed", upstream=key.upstream.name, key=key.label)
    if is_due:
        _mail(
            f"{key.upstream.name}: its key {key.label} is in use again",
            f"The upstream {key.upstream.name} ({key.upstream.url}) answers well to the key {key.label}.",
        )


def capped(upstream: Upstream) -> None:
    """The upstream's daily cap is reached."""
    cap = amounts.decimal_text(upstream.day_cap or 0)
    log.error("upstream_cap_reached", upstream=upstream.name, cap=cap)
    _mail(
        f"{upstream.name}: the most a day is spent",
        f"The upstream {upstream.name} gets no new work until midnight in UTC: its cap of {cap} credits a day is "
        "reached. Raise the cap to go on at once.",
    )


def wait(seconds: float = 10.0) -> None:
    """Wait until pending mails are sent, or for so many seconds."""
    for thread in tuple(_sending):
        thread.join(seconds)


def _mail(subject: str, text: str) -> None:
    if not settings.ALERT_EMAILS:
        return
    message = EmailMessage(
        settings.ACCOUNT_EMAIL_SUBJECT_PREFIX + scrub(" ".join(subject.split())),
        scrub(text),
        to=settings.ALERT_EMAILS,
    )
    with _posting:
        # After those before it: "is in use again" must not come before "rests".
        earlier = tuple(_sending)
        thread = threading.Thread(target=_send, args=(message, earlier), name="upstream-alert", daemon=True)
        _sending.add(thread)
        thread.start()


def _send(message: EmailMessage, earlier: tuple[threading.Thread, ...]) -> None:
    try:
        for thread in earlier:
            thread.join(_PATIENCE_S)
        message.send()
    except Exception as error:
        log.error("alert_not_mailed", reason=f"{type(error).__name__}: {error}")
    finally:
        _sending.discard(threading.current_thread())

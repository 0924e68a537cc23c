"""Open sessions of a user: list, activity and ending; allauth's `UserSession` keeps a row for each.

A session ends with its row: open pages check every two seconds, other requests each time. A new password and the first
second factor end every other session.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from allauth.account import signals
from allauth.core import context
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import update_session_auth_hash
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.db.models.signals import post_save
from django.http import HttpRequest
from django.utils import timezone

from accounts.auth import second_factor
from accounts.models import User
from accounts.personal_accounts import personal_account
from accounts.sessions import client_info, known_devices
from accounts.staff import audit_log
from core.clock import Now

FRESH_S = 300.0
"""Precision of a session's last use, in seconds: more would be a write with each page."""
_BATCH = 1000
_MAX_REMEMBERED = 20_000
_last_touched: OrderedDict[str, float] = OrderedDict()
_lock = threading.Lock()


@dataclass(frozen=True)
class OpenSession:
    """One session as shown to its user."""

    pk: int
    browser: str
    network: str
    since: datetime
    seen: datetime
    is_here: bool
    is_phone: bool


def open_sessions(request: HttpRequest, user: User) -> list[OpenSession]:
    """The user's open sessions: this one first, then by last use."""
    rows = [_open_session(request, row) for row in UserSession.objects.purge_and_list(user)]
    return sorted(rows, key=lambda session: (not session.is_here, -session.seen.timestamp()))


def end_one(user: User, pk: int) -> bool:
    """End one of the user's own sessions; False where there is none."""
    row = UserSession.objects.filter(user_id=user.pk, pk=pk).first()
    if row is None:
        return False
    row.end()
    return True


def end_others(request: HttpRequest, user: User) -> None:
    """End every session of the user but this one, also those without a row."""
    with transaction.atomic():
        _end_all(user, but=request.session.session_key or "")
        _keep_session(request, User.objects.get(pk=user.pk))


def end_every(user: User) -> None:
    """End every session of the user, on behalf of one of their API tokens."""
    with transaction.atomic():
        _end_all(user)


def on_new_password(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Receiver of allauth's signals of a new password (changed, set, reset): earlier sessions end."""
    with transaction.atomic():
        current_key = (request.session.session_key or "") if request.user.pk == user.pk else ""
        _remove_rows(user, but=current_key)
    if current_key:
        UserSession.objects.create_from_request(request)


def on_factor_saved(sender: Any, instance: Authenticator, created: bool, raw: bool, **kwargs: Any) -> None:
    """Receiver of `post_save`: the first second factor ends sessions that were opened with the password alone.

    In the transaction that stores it, so that only the session in which it was set up remains.
    """
    user = instance.user
    other_factors = second_factor.authenticators_of(user).exclude(pk=instance.pk)
    if not created or raw or instance.type == Authenticator.Type.RECOVERY_CODES or other_factors.exists():
        return
    request = context.request
    is_own = request is not None and request.user.pk == user.pk
    with transaction.atomic():
        _end_all(user, but=request.session.session_key or "" if is_own else "")
        user.refresh_from_db(fields=["session_epoch"])
        if is_own:
            _keep_session(request, user)


def connect_signals() -> None:
    """Connect the receivers; called from AppConfig.ready."""
    post_save.connect(on_factor_saved, sender=Authenticator, dispatch_uid="accounts.sessions.login_sessions")
    for signal in (signals.password_changed, signals.password_set, signals.password_reset):
        signal.connect(on_new_password, dispatch_uid="accounts.sessions.login_sessions")


def end_all(user: User, by: User, reason: str) -> None:
    """End every session of a user on behalf of staff, with an audit entry."""
    with transaction.atomic():
        _end_all(user)
        audit_log.write(by, "user.end_sessions", user, reason=reason, account=personal_account(user))


def _keep_session(request: HttpRequest, user: User) -> None:
    update_session_auth_hash(request, user)
    UserSession.objects.create_from_request(request)
    known_devices.schedule_cookie(request, user)


def _end_all(user: User, but: str = "") -> None:
    User.objects.filter(pk=user.pk).update(session_epoch=F("session_epoch") + 1)
    _remove_rows(user, but)


def _remove_rows(user: User, but: str = "") -> None:
    rows = UserSession.objects.filter(user_id=user.pk)
    # Requests check the epoch; event streams of open pages check that their session exists.
    keys = list(rows.exclude(session_key=but).values_list("session_key", flat=True))
    Session.objects.filter(session_key__in=keys).delete()
    rows.delete()


def touch(request: HttpRequest) -> None:
    """Update the session's last use, at most every five minutes and not on its first request in this process."""
    key = request.session.session_key
    if not key or not _is_due(key):
        return
    stale = timezone.now() - timedelta(seconds=FRESH_S)
    rows = UserSession.objects.filter(session_key=key)
    if rows.filter(last_seen_at__lt=stale).update(last_seen_at=timezone.now()) == 0 and not rows.exists():
        # The session began before rows were kept, or outside the sign-in form.
        UserSession.objects.create_from_request(request)


def _is_due(key: str) -> bool:
    now = time.monotonic()
    with _lock:
        last = _last_touched.get(key)
        if last is not None and now - last < FRESH_S:
            return False
        _last_touched[key] = now
        _last_touched.move_to_end(key)
        if len(_last_touched) > _MAX_REMEMBERED:
            _last_touched.popitem(last=False)
    # The first sight only starts the interval: a session used once needs no write.
    return last is not None


def prune() -> bool:
    """Periodic job: delete expired sessions and their rows, in batches; returns whether there may be more.

    Nothing else does: the rows hold full addresses, and would stay for users who never open the list.
    """
    expired = Session.objects.filter(expire_date__lt=Now()).values_list("pk", flat=True)[:_BATCH]
    sessions, _each = Session.objects.filter(pk__in=list(expired)).delete()
    unused = Now() - timedelta(seconds=settings.SESSION_COOKIE_AGE)
    open_rows = Session.objects.filter(session_key=OuterRef("session_key"))
    orphans = UserSession.objects.filter(~Exists(open_rows), last_seen_at__lt=unused)
    rows, _each = UserSession.objects.filter(
        pk__in=list(orphans.values_list("pk", flat=True)[:_BATCH])
    ).delete()
    return max(sessions, rows) >= _BATCH


def clear_intervals() -> None:
    """Clear the activity intervals: for tests."""
    with _lock:
        _last_touched.clear()


def _open_session(request: HttpRequest, row: UserSession) -> OpenSession:
    return OpenSession(
        pk=row.pk,
        browser=client_info.browser(row.user_agent),
        network=client_info.network(row.ip),
        since=row.created_at,
        seen=row.last_seen_at,
        is_here=row.session_key == request.session.session_key,
        is_phone=client_info.is_phone(row.user_agent),
    )

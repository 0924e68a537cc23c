"""Where a member is signed in: allauth keeps a row for each session; here they are shown, kept fresh and ended.

A session ends with its row: open pages look for it every two seconds, each request does anyway. Another password, and
the first second factor, end every session but the one in which they were set.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

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
"""A session's row says to about five minutes when it was used last: to know better would be a write with each page."""
_BATCH = 1000
_MOST = 20_000
_looked: OrderedDict[str, float] = OrderedDict()
_lock = threading.Lock()


@dataclass(frozen=True)
class OpenSession:
    """One session as its member sees it."""

    pk: int
    browser: str
    network: str
    since: datetime
    seen: datetime
    is_here: bool
    is_phone: bool


def open_sessions(request: HttpRequest, user: User) -> list[OpenSession]:
    """The member's sessions that still count: this one first, then the one used last."""
    rows = [_seat(request, row) for row in UserSession.objects.purge_and_list(user)]
    return sorted(rows, key=lambda seat: (not seat.is_here, -seat.seen.timestamp()))


def end_one(user: User, pk: int) -> bool:
    """End one of the member's own sessions; False where there is none such."""
    row = UserSession.objects.filter(user_id=user.pk, pk=pk).first()
    if row is None:
        return False
    row.end()
    return True


def end_others(request: HttpRequest, user: User) -> None:
    """End every session of the member but this one, also those that no row tells of."""
    with transaction.atomic():
        _end_all(user, but=request.session.session_key or "")
        _go_on(request, User.objects.get(pk=user.pk))


def end_every(user: User) -> None:
    """End every session of the member, at the wish of a token of theirs."""
    with transaction.atomic():
        _end_all(user)


def on_new_password(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Receiver of allauth's signals of a new password (changed, set, reset): what was open before ends."""
    with transaction.atomic():
        here = (request.session.session_key or "") if request.user.pk == user.pk else ""
        _remove_rows(user, but=here)
    if here:
        UserSession.objects.create_from_request(request)


def on_factor_saved(sender: Any, instance: Authenticator, created: bool, raw: bool, **kwargs: Any) -> None:
    """Receiver of `post_save`: whatever began with the password alone ends with the first second factor.

    In the transaction that makes it, so that no session is left over but the one in which it is set up.
    """
    user = instance.user
    others = second_factor.authenticators_of(user).exclude(pk=instance.pk)
    if not created or raw or instance.type == Authenticator.Type.RECOVERY_CODES or others.exists():
        return
    request = context.request
    is_own = request is not None and request.user.pk == user.pk
    with transaction.atomic():
        _end_all(user, but=request.session.session_key or "" if is_own else "")
        user.refresh_from_db(fields=["session_epoch"])
        if is_own:
            _go_on(request, user)


def connect_signals() -> None:
    """Connect the receivers; called once when the app is ready."""
    from allauth.account import signals

    post_save.connect(on_factor_saved, sender=Authenticator, dispatch_uid="accounts.sessions.login_sessions")
    for told in (signals.password_changed, signals.password_set, signals.password_reset):
        told.connect(on_new_password, dispatch_uid="accounts.sessions.login_sessions")


def end_all(user: User, by: User, reason: str) -> None:
    """Staff ends every session of somebody."""
    with transaction.atomic():
        _end_all(user)
        audit_log.write(by, "user.end_sessions", user, reason=reason, account=personal_account(user))


def _go_on(request: HttpRequest, user: User) -> None:
    update_session_auth_hash(request, user)
    UserSession.objects.create_from_request(request)
    known_devices.owe(request, user)


def _end_all(user: User, but: str = "") -> None:
    User.objects.filter(pk=user.pk).update(session_epoch=F("session_epoch") + 1)
    _remove_rows(user, but)


def _remove_rows(user: User, but: str = "") -> None:
    rows = UserSession.objects.filter(user_id=user.pk)
    # The epoch is asked with each request; streams of open pages look whether their session is there.
    keys = list(rows.exclude(session_key=but).values_list("session_key", flat=True))
    Session.objects.filter(session_key__in=keys).delete()
    rows.delete()


def touch(request: HttpRequest) -> None:
    """Note that a session is in use: when this process saw it before and that is five minutes ago."""
    key = request.session.session_key
    if not key or not _is_due(key):
        return
    stale = timezone.now() - timedelta(seconds=FRESH_S)
    rows = UserSession.objects.filter(session_key=key)
    if rows.filter(last_seen_at__lt=stale).update(last_seen_at=timezone.now()) == 0 and not rows.exists():
        # Begun before sessions were kept, or by another way than the sign-in.
        UserSession.objects.create_from_request(request)


def _is_due(key: str) -> bool:
    now = time.monotonic()
    with _lock:
        before = _looked.get(key)
        if before is not None and now - before < FRESH_S:
            return False
        _looked[key] = now
        _looked.move_to_end(key)
        if len(_looked) > _MOST:
            _looked.popitem(last=False)
    # The first look only begins to count: a session that is just used once needs no row written anew.
    return before is not None


def forget_old() -> bool:
    """A chore: remove sessions that are over, and the rows that tell of those; whether there may be more.

    Nobody else does: the rows have whole addresses, and whoever never looks at the list would leave them for ever.
    """
    over = Session.objects.filter(expire_date__lt=Now()).values_list("pk", flat=True)[:_BATCH]
    sessions, _each = Session.objects.filter(pk__in=list(over)).delete()
    unused = Now() - timedelta(seconds=settings.SESSION_COOKIE_AGE)
    open_ones = Session.objects.filter(session_key=OuterRef("session_key"))
    gone = UserSession.objects.filter(~Exists(open_ones), last_seen_at__lt=unused)
    rows, _each = UserSession.objects.filter(pk__in=list(gone.values_list("pk", flat=True)[:_BATCH])).delete()
    return max(sessions, rows) >= _BATCH


def forget() -> None:
    """Look anew at every session: for tests."""
    with _lock:
        _looked.clear()


def _seat(request: HttpRequest, row: UserSession) -> OpenSession:
    return OpenSession(
        pk=row.pk,
        browser=client_info.browser(row.user_agent),
        network=client_info.network(row.ip),
        since=row.created_at,
        seen=row.last_seen_at,
        is_here=row.session_key == request.session.session_key,
        is_phone=client_info.is_phone(row.user_agent),
    )

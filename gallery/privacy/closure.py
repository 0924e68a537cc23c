"""Account deletion: request, grace period in which it can be cancelled, then `erasure` carries it out.

An organisation is deleted in the same way, at the request of one of its owners.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.auth import blocked_login
from accounts.models import Account, Membership, User
from accounts.notifications import notices
from accounts.organizations import roles
from accounts.personal_accounts import personal_account
from accounts.registration import email_addresses
from accounts.site import site_rules
from core.clock import Now
from gallery.models import Closure
from gallery.privacy import erasure

log = structlog.get_logger(__name__)
AT_ONCE = 5
_last = 0
"""Primary key of the last request processed; 0: the next run starts with the oldest."""

MESSAGES = {
    "staff": _("Staff cannot delete their account: an administrator takes the staff rights away first."),
    "sole_owner": _("You are the only owner of an organisation. Name another owner first, or close it."),
    "another": _("Another account of yours is being deleted. One at a time."),
    "no_account": _("There is no account of your own to delete."),
}
"""What has to be done first, by code of the obstacle."""


class CannotClose(Exception):
    """The account can't be deleted as things are; `code` is a key of `MESSAGES`."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


def pending_for_user(user: User) -> Closure | None:
    """The pending request to delete the member's own account, or None."""
    return _pending().filter(user=user, account__kind=Account.Kind.USER).first()


def pending_for(account: Account) -> Closure | None:
    """The pending request to delete that account, or None."""
    return _pending().filter(account=account).first()


def _pending() -> QuerySet[Closure]:
    return Closure.objects.filter(called_off_at__isnull=True, finished_at__isnull=True)


def obstacles(user: User) -> list[str]:
    """Obstacles to deleting the member's own account, as keys of `MESSAGES`."""
    found = []
    if user.is_staff or user.is_superuser:
        found.append("staff")
    if _owned_alone(user):
        found.append("sole_owner")
    return found


def _owned_alone(user: User) -> bool:
    """Whether an organisation would be left without an active owner."""
    owned = Membership.objects.filter(
        user=user, role=Membership.Role.OWNER, account__kind=Account.Kind.ORGANIZATION
    ).exclude(account__status=Account.Status.CLOSED)
    # A banned co-owner does not count.
    others = Membership.objects.filter(
        account=OuterRef("account"), role=Membership.Role.OWNER, user__is_active=True
    )
    return owned.filter(~Exists(others.exclude(user=user))).exists()


def request_closure(user: User, organization: Account | None = None) -> Closure:
    """Request deletion: nothing new may be made from now on, and after the grace period all is deleted. Raises
    CannotClose.

    With `organization`, which the user owns, that is deleted and the user stays; raises NotYourRole as well.
    """
    if organization is not None:
        roles.require(user, organization, roles.MANAGING)
    with transaction.atomic():
        if organization is not None:
            # Of two owners who ask at once the second finds the first one's request.
            organization = Account.objects.select_for_update().get(pk=organization.pk)
        # Without the key lock: who notifies them about credits, with the account locked, need not wait.
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        account = organization or personal_account(user)
        if account is None or account.status == Account.Status.CLOSED:
            raise CannotClose("no_account")
        standing = pending_for(account) or _pending().filter(user=user).first()
        if standing is not None:
            if standing.account_id != account.pk:
                raise CannotClose("another")
            return standing
        for code in [] if organization is not None else obstacles(user):
            raise CannotClose(code)
        due = Now() + timedelta(days=site_rules.current().closing_days)
        row = Closure.objects.create(
            user=user,
            account=account,
            due_at=due,
            # No receipt to an unconfirmed address; the receipt page is there all the same.
            address=user.email if email_addresses.may_receive_mail(user, user.email) else "",
            language=user.language,
        )
        row.refresh_from_db(fields=["due_at"])
        Account.objects.filter(pk=account.pk, status=Account.Status.ACTIVE).update(
            status=Account.Status.CLOSING
        )
        _notify(row, "closing", due_at=row.due_at.isoformat())
    return row


def _notify(row: Closure, event: str, **params: Any) -> None:
    """Notify the member; for an organisation everybody who acts for it."""
    account = row.account
    personal = account.kind == Account.Kind.USER
    kind = f"account.{event}" if personal else f"organization.{event}"
    for recipient in [row.user] if personal else User.objects.filter(memberships__account=account):
        notices.notify(recipient, kind, link=_page_url(account), name=account.name, **params)


def _page_url(account: Account) -> str:
    if account.kind == Account.Kind.USER:
        return "/account/delete/"
    return f"/account/organizations/{account.pk}/"


def cancel(row: Closure) -> bool:
    """Cancel the request while nothing was deleted yet; returns False where it is too late."""
    with transaction.atomic():
        pending = _pending().filter(pk=row.pk, begun_at__isnull=True)
        if not pending.update(called_off_at=Now(), address=""):
            return False
        Account.objects.filter(pk=row.account_id, status=Account.Status.CLOSING).update(
            status=Account.Status.ACTIVE
        )
        _notify(row, "kept")
    return True


def due() -> QuerySet[Closure]:
    """Requests whose grace period is over."""
    return _pending().filter(due_at__lte=Now())


def run_once() -> bool:
    """Background job: continue with due requests. Returns whether anything was done, or there are more to
    process."""
    global _last
    rows = due().select_related("user", "account")
    # Continue after the last one: requests that wait for running predictions must not block others.
    found = list(rows.filter(pk__gt=_last).order_by("pk")[:AT_ONCE])
    did = len(found) == AT_ONCE
    _last = found[-1].pk if did else 0
    for row in found:
        try:
            did = _process(row) or did
        except Exception:
            # A failing one must not block all others: it is tried again in an hour.
            log.exception("closure_broke", closure=row.pk)
            _pending().filter(pk=row.pk).update(due_at=Now() + timedelta(hours=1))
    return did


def _process(row: Closure) -> bool:
    if row.begun_at is not None:
        return erasure.run_stage(row)
    with transaction.atomic():
        # Lock the organisations: of two owners deleted at once (or one leaving) the second waits, and finds
        # the other gone.
        shared = Membership.objects.filter(user=row.user, account__kind=Account.Kind.ORGANIZATION)
        list(Account.objects.select_for_update().filter(pk__in=shared.values("account")).order_by("pk"))
        if erasure.is_personal(row) and obstacles(row.user):
            # An obstacle has appeared since the request: tried again tomorrow.
            _pending().filter(pk=row.pk, begun_at__isnull=True).update(due_at=Now() + timedelta(days=1))
        else:
            erasure.begin(row)
    return True


def export_option(request: HttpRequest, user: User) -> blocked_login.BlockedUserLink:
    """The data export, for the page of blocked users."""
    return blocked_login.BlockedUserLink(gettext("Take everything along"), reverse("export"), "file-archive")


def keep_account_url(user: User) -> str:
    """Where a user signs in whose account is about to be deleted: the page to keep it."""
    return reverse("account_close") if pending_for_user(user) is not None else ""

"""A member wants to delete the account: a wish, a grace in which it can be taken back; then `erasing` does it.

An organisation goes the same way, by the wish of one of its owners.
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
from gallery.privacy import closure, erasure

log = structlog.get_logger(__name__)
AT_ONCE = 5
_last = 0
"""The wish that the last turn came to; 0: the next begins with the oldest."""

WORDS = {
    "staff": _("Staff cannot delete their account: an administrator takes the staff rights away first."),
    "sole_owner": _("You are the only owner of an organisation. Name another owner first, or close it."),
    "another": _("Another account of yours is being deleted. One at a time."),
    "no_account": _("There is no account of your own to delete."),
}
"""What has to be done first, by the code of what is in the way."""


class CannotClose(Exception):
    """The account cannot be deleted as things are; `code` is one of `WORDS`."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


def open_wish(user: User) -> Closure | None:
    """The wish that stands to delete the member's own account, if any."""
    return _standing().filter(user=user, account__kind=Account.Kind.USER).first()


def wish_for(account: Account) -> Closure | None:
    """The wish that stands to delete that account, if any."""
    return _standing().filter(account=account).first()


def _standing() -> QuerySet[Closure]:
    return Closure.objects.filter(called_off_at__isnull=True, finished_at__isnull=True)


def obstacles(user: User) -> list[str]:
    """Why the member's own account cannot be deleted now, as codes of `WORDS`."""
    found = []
    if user.is_staff or user.is_superuser:
        found.append("staff")
    if _owned_alone(user):
        found.append("sole_owner")
    return found


def _owned_alone(user: User) -> bool:
    """Whether an organisation would be left without an owner."""
    owned = Membership.objects.filter(
        user=user, role=Membership.Role.OWNER, account__kind=Account.Kind.ORGANIZATION
    ).exclude(account__status=Account.Status.CLOSED)
    # Nor with one alone who is kept out.
    others = Membership.objects.filter(
        account=OuterRef("account"), role=Membership.Role.OWNER, user__is_active=True
    )
    return owned.filter(~Exists(others.exclude(user=user))).exists()


def request_closure(user: User, organization: Account | None = None) -> Closure:
    """Put the wish down: nothing new may be made from now on, after the grace all goes. Raises CannotClose.

    With `organization`, which the user owns, that one goes and the user stays. Raises NotYourRole there.
    """
    if organization is not None:
        roles.require(user, organization, roles.MANAGING)
    with transaction.atomic():
        if organization is not None:
            # Of two owners who ask at once the second finds the wish of the first.
            organization = Account.objects.select_for_update().get(pk=organization.pk)
        # No key: who tells them of their credits, with the account locked, need not wait.
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        account = organization or personal_account(user)
        if account is None or account.status == Account.Status.CLOSED:
            raise CannotClose("no_account")
        standing = wish_for(account) or _standing().filter(user=user).first()
        if standing is not None:
            if standing.account_id != account.pk:
                raise CannotClose("another")
            return standing
        for code in [] if organization is not None else obstacles(user):
            raise CannotClose(code)
        due = Now() + timedelta(days=site_rules.current().closing_days)
        wish = Closure.objects.create(
            user=user,
            account=account,
            due_at=due,
            # A receipt goes to nobody who has not shown that the address is theirs; the page has it.
            address=user.email if email_addresses.may_be_written_to(user, user.email) else "",
            language=user.language,
        )
        wish.refresh_from_db(fields=["due_at"])
        Account.objects.filter(pk=account.pk, status=Account.Status.ACTIVE).update(
            status=Account.Status.CLOSING
        )
        _tell(wish, "closing", due_at=wish.due_at.isoformat())
    return wish


def _tell(wish: Closure, what: str, **params: Any) -> None:
    """Tell the member; of an organisation everybody who acts for it."""
    account = wish.account
    personal = account.kind == Account.Kind.USER
    kind = f"account.{what}" if personal else f"organization.{what}"
    for one in [wish.user] if personal else User.objects.filter(memberships__account=account):
        notices.notify(one, kind, link=_page(account), name=account.name, **params)


def _page(account: Account) -> str:
    if account.kind == Account.Kind.USER:
        return "/account/delete/"
    return f"/account/organizations/{account.pk}/"


def cancel(wish: Closure) -> bool:
    """Take the wish back, while nothing was removed yet; False where it is too late."""
    with transaction.atomic():
        stands = _standing().filter(pk=wish.pk, begun_at__isnull=True)
        if not stands.update(called_off_at=Now(), address=""):
            return False
        Account.objects.filter(pk=wish.account_id, status=Account.Status.CLOSING).update(
            status=Account.Status.ACTIVE
        )
        _tell(wish, "kept")
    return True


def due() -> QuerySet[Closure]:
    """Wishes whose grace is over."""
    return _standing().filter(due_at__lte=Now())


def run_once() -> bool:
    """The chore: go on with wishes whose grace is over; whether anything was done, or there are others to look at."""
    global _last
    rows = due().select_related("user", "account")
    # From where the last turn came to: those that wait until nothing of theirs is under way hide no other.
    found = list(rows.filter(pk__gt=_last).order_by("pk")[:AT_ONCE])
    did = len(found) == AT_ONCE
    _last = found[-1].pk if did else 0
    for wish in found:
        try:
            did = _go_on(wish) or did
        except Exception:
            # One that cannot go must not stand before all others: it is tried again in an hour.
            log.exception("closure_broke", closure=wish.pk)
            _standing().filter(pk=wish.pk).update(due_at=Now() + timedelta(hours=1))
    return did


def _go_on(wish: Closure) -> bool:
    if wish.begun_at is not None:
        return erasure.go_on(wish)
    with transaction.atomic():
        # Of two owners who go at once the second waits here, or at the same row where they leave, and finds one gone.
        shared = Membership.objects.filter(user=wish.user, account__kind=Account.Kind.ORGANIZATION)
        list(Account.objects.select_for_update().filter(pk__in=shared.values("account")).order_by("pk"))
        if erasure.is_personal(wish) and obstacles(wish.user):
            # Something came in the way since it was asked for: looked at again tomorrow.
            _standing().filter(pk=wish.pk, begun_at__isnull=True).update(due_at=Now() + timedelta(days=1))
        else:
            erasure.begin(wish)
    return True


def export_option(request: HttpRequest, user: User) -> blocked_login.WayOut:
    """A copy of everything."""
    return blocked_login.WayOut(gettext("Take everything along"), reverse("export"), "file-archive")


def keep_account_url(user: User) -> str:
    """Whoever signs in while their account is about to be deleted can keep it, before anything else."""
    return reverse("account_close") if closure.open_wish(user) is not None else ""

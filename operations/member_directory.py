"""Staff search for members, by name, e-mail address, id or reference; and a page about each.

Every search reads unique or ordered indexes; none scans predictions or the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from allauth.account.models import EmailAddress
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from accounts.models import (
    KINDS,
    Account,
    ApiToken,
    AuditEntry,
    LedgerEntry,
    Membership,
    Purchase,
    Sanction,
    User,
)
from accounts.organizations import management
from accounts.personal_accounts import personal_account, with_personal_account
from accounts.staff import action_labels, people_search
from core.admin.cells import change_url
from core.admin.decorators import staff_permission_required
from core.http.pages import page
from gallery.models import Item
from predictions.admin.internals import LARGE_FIELDS
from predictions.models import Prediction
from predictions.usage import billing_days, time_series

VIEW_PERMISSION = "accounts.view_user"
ADDRESS_PERMISSION = "accounts.view_account"
"""The permission to see addresses, which moderators lack: they also can't search by one, since a hit reveals
it."""
_MOST = 50
_ROWS = 20
_LONGEST = 200


@dataclass(frozen=True)
class Hit:
    """A row found beside members: its kind, its name, its admin page, and its owner."""

    kind: str
    name: str
    url: str
    user: User | None


@staff_permission_required(VIEW_PERMISSION)
@require_GET
def members(request: HttpRequest) -> HttpResponse:
    """Without a query the newest members; with one all members and rows that match."""
    query = request.GET.get("q", "").replace("\x00", "").strip()[:_LONGEST]
    matches = _matching_users(query, request.user.has_perm(ADDRESS_PERMISSION)) if query else _newest()
    users = list(matches[: _MOST + 1])
    context = {
        "q": query,
        "people": [(user, personal_account(user)) for user in users[:_MOST]],
        "more": len(users) > _MOST,
        "hits": _matching_rows(request, query) if query else [],
    }
    return page(request, "operations/members.html", context)


def _newest() -> QuerySet[User]:
    return with_personal_account(User.objects.order_by("-id"))


def _matching_users(words: str, by_address: bool) -> QuerySet[User]:
    """By the beginning of user name or address, without case; or by id."""
    pks = set(people_search.user_ids(words, by_address=by_address))
    if words.isascii() and words.isdigit() and len(words) < 15:
        members = Membership.objects.filter(account_id=int(words)).values_list("user_id", flat=True)
        pks |= {int(words), *members[:_MOST]}
    return _newest().filter(pk__in=pks)


def _matching_rows(request: HttpRequest, words: str) -> list[Hit]:
    """Rows with exactly this public id or reference, of those the viewer may see."""
    may = request.user.has_perm
    hits: list[Hit] = []
    if may("predictions.view_prediction"):
        for prediction in (
            Prediction.objects.filter(public_id=words).select_related("user").defer(*LARGE_FIELDS)
        ):
            hits.append(Hit(_("Prediction"), words, change_url(prediction), prediction.user))
    if may("gallery.view_item"):
        for item in Item.objects.filter(public_id=words).select_related("user"):
            hits.append(Hit(_("Picture"), str(item), change_url(item), item.user))
    if may("accounts.view_ledgerentry"):
        rows = LedgerEntry.objects.filter(reference__in=_references(words)).select_related(
            "account", "member"
        )
        for entry in rows.order_by("id")[:_ROWS]:
            name = f"{entry.get_kind_display()} · {entry.reference}"
            hits.append(Hit(_("Ledger"), name, change_url(entry), entry.member or _owner(entry.account_id)))
    if may("accounts.view_purchase"):
        purchases = Purchase.objects.filter(
            Q(reference=words) | Q(payment=words, payment__gt="")
        ).select_related("user")
        hits += [
            Hit(_("Purchase"), purchase.reference, change_url(purchase), purchase.user)
            for purchase in purchases[:_ROWS]
        ]
    return hits


def _references(words: str) -> list[str]:
    """References in the ledger that the text may mean, typed with or without their prefix."""
    forms = (form for spec in KINDS.values() for form in spec.references)
    return list(dict.fromkeys([words, *(form.replace("*", words) for form in forms)]))


def _owner(account_id: int) -> User | None:
    """The owner of the account, or the first owner of the organisation."""
    rows = Membership.objects.filter(account_id=account_id, role=Membership.Role.OWNER).select_related("user")
    membership = rows.order_by("pk").first()
    return membership.user if membership is not None else None


@staff_permission_required(VIEW_PERMISSION)
@require_GET
def member(request: HttpRequest, pk: int) -> HttpResponse:
    """One member: account and balance, usage, ledger, predictions, sanctions, audit log."""
    if pk > 2**63 - 1:
        raise Http404
    user = get_object_or_404(User.objects.select_related("invitation"), pk=pk)
    may = request.user.has_perm
    # The personal account, also while they act for an organisation.
    account = management.personal_account_of(user)
    context: dict[str, Any] = {
        "person": user,
        "money": account,
        "emails": EmailAddress.objects.filter(user=user).order_by("-primary", "email"),
        "memberships": Membership.objects.filter(user=user).select_related("account").order_by("id")[:_ROWS],
        "ways": _admin_links(request, user, account),
    }
    if may("accounts.view_account"):
        today = billing_days.today()
        context["usage"] = time_series.usage(account, today - timedelta(days=29), today)
    if may("accounts.view_ledgerentry"):
        context["entries"] = LedgerEntry.objects.filter(account=account).order_by("-id")[:_ROWS]
    if may("predictions.view_prediction"):
        predictions = Prediction.objects.filter(account=account).select_related("model").defer(*LARGE_FIELDS)
        context["predictions"] = predictions.order_by("-created_at", "-id")[:_ROWS]
    if may("accounts.view_sanction"):
        context["sanctions"] = (
            Sanction.objects.filter(user=user).select_related("made_by").order_by("-id")[:_ROWS]
        )
    if may("accounts.view_auditentry"):
        acts = AuditEntry.objects.filter(account=account).order_by("-number")[:_ROWS]
        context["acts"] = [(entry, action_labels.label_for(entry.action)) for entry in acts]
    if may("accounts.view_apitoken"):
        context["tokens"] = ApiToken.objects.filter(user=user, revoked_at__isnull=True).count()
    return page(request, "operations/member.html", context)


def _admin_links(request: HttpRequest, user: User, account: Account) -> list[tuple[str, str]]:
    """Links to the admin pages where this member can be changed."""
    targets: list[tuple[str, User | Account]] = [(_("User"), user), (_("Account"), account)]
    return [
        (title, change_url(row))
        for title, row in targets
        if request.user.has_perm(f"{row._meta.app_label}.view_{row._meta.model_name}")
    ]

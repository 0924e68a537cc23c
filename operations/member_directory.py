"""Members for operators: one search over names, addresses and references, and a page about each of them.

Every search is a read of unique or ordered indexes; none scans predictions or the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from allauth.account.models import EmailAddress
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from accounts.models import Account, ApiToken, AuditEntry, LedgerEntry, Membership, Purchase, Sanction, User
from accounts.organizations import management
from accounts.personal_accounts import personal_account, with_personal_account
from accounts.staff import action_labels, people_search
from core.admin.decorators import staff_permission_required
from core.http.pages import page
from gallery.models import Item
from predictions.admin.internals import HEAVY
from predictions.models import Prediction
from predictions.usage import daily, time_series

SEE = "accounts.view_user"
ADDRESSES = "accounts.view_account"
"""Who decides cases sees no addresses, and finds nobody by one: a search is an answer too."""
_MOST = 50
_ROWS = 20
_LONGEST = 200


@dataclass(frozen=True)
class Hit:
    """Something that was found beside members: what it is, its name, where it is shown, and whose it is."""

    what: str
    name: str
    url: str
    user: User | None


@staff_permission_required(SEE)
@require_GET
def members(request: HttpRequest) -> HttpResponse:
    """Without words the newest members; with words whoever and whatever is called so."""
    words = request.GET.get("q", "").replace("\x00", "").strip()[:_LONGEST]
    people = _people(words, request.user.has_perm(ADDRESSES)) if words else _newest()
    found = list(people[: _MOST + 1])
    context = {
        "q": words,
        "people": [(one, personal_account(one)) for one in found[:_MOST]],
        "more": len(found) > _MOST,
        "hits": _things(request, words) if words else [],
    }
    return page(request, "operations/members.html", context)


def _newest() -> QuerySet[User]:
    return with_personal_account(User.objects.order_by("-id"))


def _people(words: str, by_address: bool) -> QuerySet[User]:
    """By the beginning of the name or the address, whatever its case."""
    wanted = set(people_search.people(words, by_address=by_address))
    if words.isascii() and words.isdigit() and len(words) < 15:
        theirs = Membership.objects.filter(account_id=int(words)).values_list("user_id", flat=True)
        wanted |= {int(words), *theirs[:_MOST]}
    return _newest().filter(pk__in=wanted)


def _things(request: HttpRequest, words: str) -> list[Hit]:
    """What bears exactly this id or reference, of what the reader may see."""
    may = request.user.has_perm
    found: list[Hit] = []
    if may("predictions.view_prediction"):
        for prediction in Prediction.objects.filter(public_id=words).select_related("user").defer(*HEAVY):
            found.append(Hit(_("Prediction"), words, _panel(prediction), prediction.user))
    if may("gallery.view_item"):
        for item in Item.objects.filter(public_id=words).select_related("user"):
            found.append(Hit(_("Picture"), str(item), _panel(item), item.user))
    if may("accounts.view_ledgerentry"):
        rows = LedgerEntry.objects.filter(reference__in=_references(words)).select_related(
            "account", "member"
        )
        for entry in rows.order_by("id")[:_ROWS]:
            name = f"{entry.get_kind_display()} · {entry.reference}"
            found.append(Hit(_("Ledger"), name, _panel(entry), entry.member or _owner(entry.account_id)))
    if may("accounts.view_purchase"):
        paid = Purchase.objects.filter(Q(reference=words) | Q(payment=words, payment__gt="")).select_related(
            "user"
        )
        found += [Hit(_("Purchase"), one.reference, _panel(one), one.user) for one in paid[:_ROWS]]
    return found


def _references(words: str) -> list[str]:
    """A reference as it stands in the ledger, whether or not one writes what is put before it."""
    return [words, *(f"{prefix}-{words}" for prefix in ("grant", "adjust", "redeem", "purchase", "back"))] + [
        f"gift-{words}-{end}" for end in ("out", "in")
    ]


def _owner(account_id: int) -> User | None:
    """Who owns the account: whose it is, or who founded the organisation; whoever acts for it now."""
    rows = Membership.objects.filter(account_id=account_id, role=Membership.Role.OWNER).select_related("user")
    found = rows.order_by("pk").first()
    return found.user if found is not None else None


@staff_permission_required(SEE)
@require_GET
def member(request: HttpRequest, pk: int) -> HttpResponse:
    """One member: account and balance, use, what moved, what was imposed, what staff did."""
    if pk > 2**63 - 1:
        raise Http404
    user = get_object_or_404(User.objects.select_related("invitation"), pk=pk)
    may = request.user.has_perm
    # Their own, also while they act for an organisation.
    account = management.personal_account_of(user)
    context: dict[str, Any] = {
        "person": user,
        "money": account,
        "emails": EmailAddress.objects.filter(user=user).order_by("-primary", "email"),
        "memberships": Membership.objects.filter(user=user).select_related("account").order_by("id")[:_ROWS],
        "ways": _ways(request, user, account),
    }
    if may("accounts.view_account"):
        today = daily.today()
        context["usage"] = time_series.usage(account, today - timedelta(days=29), today)
    if may("accounts.view_ledgerentry"):
        context["entries"] = LedgerEntry.objects.filter(account=account).order_by("-id")[:_ROWS]
    if may("predictions.view_prediction"):
        made = Prediction.objects.filter(account=account).select_related("model").defer(*HEAVY)
        context["predictions"] = made.order_by("-created_at", "-id")[:_ROWS]
    if may("accounts.view_sanction"):
        context["sanctions"] = (
            Sanction.objects.filter(user=user).select_related("made_by").order_by("-id")[:_ROWS]
        )
    if may("accounts.view_auditentry"):
        acts = AuditEntry.objects.filter(account=account).order_by("-number")[:_ROWS]
        context["acts"] = [(one, action_labels.label_for(one.action)) for one in acts]
    if may("accounts.view_apitoken"):
        context["tokens"] = ApiToken.objects.filter(user=user, revoked_at__isnull=True).count()
    return page(request, "operations/member.html", context)


def _ways(request: HttpRequest, user: User, account: Account) -> list[tuple[str, str]]:
    """To the rows of the panel where this member can be changed."""
    ways: list[tuple[str, User | Account]] = [(_("User"), user), (_("Account"), account)]
    return [
        (title, _panel(row))
        for title, row in ways
        if request.user.has_perm(f"{row._meta.app_label}.view_{row._meta.model_name}")
    ]


def _panel(row: Prediction | Item | LedgerEntry | Purchase | User | Account) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])

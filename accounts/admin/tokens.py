"""Admin of API tokens and spending: tokens, counters per token and account, audit marks, secret fingerprints."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import display

from accounts.credits import amounts
from accounts.models import AccountSpending, ApiToken, AuditMark, SecretFingerprint, TokenSpending
from accounts.tokens import api_tokens
from core.admin.cells import link
from core.admin.model_admins import ReadOnlyAdmin, ReadOnlyInline


class TokenSpendingInline(ReadOnlyInline):
    """What the token has spent in the periods of its limits."""

    model = TokenSpending
    fields = ("period", "spent_shown")
    readonly_fields = fields
    tab = True

    @display(description=gettext_lazy("spent and on hold"))
    def spent_shown(self, row: TokenSpending) -> str:
        return amounts.display(row.spent)


@admin.register(TokenSpending)
class TokenSpendingAdmin(ReadOnlyAdmin):
    """Spent and held by each token with a spending limit; `manage.py audit` compares it with the ledger."""

    list_display = ("token_link", "period", "spent_shown")
    list_select_related = ("token",)
    search_fields = ("token__name", "=period", "token__user__username")
    fields = ("token_link", "period", "spent_shown")
    readonly_fields = fields

    @display(description=gettext_lazy("API token"))
    def token_link(self, row: TokenSpending) -> str:
        return link(row.token)

    @display(description=gettext_lazy("spent and on hold"))
    def spent_shown(self, row: TokenSpending) -> str:
        return amounts.display(row.spent)


@admin.register(AccountSpending)
class AccountSpendingAdmin(ReadOnlyAdmin):
    """Spent and held by each account with a spending limit, and by each member with one."""

    list_display = ("account_link", "member", "period", "spent_shown")
    list_select_related = ("account", "member")
    search_fields = ("account__name", "=period", "member__username")
    fields = ("account_link", "member", "period", "spent_shown")
    readonly_fields = fields

    @display(description=gettext_lazy("account"))
    def account_link(self, row: AccountSpending) -> str:
        return link(row.account)

    @display(description=gettext_lazy("spent and on hold"))
    def spent_shown(self, row: AccountSpending) -> str:
        return amounts.display(row.spent)


@admin.register(AuditMark)
class AuditMarkAdmin(ReadOnlyAdmin):
    """Up to which row the audit found no breach; a quick audit starts there."""

    list_display = ("name", "upto", "at")
    fields = ("name", "upto", "at")
    readonly_fields = fields


@admin.register(SecretFingerprint)
class SecretFingerprintAdmin(ReadOnlyAdmin):
    """Fingerprints of the secrets this database was made with; a secret cannot be derived from one."""

    list_display = ("kind", "created_at")
    fields = ("kind", "digest", "created_at")
    readonly_fields = fields


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    """API tokens. The token itself is not stored, and its digest is not shown."""

    list_display = (
        "name", "prefix", "user_link", "state", "may", "created_at", "last_used_at", "expires_at",
    )  # fmt: skip
    list_filter = (("revoked_at", admin.EmptyFieldListFilter), "created_at")
    list_select_related = ("user", "account")
    search_fields = ("name", "=prefix", "user__username", "user__email")
    fields = (
        "name", "prefix", "user_link", "account", "answer", "may", "models_shown", "networks_shown", "day", "month",
        "total", "creates_per_minute", "in_flight_limit", "created_at", "expires_at", "last_used_at", "revoked_at",
    )  # fmt: skip
    readonly_fields = fields
    inlines = (TokenSpendingInline,)
    actions = ("revoke",)

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Without e-mail addresses for staff who may not see them: a search result would reveal one."""
        names = tuple(super().get_search_fields(request))
        sees_addresses = request.user.has_perm("accounts.view_account")
        return names if sees_addresses else tuple(name for name in names if name != "user__email")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Who may change tokens may revoke them."""
        return bool(request.user.has_perm("accounts.change_apitoken"))

    @display(description=gettext_lazy("user"))
    def user_link(self, token: ApiToken) -> str:
        return link(token.user)

    @display(description=gettext_lazy("may"))
    def may(self, token: ApiToken) -> str:
        return ", ".join(token.scopes)

    @display(description=gettext_lazy("models"))
    def models_shown(self, token: ApiToken) -> str:
        return ", ".join(token.allowed_models) or _("all")

    @display(description=gettext_lazy("networks"))
    def networks_shown(self, token: ApiToken) -> str:
        return ", ".join(token.networks) or _("all")

    @display(description=gettext_lazy("credits a day"))
    def day(self, token: ApiToken) -> str:
        return _limit(token.day_limit)

    @display(description=gettext_lazy("credits a month"))
    def month(self, token: ApiToken) -> str:
        return _limit(token.month_limit)

    @display(description=gettext_lazy("credits in all"))
    def total(self, token: ApiToken) -> str:
        return _limit(token.total_limit)

    @display(
        description=gettext_lazy("state"),
        label={"open": "success", "revoked": "danger", "expired": "warning"},
    )
    def state(self, token: ApiToken) -> tuple[str, str]:
        if token.revoked_at is not None:
            return "revoked", _("revoked")
        return ("open", _("usable")) if token.is_usable else ("expired", _("expired"))

    @admin.action(description=gettext_lazy("Revoke for good"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[ApiToken]) -> None:
        """Revoke the selected tokens."""
        ended = [token for token in chosen if api_tokens.revoke(token)]
        for token in ended:
            self.log_change(request, token, "Revoked.")
        words = ngettext("%(n)d token revoked.", "%(n)d tokens revoked.", len(ended)) % {"n": len(ended)}
        self.message_user(request, words, messages.SUCCESS if ended else messages.WARNING)


def _limit(micro: int | None) -> str:
    return "–" if micro is None else amounts.display(micro)

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
from core.admin.columns import link_column, value_column
from core.admin.decorators import permission_check
from core.admin.model_admins import ReadOnlyAdmin, ReadOnlyInline, register_read_only

SPENT = value_column("spent", gettext_lazy("spent and on hold"), amounts.display)


class TokenSpendingInline(ReadOnlyInline):
    """Credits spent with a token in each period of its limits."""

    model = TokenSpending
    fields = ("period", SPENT)
    tab = True


# Spent and held by each token with a spending limit; `manage.py audit` compares it with the ledger.
register_read_only(
    TokenSpending,
    list_display=(link_column("token", gettext_lazy("API token")), "period", SPENT),
    search_fields=("token__name", "=period", "token__user__username"),
)

# Spent and held by each account with a spending limit, and by each member with one.
register_read_only(
    AccountSpending,
    list_display=(link_column("account", gettext_lazy("account")), "member", "period", SPENT),
    search_fields=("account__name", "=period", "member__username"),
)

# Up to which row the audit found no breach; a quick audit starts there.
register_read_only(AuditMark, list_display=("name", "upto", "at"))

# Fingerprints of the secrets this database was made with; a secret cannot be derived from one.
register_read_only(
    SecretFingerprint, list_display=("kind", "created_at"), fields=("kind", "digest", "created_at")
)


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
        "name", "prefix", "user_link", "account", "answer", "may", "models_column", "networks_column", "day", "month",
        "total", "creates_per_minute", "in_flight_limit", "created_at", "expires_at", "last_used_at", "revoked_at",
    )  # fmt: skip
    inlines = (TokenSpendingInline,)
    actions = ("revoke",)
    user_link = link_column("user", gettext_lazy("user"))
    has_revoke_permission = permission_check("accounts.change_apitoken")

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Without e-mail addresses for staff who may not see them: a search result would reveal one."""
        names = tuple(super().get_search_fields(request))
        sees_addresses = request.user.has_perm("accounts.view_account")
        return names if sees_addresses else tuple(name for name in names if name != "user__email")

    @display(description=gettext_lazy("may"))
    def may(self, token: ApiToken) -> str:
        return ", ".join(token.scopes)

    @display(description=gettext_lazy("models"))
    def models_column(self, token: ApiToken) -> str:
        return ", ".join(token.allowed_models) or _("all")

    @display(description=gettext_lazy("networks"))
    def networks_column(self, token: ApiToken) -> str:
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

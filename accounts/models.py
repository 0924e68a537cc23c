"""Who acts (users), who owns and pays (accounts), what moved (ledger), and who may call (tokens).

Amounts are integer micro-credits: 1 credit = 1,000,000. Balances are written by `accounts.credits` alone.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.clock import Now

MICRO = 1_000_000
"""Micro-credits in one credit."""


class User(AbstractUser):
    """A person who signs in. What they own belongs to an account, which they act for."""

    display_name = models.CharField(_("display name"), max_length=80, blank=True, default="")
    account = models.ForeignKey(
        "accounts.Account",
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        related_name="+",
        help_text=_("The account this user acts for unless another is chosen."),
    )

    @property
    def shown_name(self) -> str:
        """The name other people see."""
        return self.display_name or self.username


class Plan(models.Model):
    """Limits that several accounts share. Empty fields leave the server's own limit in force."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    creates_per_minute = models.PositiveIntegerField(_("new predictions a minute"), null=True, blank=True)
    requests_per_minute = models.PositiveIntegerField(_("other requests a minute"), null=True, blank=True)
    in_flight_limit = models.PositiveIntegerField(_("predictions at once"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("plan")
        verbose_name_plural = _("plans")
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class Account(models.Model):
    """Owns predictions, files and items; has the balance.

    Apart from the user, so that several can share one.
    """

    class Kind(models.TextChoices):
        USER = "user", _("personal")
        ORGANIZATION = "organization", _("organisation")

    class Status(models.TextChoices):
        ACTIVE = "active", _("active")
        SUSPENDED = "suspended", _("suspended")
        CLOSING = "closing", _("closing")

    name = models.CharField(_("name"), max_length=150)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind, default=Kind.USER)
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.ACTIVE)
    balance = models.BigIntegerField(_("balance"), default=0, editable=False, help_text=_("micro-credits"))
    held = models.BigIntegerField(_("on hold"), default=0, editable=False, help_text=_("micro-credits"))
    in_flight_limit = models.PositiveIntegerField(
        _("predictions at once"), null=True, blank=True, help_text=_("Empty: the server's default.")
    )
    limits_tokens = models.BooleanField(
        default=False, editable=False, help_text=_("Whether any of its tokens has or had a spending limit.")
    )
    plan = models.ForeignKey(
        "accounts.Plan",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="accounts",
        verbose_name=_("plan"),
        help_text=_("Empty: the server's own limits."),
    )
    webhook_secret = models.CharField(
        max_length=100,
        blank=True,
        default="",
        editable=False,
        help_text=_("Signs its webhooks; made when first asked for."),
    )
    webhook_secret_old = models.CharField(
        max_length=100,
        blank=True,
        default="",
        editable=False,
        help_text=_("The one before; for a day after a change webhooks carry its signature too."),
    )
    webhook_secret_rotated_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        permissions: ClassVar = [("adjust_credits", "Can grant credits and adjust balances")]
        constraints: ClassVar = [
            models.CheckConstraint(name="account_balance_not_negative", condition=Q(balance__gte=0)),
            models.CheckConstraint(name="account_held_not_negative", condition=Q(held__gte=0)),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """Who may act for which account."""

    class Role(models.TextChoices):
        OWNER = "owner", _("owner")
        BILLING = "billing", _("billing")
        MEMBER = "member", _("member")

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(_("role"), max_length=16, choices=Role, default=Role.OWNER)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints: ClassVar = [
            models.UniqueConstraint(name="membership_once", fields=["account", "user"]),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.account}"


class AppendOnlyError(Exception):
    """Somebody tried to change or delete a row of history."""


class LedgerQuerySet(models.QuerySet["LedgerEntry"]):
    def update(self, **kwargs: Any) -> int:
        raise AppendOnlyError("Ledger rows are never changed; post an adjustment.")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise AppendOnlyError("Ledger rows are never deleted.")


class LedgerEntry(models.Model):
    """One movement of credits. Append-only: balance and held are the sums of these rows, always.

    `reference` is opaque here (a prediction's public id, a grant's own id), so that this app depends on
    nobody above it. A prediction has exactly one `hold` and, once ended, exactly one `settle`: what it
    captured and what it released.
    """

    class Kind(models.TextChoices):
        GRANT = "grant", _("credits added")
        HOLD = "hold", _("set aside")
        SETTLE = "settle", _("settled")
        REFUND = "refund", _("refund")
        ADJUST = "adjust", _("adjustment")

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="ledger")
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    reference = models.CharField(_("reference"), max_length=64)
    balance_delta = models.BigIntegerField(_("change of balance"))
    held_delta = models.BigIntegerField(_("change of hold"), default=0)
    captured = models.BigIntegerField(_("captured"), null=True)
    released = models.BigIntegerField(_("released"), null=True)
    balance_after = models.BigIntegerField(_("balance after"))
    held_after = models.BigIntegerField(_("on hold after"))
    reason = models.CharField(_("reason"), max_length=300, blank=True, default="")
    token = models.ForeignKey(
        "accounts.ApiToken", on_delete=models.PROTECT, null=True, db_index=False, related_name="+",
        verbose_name=_("API token"), help_text=_("Whose spending a hold and its settlement count towards."),
    )  # fmt: skip
    actor = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("by"),
        help_text=_("Who did it by hand; empty for what the system did."),
    )  # fmt: skip
    created_at = models.DateTimeField(_("when"), db_default=Now())

    objects = LedgerQuerySet.as_manager()

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger")
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(name="ledger_of_account", fields=["account", "-id"]),
            models.Index(
                name="ledger_of_token", fields=["token", "created_at"], condition=Q(token__isnull=False)
            ),
        ]
        constraints: ClassVar = [
            # One settle row, not a capture and a release row: with two kinds a success and a cancel could
            # both move the hold.
            models.UniqueConstraint(name="ledger_reference_kind_once", fields=["reference", "kind"]),
            models.CheckConstraint(
                name="ledger_settle_adds_up",
                condition=~Q(kind="settle")
                | Q(
                    captured__gte=0,
                    released__gte=0,
                    held_delta=-(F("captured") + F("released")),
                    balance_delta=F("released"),
                ),
            ),
            models.CheckConstraint(
                name="ledger_hold_adds_up",
                condition=~Q(kind="hold") | Q(held_delta__gte=0, balance_delta=-F("held_delta")),
            ),
            models.CheckConstraint(
                name="ledger_only_hold_and_settle_move_held",
                condition=Q(kind__in=["hold", "settle"]) | Q(held_delta=0),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.reference}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise AppendOnlyError("Ledger rows are never changed; post an adjustment.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise AppendOnlyError("Ledger rows are never deleted.")


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def usable(self) -> ApiTokenQuerySet:
        """Neither revoked nor expired."""
        return self.filter(revoked_at__isnull=True).filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=Now())
        )


def all_scopes() -> list[str]:
    """What a token may do unless somebody chose less."""
    return [scope.value for scope in ApiToken.Scope]


class ApiToken(models.Model):
    """A named key to the API. Only its SHA-256 is kept; the token itself is shown once, when it is made."""

    class Scope(models.TextChoices):
        READ = "read", _("read: predictions, files, balance, ledger")
        PREDICT = "predict", _("predict: make and cancel predictions, upload files")
        GALLERY = "gallery", _("gallery: publish, share and delete items")
        ADMIN = "admin", _("admin: tokens, webhooks and limits of the account")

    class Answer(models.TextChoices):
        PREDICTION = "prediction", _("the prediction, at once")
        OPENAI = "openai", _("the pictures, when they are ready")

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="api_tokens")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="api_tokens")
    name = models.CharField(_("name"), max_length=80)
    prefix = models.CharField(_("begins with"), max_length=12, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    answer = models.CharField(
        _("answer to a create"),
        max_length=16,
        choices=Answer,
        default=Answer.PREDICTION,
        help_text=_("What POST /predictions answers where the request itself does not say."),
    )
    scopes = models.JSONField(_("may"), default=all_scopes)
    allowed_models = models.JSONField(
        _("models"), default=list, blank=True, help_text=_("owner/name of each it may use; empty: all.")
    )
    networks = models.JSONField(
        _("networks"),
        default=list,
        blank=True,
        help_text=_("Addresses it may come from, as CIDR; empty: all."),
    )
    day_limit = models.BigIntegerField(_("a day"), null=True, blank=True, help_text=_("micro-credits, UTC"))
    month_limit = models.BigIntegerField(
        _("a month"), null=True, blank=True, help_text=_("micro-credits, UTC")
    )
    total_limit = models.BigIntegerField(_("in all"), null=True, blank=True, help_text=_("micro-credits"))
    creates_per_minute = models.PositiveIntegerField(_("new predictions a minute"), null=True, blank=True)
    in_flight_limit = models.PositiveIntegerField(_("predictions at once"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="token_answer_known", condition=Q(answer__in=["prediction", "openai"])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def is_usable(self) -> bool:
        """Whether it still opens the door."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())


class TokenSpending(models.Model):
    """What a token with a spending limit has held and spent in one period. Written by `accounts.credits` alone.

    It is the sum of the ledger's rows that name the token: holds less what their settlements released, counted in the
    period of the hold. Tokens without a limit have no rows; they are summed up when a limit is set.
    """

    token = models.ForeignKey(ApiToken, on_delete=models.PROTECT, related_name="spending")
    period = models.CharField(
        _("period"), max_length=10, help_text=_("A day (2026-11-20), a month (2026-11) or total, in UTC.")
    )
    spent = models.BigIntegerField(_("spent and on hold"), default=0, help_text=_("micro-credits"))

    class Meta:
        verbose_name = _("spending of a token")
        verbose_name_plural = _("spending of tokens")
        constraints: ClassVar = [
            models.UniqueConstraint(name="token_spending_once", fields=["token", "period"]),
            models.CheckConstraint(name="token_spending_not_negative", condition=Q(spent__gte=0)),
        ]

    def __str__(self) -> str:
        return f"{self.token} {self.period}"

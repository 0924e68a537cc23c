"""API tokens, and the spending counters of tokens with a limit."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.accounts import Account
from accounts.models.people import User
from core.clock import Now


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def usable(self) -> ApiTokenQuerySet:
        """Neither revoked nor expired."""
        return self.filter(revoked_at__isnull=True).filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=Now())
        )


def all_scopes() -> list[str]:
    """Default scopes of a token: all but `account`, which exports everything and deletes the account."""
    return [scope.value for scope in ApiToken.Scope if scope != ApiToken.Scope.ACCOUNT]


class ApiToken(models.Model):
    """A named API key. Only its SHA-256 is stored; the token itself is shown once, when it is made."""

    class Scope(models.TextChoices):
        READ = "read", _("read: predictions, files, balance, ledger")
        PREDICT = "predict", _("predict: make and cancel predictions, upload files")
        GALLERY = "gallery", _("gallery: publish, share and delete items")
        ADMIN = "admin", _("admin: tokens, webhooks and limits of the account")
        ACCOUNT = "account", _("account: export everything, end sessions, delete the account")

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
    def has_usual_scopes(self) -> bool:
        """Whether its scopes are exactly the default ones."""
        return sorted(self.scopes) == sorted(all_scopes())

    @property
    def is_usable(self) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())


class TokenSpending(models.Model):
    """What a token with a spending limit has held and spent in one period. Written by `accounts.credits` alone.

    The sum of the ledger rows that name the token: holds less what their settlements released, counted in the period
    of the hold. Tokens without a limit have no rows; they are summed up when a limit is set.
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

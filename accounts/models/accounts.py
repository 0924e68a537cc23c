"""Plans, accounts, memberships and organisation invitations."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models.people import User
from core.clock import Now
from core.db.prefix_index import PrefixIndex


class Plan(models.Model):
    """Limits, allowance and queue priority shared by several accounts. An empty limit means the server's own."""

    class Every(models.TextChoices):
        DAY = "day", _("a day")
        MONTH = "month", _("a month")

    name = models.CharField(_("name"), max_length=80, unique=True)
    creates_per_minute = models.PositiveIntegerField(_("new predictions a minute"), null=True, blank=True)
    requests_per_minute = models.PositiveIntegerField(_("other requests a minute"), null=True, blank=True)
    in_flight_limit = models.PositiveIntegerField(_("predictions at once"), null=True, blank=True)
    day_limit = models.BigIntegerField(
        _("spending a day"),
        null=True,
        blank=True,
        help_text=_("micro-credits; each account's own limit may be lower."),
    )
    month_limit = models.BigIntegerField(
        _("spending a month"), null=True, blank=True, help_text=_("micro-credits")
    )
    allowance = models.BigIntegerField(_("allowance"), default=0, help_text=_("micro-credits, each period"))
    allowance_every = models.CharField(_("every"), max_length=8, choices=Every, default=Every.MONTH)
    allowance_ends = models.BooleanField(
        _("allowance ends with its period"),
        default=True,
        help_text=_("What of it was not spent goes when the next one comes."),
    )
    pays_organizations = models.BooleanField(
        _("allowance for organisations too"),
        default=False,
        help_text=_("Everybody can found some, so one that they begin on had better not."),
    )
    priority = models.SmallIntegerField(
        _("priority"), default=0, help_text=_("By so many predictions under way it goes before others.")
    )
    price_percent = models.PositiveSmallIntegerField(
        _("pays of every price"), default=100, help_text=_("percent; 100: the price as it stands.")
    )
    allowed_models = models.JSONField(
        _("models"), default=list, blank=True, help_text=_("owner/name of each it may use; empty: all.")
    )
    storage_quota = models.BigIntegerField(
        _("room"),
        null=True,
        blank=True,
        help_text=_("Bytes that its pictures and uploads may take; empty: the server's limit."),
    )
    upload_quota = models.BigIntegerField(
        _("room for uploads"),
        null=True,
        blank=True,
        help_text=_("Bytes that its uploads may take; empty: the server's limit."),
    )
    waiting_limit = models.PositiveIntegerField(
        _("predictions waiting"),
        null=True,
        blank=True,
        help_text=_("How many may wait or be under way; empty: the server's limit."),
    )
    waiting_bytes = models.BigIntegerField(
        _("inputs waiting"),
        null=True,
        blank=True,
        help_text=_("Bytes of the inputs of those; empty: the server's limit."),
    )
    reviewed_first = models.PositiveIntegerField(
        _("reviewed first"),
        null=True,
        blank=True,
        help_text=_(
            "How many pictures of a new member a moderator looks at before they are public; empty: as the site."
        ),
    )
    is_default = models.BooleanField(_("for new accounts"), default=False)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("plan")
        verbose_name_plural = _("plans")
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="plan_one_default", fields=["is_default"], condition=Q(is_default=True)
            ),
            models.CheckConstraint(name="plan_allowance_not_negative", condition=Q(allowance__gte=0)),
            models.CheckConstraint(name="plan_price_in_bounds", condition=Q(price_percent__range=(0, 1000))),
        ]

    def __str__(self) -> str:
        return self.name


class Account(models.Model):
    """Owner of predictions, files and items, with the balance.

    Separate from the user, so that several users can share one.
    """

    class Kind(models.TextChoices):
        USER = "user", _("personal")
        ORGANIZATION = "organization", _("organisation")

    class Status(models.TextChoices):
        ACTIVE = "active", _("active")
        SUSPENDED = "suspended", _("suspended")
        CLOSING = "closing", _("closing")
        CLOSED = "closed", _("closed")

    name = models.CharField(_("name"), max_length=150)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind, default=Kind.USER)
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.ACTIVE)
    balance = models.BigIntegerField(_("balance"), default=0, editable=False, help_text=_("micro-credits"))
    held = models.BigIntegerField(_("on hold"), default=0, editable=False, help_text=_("micro-credits"))
    owed = models.BigIntegerField(
        _("credits owed"),
        default=0,
        db_default=0,
        editable=False,
        help_text=_(
            "micro-credits of returned payments that were not there to be taken back; what comes next pays them."
        ),
    )
    in_flight_limit = models.PositiveIntegerField(
        _("predictions at once"), null=True, blank=True, help_text=_("Empty: the server's default.")
    )
    limits_tokens = models.BooleanField(
        default=False,
        editable=False,
        help_text=_("Whether it, a member, its plan or any of its tokens has or had a spending limit."),
    )
    day_limit = models.BigIntegerField(
        _("spending a day"), null=True, blank=True, editable=False, help_text=_("micro-credits, UTC")
    )
    month_limit = models.BigIntegerField(
        _("spending a month"), null=True, blank=True, editable=False, help_text=_("micro-credits, UTC")
    )
    allowance_period = models.CharField(
        max_length=10,
        blank=True,
        default="",
        editable=False,
        help_text=_("The day or month of the newest allowance, in the billing zone."),
    )
    allowance_ended_upto = models.BigIntegerField(
        default=0,
        db_default=0,
        editable=False,
        help_text=_("The newest row of its ledger when an allowance last ended with something on hold."),
    )
    allowance_until = models.DateTimeField(
        null=True,
        editable=False,
        help_text=_("When the next allowance is to be looked at; empty: soon."),
    )
    low_at = models.BigIntegerField(
        _("low below"),
        null=True,
        blank=True,
        help_text=_("micro-credits at which its people are told; empty: the site's."),
    )
    low_told = models.BooleanField(
        default=False, editable=False, help_text=_("They were told since it was above.")
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
            models.CheckConstraint(name="account_owed_not_negative", condition=Q(owed__gte=0)),
        ]
        indexes: ClassVar = [
            models.Index(
                name="account_of_plan", fields=["plan", "allowance_period"], condition=Q(plan__isnull=False)
            ),
            PrefixIndex(name="account_name_begins", fields=["name"]),
            models.Index(
                name="account_allowance_due", fields=["allowance_until"], condition=Q(plan__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A user's right to act for an account, with a role."""

    class Role(models.TextChoices):
        OWNER = "owner", _("owner")
        BILLING = "billing", _("billing")
        MEMBER = "member", _("member")

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(_("role"), max_length=16, choices=Role, default=Role.OWNER)
    month_limit = models.BigIntegerField(
        _("spending a month"), null=True, blank=True, editable=False, help_text=_("micro-credits, UTC")
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints: ClassVar = [
            models.UniqueConstraint(name="membership_once", fields=["account", "user"]),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.account}"


class OrganizationInvitation(models.Model):
    """An invitation by e-mail to join an organisation."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="invitations")
    email = models.EmailField(_("for"))
    role = models.CharField(_("role"), max_length=16, choices=Membership.Role, default=Membership.Role.MEMBER)
    digest = models.CharField(
        max_length=64, unique=True, editable=False, help_text=_("SHA-256 of its secret.")
    )
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, editable=False, related_name="+")
    created_at = models.DateTimeField(_("sent"), db_default=Now(), editable=False)
    expires_at = models.DateTimeField(_("expires"))
    accepted_at = models.DateTimeField(_("accepted"), null=True, editable=False)
    accepted_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, editable=False, related_name="+"
    )
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)

    class Meta:
        verbose_name = _("invitation to an organisation")
        verbose_name_plural = _("invitations to organisations")
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="organization_invitation_open_once",
                fields=["account", "email"],
                condition=Q(accepted_at__isnull=True, revoked_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} · {self.account}"


MICRO = 1_000_000
"""Micro-credits in one credit."""

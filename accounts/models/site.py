"""Site rules and announcements, which the operator edits at run time."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.clock import Now


class Site(models.Model):
    """The single row of site rules.

    Read it through `accounts.site.site_rules`, which fills empty values from the environment.
    """

    class Registration(models.TextChoices):
        ENVIRONMENT = "", _("as the environment says")
        OPEN = "open", _("open to everybody")
        INVITE = "invite", _("by invitation")
        CLOSED = "closed", _("closed")

    registration = models.CharField(
        _("registration"), max_length=8, choices=Registration, blank=True, default=""
    )
    sign_ups_per_network = models.PositiveIntegerField(
        _("sign-ups a day and network"), default=20, help_text=_("0: as many as come.")
    )
    refuse_disposable = models.BooleanField(_("refuse disposable e-mail addresses"), default=True)
    refused_networks = models.JSONField(
        _("refused networks"),
        default=list,
        blank=True,
        help_text=_("In CIDR. Nothing is answered there but that it is refused."),
    )
    welcome_credits = models.BigIntegerField(
        _("welcome credits"),
        null=True,
        blank=True,
        help_text=_("micro-credits; empty: as the environment says."),
    )
    billing_zone = models.CharField(
        _("billing zone"),
        max_length=60,
        default="UTC",
        help_text=_("Where the days and months of allowances begin."),
    )
    low_balance = models.BigIntegerField(
        _("low balance"),
        default=5_000_000,
        help_text=_("micro-credits below which an account's people are told; 0: never."),
    )
    gifts = models.BooleanField(_("members may give credits"), default=False)
    gift_limit_day = models.BigIntegerField(
        _("gifts a day"),
        null=True,
        blank=True,
        help_text=_("micro-credits that one account may give; empty: all it has."),
    )
    organization_plan = models.ForeignKey(
        "accounts.Plan",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("plan of new organisations"),
        help_text=_("Empty: that of new accounts; without one, their founder's."),
    )
    organizations_owned = models.PositiveIntegerField(
        _("organisations of one owner"),
        default=3,
        help_text=_("So many somebody may own before they found no more."),
    )
    reviewed_first = models.PositiveIntegerField(
        _("reviewed first"),
        default=0,
        help_text=_("How many pictures of a new member a moderator looks at before they are public."),
    )
    filtered_costs = models.BooleanField(
        _("filtered pictures cost"),
        default=False,
        help_text=_("Whether a picture that the filters drop is paid for; else its credits come back."),
    )
    evidence_days = models.PositiveIntegerField(
        _("evidence kept"),
        default=180,
        help_text=_("Days that removed pictures stay sealed; 0: none is kept."),
    )
    closing_days = models.PositiveIntegerField(
        _("grace"), default=14, help_text=_("Days between the wish to delete an account and its end.")
    )
    maintenance = models.BooleanField(_("maintenance"), default=False)
    maintenance_en = models.CharField(_("words (English)"), max_length=300, blank=True, default="")
    maintenance_zh = models.CharField(_("words (Chinese)"), max_length=300, blank=True, default="")
    maintenance_until = models.DateTimeField(_("until about"), null=True, blank=True)
    switches_off = models.JSONField(
        _("switched off"),
        default=list,
        blank=True,
        help_text=_("Names of features, as accounts.site.feature_flags has them."),
    )
    changed_at = models.DateTimeField(_("changed"), db_default=Now())

    class Meta:
        verbose_name = _("house rules")
        verbose_name_plural = _("house rules")
        constraints: ClassVar = [models.CheckConstraint(name="site_one_row", condition=Q(id=1))]

    def __str__(self) -> str:
        return str(_("house rules"))


class Announcement(models.Model):
    """A line on top of every page for a period, in both languages."""

    class Tone(models.TextChoices):
        NEWS = "news", _("news")
        WARNING = "warning", _("warning")

    class Audience(models.TextChoices):
        ALL = "all", _("everybody")
        MEMBERS = "members", _("members")
        STAFF = "staff", _("staff")

    text_en = models.CharField(_("English"), max_length=300)
    text_zh = models.CharField(_("Chinese"), max_length=300)
    link = models.CharField(_("leads to"), max_length=300, blank=True, default="")
    tone = models.CharField(_("tone"), max_length=8, choices=Tone, default=Tone.NEWS)
    audience = models.CharField(_("for"), max_length=8, choices=Audience, default=Audience.ALL)
    starts_at = models.DateTimeField(_("from"), db_default=Now())
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("announcement")
        verbose_name_plural = _("announcements")
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return self.text_en[:60]

"""Content policy models: prompt rules, their hits, blocked pictures (by perceptual hash), classifiers."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Account, Plan
from core.clock import Now


class Action(models.TextChoices):
    """What a rule does on a match."""

    OFF = "off", _("nothing")
    FLAG = "flag", _("let it run and show it to a moderator")
    REFUSE = "refuse", _("refuse it")


class PromptRule(models.Model):
    """Words or a regular expression searched for in prompts, whichever API or page they come by.

    Read by `predictions.policy`.
    """

    class Kind(models.TextChoices):
        WORDS = "words", _("words, one or several a line")
        PATTERN = "pattern", _("regular expression")

    name = models.CharField(_("name"), max_length=80, unique=True)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind, default=Kind.WORDS)
    text = models.TextField(_("looks for"), max_length=20_000)
    action = models.CharField(_("does"), max_length=8, choices=Action, default=Action.REFUSE)
    words = models.CharField(
        _("told to the member"),
        max_length=200,
        blank=True,
        default="",
        help_text=_("Empty: names what was found."),
    )
    negative = models.BooleanField(
        _("negative prompts too"),
        default=False,
        help_text=_("Also searches what a picture should not show; mostly that is innocent."),
    )
    enabled = models.BooleanField(_("enabled"), default=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    changed_at = models.DateTimeField(_("changed"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("prompt rule")
        verbose_name_plural = _("prompt rules")
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class PlanRule(models.Model):
    """A rule's action for accounts of one plan. Accounts without a plan get the rule's own action."""

    rule = models.ForeignKey(PromptRule, on_delete=models.CASCADE, related_name="plans")
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="+")
    action = models.CharField(_("does"), max_length=8, choices=Action)

    class Meta:
        verbose_name = _("rule for a plan")
        verbose_name_plural = _("rules for plans")
        constraints: ClassVar = [models.UniqueConstraint(name="plan_rule_once", fields=["rule", "plan"])]

    def __str__(self) -> str:
        return f"{self.rule} · {self.plan}"


class RuleHit(models.Model):
    """A match of a rule, classifier or blocklist. Kept for a time; a flagged one stays until its case is opened."""

    class What(models.TextChoices):
        PROMPT = "prompt", _("prompt")
        UPLOAD = "upload", _("sent file")
        OUTPUT = "output", _("output")

    what = models.CharField(_("in"), max_length=8, choices=What)
    rule = models.ForeignKey(PromptRule, on_delete=models.SET_NULL, null=True, related_name="hits")
    source = models.CharField(
        _("found by"), max_length=80, help_text=_("The rule, the classifier or the list, by its name then.")
    )
    action = models.CharField(_("done"), max_length=8, choices=Action)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    prediction = models.CharField(_("prediction"), max_length=26, blank=True, default="")
    output_index = models.PositiveIntegerField(null=True)
    excerpt = models.CharField(_("found"), max_length=300, blank=True, default="")
    marks = models.JSONField(default=dict, blank=True)
    upload = models.CharField(
        _("sent file"), max_length=26, blank=True, default="", help_text=_("The id of what was kept of it.")
    )
    look = models.OneToOneField(
        "predictions.StoredFile",
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        related_name="+",
        help_text=_("What a sent file looks like, until a case is opened for it."),
    )
    case_owed = models.BooleanField(default=False, help_text=_("A moderator is still to be shown it."))
    created_at = models.DateTimeField(_("when"), db_default=Now())

    class Meta:
        verbose_name = _("finding of a rule")
        verbose_name_plural = _("findings of rules")
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(name="rule_hit_of_account", fields=["account", "-id"]),
            models.Index(name="rule_hit_of_prediction", fields=["prediction"], condition=~Q(prediction="")),
            models.Index(name="rule_hit_case_owed", fields=["id"], condition=Q(case_owed=True)),
            models.Index(name="rule_hit_age", fields=["created_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.source}: {self.excerpt[:40]}"


class BlockedPicture(models.Model):
    """The perceptual hash of a removed picture: the same picture is refused, whether uploaded or generated."""

    phash = models.CharField(_("perceptual hash"), max_length=64, help_text=_("256 bits as hex."))
    reason = models.CharField(_("reason"), max_length=200, blank=True, default="")
    case = models.BigIntegerField(_("case"), null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(_("since"), db_default=Now(), editable=False)
    lifted_at = models.DateTimeField(_("lifted"), null=True, editable=False)

    class Meta:
        verbose_name = _("blocked picture")
        verbose_name_plural = _("blocked pictures")
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="blocked_picture_once", fields=["phash"], condition=Q(lifted_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return self.phash[:12]


class Classifier(models.Model):
    """An image classifier: an external service, or a Python function in this process.

    Used by `predictions.image_safety`.
    """

    class Kind(models.TextChoices):
        WEBHOOK = "webhook", _("a service, by its address")
        PYTHON = "python", _("Python, by its dotted path")

    class WhenDown(models.TextChoices):
        PASS = "pass", _("let pictures through")
        REVIEW = "review", _("let them through and show them to a moderator")
        REFUSE = "refuse", _("drop them")

    name = models.CharField(_("name"), max_length=80, unique=True)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    target = models.CharField(
        _("where"),
        max_length=500,
        help_text=_("https://… or package.module.function, which a setting must allow."),
    )
    secret = models.TextField(
        blank=True, default="", editable=False, help_text=_("Encrypted; signs what is sent.")
    )
    limits = models.JSONField(
        _("limits"),
        default=dict,
        help_text=_(
            "For each label the scores from which a picture is blurred, shown to a moderator, dropped."
        ),
    )
    timeout = models.PositiveSmallIntegerField(_("seconds"), default=10)
    when_down = models.CharField(_("when it fails"), max_length=8, choices=WhenDown, default=WhenDown.REVIEW)
    on_uploads = models.BooleanField(_("judges sent files too"), default=False)
    enabled = models.BooleanField(_("enabled"), default=True)
    answered_at = models.DateTimeField(_("last answer"), null=True, editable=False)
    failed_at = models.DateTimeField(_("last failure"), null=True, editable=False)
    failure = models.CharField(_("what happened"), max_length=300, blank=True, default="", editable=False)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("classifier")
        verbose_name_plural = _("classifiers")
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name

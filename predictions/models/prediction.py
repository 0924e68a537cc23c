"""The prediction: one request for work, with Replicate's fields and statuses and the state of its execution."""

from __future__ import annotations

import secrets
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Account, ApiToken
from core.clock import Now
from predictions.models.catalogue import HostedModel, Price, Version

_ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


def new_public_id() -> str:
    """26 lower-case letters and digits, 134 random bits."""
    return "".join(secrets.choice(_ID_ALPHABET) for _ in range(26))


class Status(models.TextChoices):
    """Status as callers see it. `aborted` (canceled before anything was claimed) is rendered as `canceled`."""

    STARTING = "starting", _("starting")
    PROCESSING = "processing", _("processing")
    SUCCEEDED = "succeeded", _("succeeded")
    FAILED = "failed", _("failed")
    CANCELED = "canceled", _("canceled")
    ABORTED = "aborted", _("canceled before it ran")


LIVE = (Status.STARTING, Status.PROCESSING)
ENDED = (Status.SUCCEEDED, Status.FAILED, Status.CANCELED, Status.ABORTED)


class Phase(models.TextChoices):
    """Internal state of execution: finer than the status, and never shown to callers."""

    WAITING = "waiting", _("waiting for a slot")
    CLAIMED = "claimed", _("being handed to a provider")
    RUNNING = "running", _("at the provider")
    RESULT = "result", _("result to be fetched")
    COLLECTING = "collecting", _("result being fetched")
    ENDED = "ended", _("ended")


UNDER_WAY = tuple(phase for phase in Phase if phase != Phase.ENDED)


class PredictionQuerySet(models.QuerySet["Prediction"]):
    def owned_by(self, account: Account) -> PredictionQuerySet:
        """Those of one account."""
        return self.filter(account=account)

    def live(self) -> PredictionQuerySet:
        """Not ended yet."""
        return self.filter(status__in=LIVE)

    def ended(self) -> PredictionQuerySet:
        """Ended: nearly all rows. Use it in queries whose other condition has an index of its own.

        Written as an exclusion: SQLite's planner takes any one phase for rare, and would start by reading all rows of
        this one.
        """
        return self.exclude(phase__in=UNDER_WAY)


class MadeHow(models.TextChoices):
    """How a prediction was derived from a gallery item."""

    REMIX = "remix", _("remix")
    VARIATION = "variation", _("variation")
    INPUT = "input", _("used as input")


class Prediction(models.Model):
    """One request for work. Status, phase and the fields under "Running": written by `predictions.lifecycle` alone."""

    public_id = models.CharField(max_length=26, unique=True, default=new_public_id, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="predictions")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="predictions")
    token = models.ForeignKey(ApiToken, on_delete=models.PROTECT, null=True, related_name="+")
    model = models.ForeignKey(HostedModel, on_delete=models.PROTECT, related_name="predictions")
    version = models.ForeignKey(Version, on_delete=models.PROTECT, related_name="predictions")
    source = models.CharField(
        _("source"), max_length=3, choices=[("api", "api"), ("web", "web")], default="api"
    )
    input = models.JSONField(_("input"), default=dict)
    deployment = models.CharField(
        _("deployment"),
        max_length=201,
        blank=True,
        default="",
        help_text=_("owner/name of the alias it was made by."),
    )

    # Origin in the studio
    batch = models.CharField(
        _("batch"), max_length=26, blank=True, default="", help_text=_("The same for all of one press.")
    )
    made_from = models.CharField(
        _("made from"),
        max_length=32,
        blank=True,
        default="",
        help_text=_("The gallery's id of the picture that it was made from; opaque here."),
    )
    made_how = models.CharField(_("how"), max_length=12, choices=MadeHow, blank=True, default="")

    # What callers see
    status = models.CharField(_("status"), max_length=12, choices=Status, default=Status.STARTING)
    output = models.JSONField(_("output"), null=True, blank=True)
    error = models.TextField(_("error"), null=True, blank=True)
    logs = models.TextField(_("logs"), blank=True, default="")
    progress = models.FloatField(
        _("progress"), null=True, help_text=_("0 to 1, as far as the provider says.")
    )
    metrics = models.JSONField(_("metrics"), default=dict, blank=True)
    filtered = models.PositiveSmallIntegerField(
        _("filtered"), default=0, help_text=_("Outputs that the filters of this house dropped.")
    )
    delivered = models.PositiveIntegerField(
        _("delivered"), null=True, help_text=_("Outputs that it gave; empty while it has not succeeded.")
    )
    data_removed = models.BooleanField(_("data removed"), default=False)
    created_at = models.DateTimeField(_("created"), db_default=Now())
    started_at = models.DateTimeField(_("started"), null=True)
    completed_at = models.DateTimeField(_("ended"), null=True)
    deadline = models.DateTimeField(
        _("deadline"), null=True, help_text=_("As the caller asked by Cancel-After.")
    )
    revision = models.PositiveIntegerField(
        default=0, help_text=_("Grows with every change that a reader may see.")
    )
    stream_token = models.CharField(max_length=43, unique=True, default=secrets.token_urlsafe, editable=False)

    request_id = models.CharField(
        _("request"),
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text=_(
            "The X-Request-Id of the request that asked for it; every line of the log about it has it."
        ),
    )

    # Webhook receiver and events, and the origin and mount of the URLs in them
    webhook = models.TextField(_("webhook"), blank=True, default="")
    webhook_events = models.JSONField(_("webhook events"), default=list, blank=True)
    origin = models.CharField(max_length=300, blank=True, default="", help_text="https://host")
    mount = models.CharField(max_length=20, blank=True, default="", help_text="/v1")

    # Money
    price = models.ForeignKey(Price, on_delete=models.PROTECT, related_name="+")
    price_percent = models.PositiveSmallIntegerField(
        _("percent of the price"), default=100, db_default=100, help_text=_("As the account's plan was then.")
    )
    ceiling = models.BigIntegerField(_("most it can cost"), help_text=_("micro-credits"))
    charge = models.BigIntegerField(_("charged"), null=True, help_text=_("micro-credits"))

    # Counted towards its account's quotas until it ends; fixed when it was accepted
    input_bytes = models.PositiveIntegerField(_("bytes of its input"), default=0, db_default=0)
    output_bytes = models.BigIntegerField(
        _("bytes of its output"), default=0, db_default=0, help_text=_("As expected.")
    )

    # Running
    phase = models.CharField(_("phase"), max_length=12, choices=Phase, default=Phase.WAITING)
    claim = models.CharField(max_length=32, blank=True, default="")
    lease_until = models.DateTimeField(_("lease"), null=True)
    start_attempts = models.PositiveSmallIntegerField(_("starts"), default=0)
    collect_attempts = models.PositiveSmallIntegerField(_("fetches"), default=0)
    run = models.PositiveSmallIntegerField(
        _("run"), default=0, help_text=_("Part of the key sent to the provider.")
    )
    not_before = models.DateTimeField(_("not before"), null=True)
    look_at = models.DateTimeField(_("next look"), null=True)
    provider = models.CharField(_("provider"), max_length=64, blank=True, default="")
    job_id = models.CharField(_("job"), max_length=200, blank=True, default="")
    job_instance = models.CharField(max_length=64, blank=True, default="")
    job_seen_at = models.DateTimeField(null=True)
    upstream_open = models.BooleanField(
        default=False, help_text=_("The provider may still be working on it; its slot is taken.")
    )
    result = models.JSONField(_("result"), null=True, blank=True)
    must_end_by = models.DateTimeField(_("must end by"))

    objects = PredictionQuerySet.as_manager()

    was_replayed = False
    """Set on a row that an idempotency key returned again instead of a new one; not a column."""

    class Meta:
        verbose_name = _("prediction")
        verbose_name_plural = _("predictions")
        ordering: ClassVar = ["-created_at", "-id"]
        constraints: ClassVar = [
            models.CheckConstraint(name="prediction_status_known", condition=Q(status__in=Status.values)),
            models.CheckConstraint(name="prediction_phase_known", condition=Q(phase__in=Phase.values)),
            models.CheckConstraint(
                name="prediction_ended_has_time",
                condition=Q(status__in=LIVE, completed_at__isnull=True)
                | (Q(completed_at__isnull=False) & ~Q(status__in=LIVE)),
            ),
            models.CheckConstraint(
                name="prediction_ended_in_phase",
                condition=Q(status__in=LIVE) & ~Q(phase="ended") | ~Q(status__in=LIVE) & Q(phase="ended"),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="prediction_of_account", fields=["account", "-created_at", "-id"]),
            # `phase` is included though it is constant here: without it SQLite reads every row to look it
            # up.
            models.Index(
                name="prediction_waiting",
                fields=[
                    "account",
                    "user",
                    "model",
                    "provider",
                    "not_before",
                    "start_attempts",
                    "id",
                    "phase",
                ],
                condition=Q(phase="waiting"),
            ),
            models.Index(
                name="prediction_suspect", fields=["id"], condition=Q(phase="waiting", start_attempts__gte=2)
            ),
            # Not partial: SQLite's planner does not see that four phases are among those that are not the
            # last.
            models.Index(name="prediction_phase", fields=["phase", "account", "user"]),
            # Conditioned on the time, not the phase: both databases infer that a column compared with a
            # value is not null.
            models.Index(
                name="prediction_completed", fields=["completed_at"], condition=Q(completed_at__isnull=False)
            ),
            # An account's usage in a period.
            models.Index(
                name="prediction_of_account_ended",
                fields=["account", "completed_at"],
                condition=Q(completed_at__isnull=False),
            ),
            models.Index(
                name="prediction_deadline",
                fields=["deadline"],
                condition=Q(deadline__isnull=False) & ~Q(phase="ended"),
            ),
            # For the admin list filtered by status: these are few.
            models.Index(
                name="prediction_not_succeeded",
                fields=["status", "-id"],
                condition=Q(status__in=["failed", "canceled", "aborted"]),
            ),
            models.Index(name="prediction_batch", fields=["account", "batch"], condition=~Q(batch="")),
            models.Index(name="prediction_made_from", fields=["made_from"], condition=~Q(made_from="")),
            models.Index(name="prediction_request", fields=["request_id"], condition=~Q(request_id="")),
            models.Index(name="prediction_look", fields=["look_at"], condition=Q(phase="running")),
            models.Index(name="prediction_open", fields=["provider"], condition=Q(upstream_open=True)),
            models.Index(name="prediction_must_end", fields=["must_end_by"], condition=~Q(phase="ended")),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def shown_status(self) -> str:
        """The status as it leaves the API: one of Replicate's five."""
        return Status.CANCELED.value if self.status == Status.ABORTED else self.status

    @property
    def is_ended(self) -> bool:
        """Whether it has reached a final status."""
        return self.status in ENDED

    @property
    def prompt(self) -> str:
        """The prompt, for lists and titles; empty where the input has none."""
        for name in ("prompt", "prompt_start", "objects_to_remove"):
            text = self.input.get(name)
            if isinstance(text, str) and text:
                return text
        return ""

    @property
    def provider_key(self) -> str:
        """The idempotency key of the present run at the provider."""
        return f"{self.public_id}-{self.run}"

    def seed(self) -> int | None:
        """The seed used: the caller's, or the one named in the logs."""
        seed = self.input.get("seed")
        if isinstance(seed, int):
            return seed
        for line in self.logs.splitlines():
            if line.startswith("Using seed: "):
                rest = line.removeprefix("Using seed: ").strip()
                return int(rest) if rest.lstrip("-").isdigit() else None
        return None

    def settings(self) -> dict[str, Any]:
        """The inputs without prompts and files: what a reader copies to reproduce it."""
        hidden = {"prompt", "negative_prompt", "n_prompt", "prompt_start", "prompt_end"}
        return {
            name: value for name, value in self.input.items() if name not in hidden and not _is_file(value)
        }


def _is_file(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(("data:", "http://", "https://"))

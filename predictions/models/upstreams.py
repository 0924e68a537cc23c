"""Services that can do the work: upstreams, their keys, what each serves at which cost, and what was sent to them.

Keys' states are written by `predictions.upstreams.circuits` alone, secrets by `predictions.upstreams.key_rotation`
alone, what
was spent by `predictions.upstreams.run_records` alone. Amounts are micro-credits, as everywhere.
"""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from core.clock import Now
from predictions.providers import kinds, provider_names


class Upstream(models.Model):
    """A service that speaks an API of a known kind. It serves every model of the catalogue, or those of its routes."""

    class Files(models.TextChoices):
        AUTO = "auto", _("as the service allows")
        URL = "url", _("as addresses of this server")
        UPLOAD = "upload", _("uploaded to its files API")
        DATA = "data", _("as data URIs")

    name = models.SlugField(
        _("name"), max_length=40, unique=True, validators=[RegexValidator(r"^[a-z0-9][a-z0-9-]*$")]
    )
    # Choices by their function: a further kind needs no migration.
    kind = models.CharField(
        _("kind"), max_length=20, choices=kinds.choices, default=kinds.DEFAULT, db_default=kinds.DEFAULT
    )
    url = models.URLField(
        _("address"),
        max_length=300,
        help_text=_("The API's base with its version path, such as https://host/v1."),
    )
    enabled = models.BooleanField(_("enabled"), default=True)
    paused = models.BooleanField(
        _("paused"),
        default=False,
        help_text=_("Nothing new starts there; what runs goes on until it has ended."),
    )
    priority = models.IntegerField(_("priority"), default=100, help_text=_("The lowest number comes first."))
    weight = models.PositiveIntegerField(
        _("weight"), default=1, help_text=_("Share of the work among those of the same priority.")
    )
    idempotent = models.BooleanField(
        _("honours idempotency keys"),
        default=False,
        help_text=_("A start whose answer was lost is sent again only where this is so."),
    )
    serves_all = models.BooleanField(_("serves the whole catalogue"), default=True)
    in_flight_limit = models.PositiveIntegerField(
        _("predictions at once"), default=16, validators=[MinValueValidator(1), MaxValueValidator(10_000)]
    )
    requests_per_second = models.FloatField(
        _("requests a second"), default=10.0, validators=[MinValueValidator(0.1), MaxValueValidator(1000.0)]
    )
    connect_s = models.FloatField(_("seconds to connect"), default=5.0)
    read_s = models.FloatField(_("seconds for an answer"), default=30.0)
    files = models.CharField(_("input files"), max_length=8, choices=Files, default=Files.AUTO)
    webhooks = models.BooleanField(
        _("ask for webhooks"),
        default=False,
        help_text=_("Needs a public address of this server; polling goes on beside."),
    )
    webhook_secret = models.TextField(
        blank=True, default="", editable=False, help_text=_("Encrypted; fetched from the service.")
    )
    day_cap = models.BigIntegerField(
        _("most a day"), null=True, blank=True, help_text=_("micro-credits, UTC; empty: no cap")
    )
    changed = models.PositiveIntegerField(
        default=1, editable=False, help_text=_("Grows with each change of settings.")
    )
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("upstream")
        verbose_name_plural = _("upstreams")
        ordering: ClassVar = ["priority", "name"]

    def __str__(self) -> str:
        return self.name


class UpstreamKey(models.Model):
    """One API key of an upstream, encrypted, and the state of its circuit."""

    class State(models.TextChoices):
        CLOSED = "closed", _("in use")
        OPEN = "open", _("resting")
        PROBING = "probing", _("being tried")

    upstream = models.ForeignKey(Upstream, on_delete=models.PROTECT, related_name="keys")
    label = models.CharField(_("label"), max_length=40, default="key")
    secret = models.TextField(_("key"), editable=False, help_text=_("Encrypted with DARKROOM_KEYS."))
    hint = models.CharField(_("ends with"), max_length=8, editable=False, blank=True, default="")
    enabled = models.BooleanField(_("enabled"), default=True)
    weight = models.PositiveIntegerField(_("weight"), default=1)
    in_flight_limit = models.PositiveIntegerField(
        _("predictions at once"), null=True, blank=True, help_text=_("Empty: the upstream's.")
    )
    # The circuit
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.CLOSED, editable=False)
    failures = models.PositiveIntegerField(
        default=0, editable=False, help_text=_("In a row, of those that count.")
    )
    openings = models.PositiveIntegerField(
        default=0, editable=False, help_text=_("In a row; the rest doubles with each.")
    )
    open_until = models.DateTimeField(_("next probe"), null=True, editable=False)
    rest_until = models.DateTimeField(
        _("asked to wait until"),
        null=True,
        editable=False,
        help_text=_("By the service itself, with Retry-After."),
    )
    probe = models.CharField(max_length=32, blank=True, default="", editable=False)
    probe_until = models.DateTimeField(null=True, editable=False)
    error_kind = models.CharField(
        _("kind of the last error"), max_length=16, blank=True, default="", editable=False
    )
    error = models.TextField(_("last error"), blank=True, default="", editable=False)
    error_at = models.DateTimeField(_("last error at"), null=True, editable=False)
    ok_at = models.DateTimeField(_("last success at"), null=True, editable=False)
    alerted_at = models.DateTimeField(_("last alert at"), null=True, editable=False)
    heal_untold = models.BooleanField(
        default=False,
        editable=False,
        help_text=_("Somebody was told that it rests, and not yet that it heals."),
    )
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("key of an upstream")
        verbose_name_plural = _("keys of upstreams")
        ordering: ClassVar = ["upstream", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(name="upstream_key_label_once", fields=["upstream", "label"]),
            models.CheckConstraint(
                name="upstream_key_state_known", condition=Q(state__in=["closed", "open", "probing"])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.upstream_id} {self.label}"

    @property
    def provider_name(self) -> str:
        """The name under which predictions remember who works on them."""
        return provider_names.provider_name(self.pk)

    @property
    def most_in_flight(self) -> int:
        """Predictions at once with this key: its own limit, else the upstream's."""
        return self.in_flight_limit or self.upstream.in_flight_limit


class UpstreamRoute(models.Model):
    """How one model is reached at an upstream, and what it costs there."""

    class Unit(models.TextChoices):
        RUN = "run", _("a run")
        OUTPUT = "output", _("an output")
        SECOND = "second", _("a second of work")

    upstream = models.ForeignKey(Upstream, on_delete=models.CASCADE, related_name="routes")
    model = models.ForeignKey("predictions.HostedModel", on_delete=models.PROTECT, related_name="routes")
    enabled = models.BooleanField(_("enabled"), default=True)
    their_name = models.CharField(
        _("name there"), max_length=201, blank=True, default="", help_text=_("owner/name; empty: the same.")
    )
    their_version = models.CharField(
        _("version there"),
        max_length=201,
        blank=True,
        default="",
        help_text=_("An id; empty: the same as here; - : by name, whichever is newest there."),
    )
    cost = models.BigIntegerField(
        _("costs"), null=True, blank=True, help_text=_("micro-credits for each unit")
    )
    cost_unit = models.CharField(pgettext_lazy("cost", "for"), max_length=8, choices=Unit, default=Unit.RUN)
    rest_until = models.DateTimeField(
        _("rests until"),
        null=True,
        editable=False,
        help_text=_("The service said that it does not serve this model."),
    )
    error = models.TextField(_("last error"), blank=True, default="", editable=False)

    class Meta:
        verbose_name = _("route of a model")
        verbose_name_plural = _("routes of models")
        constraints: ClassVar = [
            models.UniqueConstraint(name="upstream_route_once", fields=["upstream", "model"]),
        ]

    def __str__(self) -> str:
        return f"{self.upstream_id} {self.model_id}"


class UpstreamRun(models.Model):
    """One start of a prediction at an upstream: written before anything is sent, and what became of it."""

    class Outcome(models.TextChoices):
        SENT = "sent", _("sent, not answered yet")
        ACCEPTED = "accepted", _("accepted")
        REFUSED = "refused", _("refused")
        LOST = "lost", _("answer lost: possibly running")
        SUCCEEDED = "succeeded", _("succeeded")
        FAILED = "failed", _("failed")
        CANCELED = "canceled", _("canceled")
        DROPPED = "dropped", _("came after the end, dropped")

    prediction = models.ForeignKey(
        "predictions.Prediction", on_delete=models.PROTECT, related_name="upstream_runs"
    )
    upstream = models.ForeignKey(Upstream, on_delete=models.PROTECT, related_name="runs")
    key = models.ForeignKey(UpstreamKey, on_delete=models.PROTECT, related_name="runs")
    run = models.PositiveSmallIntegerField(_("run"), help_text=_("Part of the idempotency key sent."))
    outcome = models.CharField(_("outcome"), max_length=12, choices=Outcome, default=Outcome.SENT)
    job_id = models.CharField(_("their id"), max_length=200, blank=True, default="")
    error_kind = models.CharField(_("kind of error"), max_length=16, blank=True, default="")
    answer = models.TextField(
        _("their answer"), blank=True, default="", help_text=_("Cut and scrubbed; for operators only.")
    )
    answered_ms = models.PositiveIntegerField(_("milliseconds to their answer"), null=True)
    cost = models.BigIntegerField(_("cost"), null=True, help_text=_("micro-credits"))
    reserved = models.BigIntegerField(default=0, help_text=_("Of the day's cap, until the cost is known."))
    sent_at = models.DateTimeField(_("sent"), db_default=Now())
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        verbose_name = _("run at an upstream")
        verbose_name_plural = _("runs at upstreams")
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(name="upstream_run_of_day", fields=["upstream", "sent_at"]),
            models.Index(name="upstream_run_stray", fields=["upstream"], condition=Q(outcome="lost")),
            models.Index(name="upstream_run_sent", fields=["sent_at"], condition=Q(outcome="sent")),
        ]

    def __str__(self) -> str:
        return f"{self.prediction_id} {self.run}"


class UpstreamDay(models.Model):
    """What an upstream cost on one day in UTC, reserved and known: the cap's counter."""

    upstream = models.ForeignKey(Upstream, on_delete=models.PROTECT, related_name="days")
    day = models.DateField(_("day"))
    spent = models.BigIntegerField(_("spent and reserved"), default=0, help_text=_("micro-credits"))
    capped_at = models.DateTimeField(
        _("cap reached at"), null=True, help_text=_("Nothing more starts there on this day.")
    )

    class Meta:
        verbose_name = _("day of an upstream")
        verbose_name_plural = _("days of upstreams")
        constraints: ClassVar = [
            models.UniqueConstraint(name="upstream_day_once", fields=["upstream", "day"]),
            models.CheckConstraint(name="upstream_day_not_negative", condition=Q(spent__gte=0)),
        ]

    def __str__(self) -> str:
        return f"{self.upstream_id} {self.day}"

"""Catalogue models: hosted models, their versions with Cog's schemas, prices, deployments."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.clock import Now


class HostedModel(models.Model):
    """A catalogue entry `owner/name`. Not called Model, to avoid confusion with Django's."""

    class Kind(models.TextChoices):
        TEXT_TO_IMAGE = "text-to-image", _("text to image")
        IMAGE_TO_IMAGE = "image-to-image", _("image to image")
        INPAINTING = "inpainting", _("inpainting")
        VIDEO = "video", _("video")
        OBJECT_REMOVAL = "object-removal", _("object removal")
        BACKGROUND_REMOVAL = "background-removal", _("background removal")
        TEXT = "text", _("text")

    owner = models.CharField(_("owner"), max_length=100)
    name = models.CharField(_("name"), max_length=100)
    description = models.TextField(_("description"), blank=True, default="")
    kind = models.CharField(_("kind"), max_length=32, choices=Kind, default=Kind.TEXT_TO_IMAGE)
    enabled = models.BooleanField(_("enabled"), default=True)
    is_official = models.BooleanField(_("official"), default=False)
    github_url = models.URLField(blank=True, default="")
    paper_url = models.URLField(blank=True, default="")
    license_url = models.URLField(blank=True, default="")
    cover_image_url = models.URLField(blank=True, default="")
    position = models.PositiveIntegerField(_("place in lists"), default=100)
    engine_last_resort = models.BooleanField(
        _("engine as last resort"),
        default=False,
        help_text=_("Let the embedded engine work on it when no upstream that serves it can."),
    )
    work_limit = models.PositiveIntegerField(
        _("time limit"), null=True, blank=True, help_text=_("Seconds of work; empty: the server's default.")
    )
    created_at = models.DateTimeField(_("created"), db_default=Now())

    class Meta:
        verbose_name = _("model")
        verbose_name_plural = _("models")
        ordering: ClassVar = ["position", "owner", "name"]
        constraints: ClassVar = [
            models.UniqueConstraint(name="model_owner_name_once", fields=["owner", "name"])
        ]

    def __str__(self) -> str:
        return self.ref

    @property
    def ref(self) -> str:
        """`owner/name`, as callers write it."""
        return f"{self.owner}/{self.name}"

    @property
    def work_limit_s(self) -> float:
        """Seconds that a prediction may run: the model's own limit, else `DARKROOM_WORK_LIMIT`."""
        return float(self.work_limit or settings.WORK_LIMIT)


class Version(models.Model):
    """One version of a model: a 64-hex id with input and output schema."""

    id = models.CharField(_("id"), max_length=64, primary_key=True)
    model = models.ForeignKey(HostedModel, on_delete=models.PROTECT, related_name="versions")
    input_schema = models.JSONField(_("input schema"))
    output_schema = models.JSONField(_("output schema"))
    example_input = models.JSONField(_("example"), default=dict, blank=True)
    cog_version = models.CharField(max_length=20, default="0.9.0")
    source = models.TextField(_("source"), blank=True, default="", help_text=_("Where the schema was read."))
    enabled = models.BooleanField(_("enabled"), default=True)
    created_at = models.DateTimeField(_("created"), db_default=Now())

    class Meta:
        verbose_name = _("version")
        verbose_name_plural = _("versions")
        ordering: ClassVar = ["-created_at", "id"]

    def __str__(self) -> str:
        return self.id[:12]

    @property
    def properties(self) -> dict[str, dict[str, Any]]:
        """The inputs by name, as JSON Schema; a schema of `true` or `false` (both are allowed) becomes empty."""
        found: dict[str, Any] = self.input_schema.get("properties", {})
        return {name: rule if isinstance(rule, dict) else {} for name, rule in found.items()}

    @property
    def gives_files(self) -> bool:
        """Whether the output is one or several files, as opposed to text or JSON."""
        schema = self.output_schema
        inner = schema.get("items", schema) if schema.get("type") == "array" else schema
        return bool(inner.get("format") == "uri")

    @property
    def streams_text(self) -> bool:
        """Whether the output is a list of strings that grows while the model runs."""
        schema = self.output_schema
        return schema.get("x-cog-array-type") == "iterator" and not self.gives_files

    @property
    def streams_files(self) -> bool:
        """Whether the output is a list of files that grows while the model runs."""
        return self.output_schema.get("x-cog-array-type") == "iterator" and self.gives_files

    @property
    def gives_list(self) -> bool:
        """Whether the output is a list."""
        return bool(self.output_schema.get("type") == "array")


class Price(models.Model):
    """The price of a model from a moment on. Rows are appended, never changed: an old prediction keeps its price."""

    class Unit(models.TextChoices):
        OUTPUT = "output", _("per output file")
        RUN = "run", _("per run")
        SECOND = "second", _("per second of work")
        MEGAPIXEL = "megapixel", _("per megapixel of output")

    model = models.ForeignKey(HostedModel, on_delete=models.PROTECT, related_name="prices")
    number = models.PositiveIntegerField(_("version of the price"))
    unit = models.CharField(_("unit"), max_length=16, choices=Unit)
    amount = models.BigIntegerField(_("amount"), help_text=_("micro-credits"))
    rules = models.JSONField(
        _("rules"),
        default=list,
        blank=True,
        help_text=_(
            "What values of inputs change, in order; `predictions.pricing.calculator` says how they are read."
        ),
    )
    least = models.BigIntegerField(_("at least"), default=0, help_text=_("micro-credits for a prediction"))
    most = models.BigIntegerField(
        _("at most"),
        null=True,
        blank=True,
        help_text=_(
            "micro-credits for a prediction; needed per second and per megapixel, where it is what is held."
        ),
    )
    source = models.CharField(_("source"), max_length=300, blank=True, default="")
    created_by = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(_("valid from"), db_default=Now())

    class Meta:
        verbose_name = _("price")
        verbose_name_plural = _("prices")
        ordering: ClassVar = ["model", "-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(name="price_number_once", fields=["model", "number"]),
            models.CheckConstraint(name="price_not_negative", condition=Q(amount__gte=0)),
        ]

    def __str__(self) -> str:
        return f"{self.model} · {self.number}"


class Deployment(models.Model):
    """An operator's alias `owner/name` for one version, with inputs that are always set."""

    owner = models.CharField(_("owner"), max_length=100)
    name = models.CharField(_("name"), max_length=100)
    version = models.ForeignKey(Version, on_delete=models.PROTECT, related_name="deployments")
    input = models.JSONField(
        _("fixed inputs"), default=dict, blank=True, help_text=_("Set in place of whatever the caller sends.")
    )
    enabled = models.BooleanField(_("enabled"), default=True)
    number = models.PositiveIntegerField(_("release"), default=1, help_text=_("Grows with each change."))
    created_at = models.DateTimeField(_("created"), db_default=Now())
    created_by = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, null=True, editable=False, related_name="+"
    )

    class Meta:
        verbose_name = _("deployment")
        verbose_name_plural = _("deployments")
        ordering: ClassVar = ["-created_at", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(name="deployment_owner_name_once", fields=["owner", "name"])
        ]

    def __str__(self) -> str:
        return self.ref

    @property
    def ref(self) -> str:
        """`owner/name`, as callers write it."""
        return f"{self.owner}/{self.name}"

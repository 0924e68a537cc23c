"""Model of share links, which show an item or a collection to people without an account."""

from __future__ import annotations

import secrets
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.clock import Now
from gallery.models.collections import Collection
from gallery.models.items import Item


class ShareLinkQuerySet(models.QuerySet["ShareLink"]):
    def open(self) -> ShareLinkQuerySet:
        """Neither withdrawn nor expired, created by an active user, and of something neither hidden nor in the
        trash."""
        return self.filter(
            withdrawn_at__isnull=True,
            created_by__is_active=True,
            item__hidden_at__isnull=True,
            item__trashed_at__isnull=True,
            collection__hidden_at__isnull=True,
        ).filter(Q(expires_at__isnull=True) | Q(expires_at__gt=Now()))


class ShareLink(models.Model):
    """An unguessable link to one item or one collection.

    Its page and pictures have URLs of the link, so withdrawing it ends both.
    """

    token = models.CharField(max_length=43, unique=True, default=secrets.token_urlsafe, editable=False)
    item = models.ForeignKey(
        Item, on_delete=models.PROTECT, null=True, blank=True, related_name="share_links"
    )
    collection = models.ForeignKey(
        Collection, on_delete=models.PROTECT, null=True, blank=True, related_name="share_links"
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    show_prompt = models.BooleanField(_("show the prompt"), default=False)
    allow_download = models.BooleanField(_("allow downloading"), default=True)
    password = models.CharField(
        _("password"), max_length=128, blank=True, default="", editable=False, help_text=_("As a hash.")
    )
    expires_at = models.DateTimeField(_("ends"), null=True, blank=True)
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, blank=True)
    views = models.PositiveIntegerField(_("views"), default=0)
    created_at = models.DateTimeField(_("created"), db_default=Now())

    objects = ShareLinkQuerySet.as_manager()

    class Meta:
        verbose_name = _("share link")
        verbose_name_plural = _("share links")
        ordering: ClassVar = ["-created_at", "-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="share_link_of_one_thing",
                condition=Q(item__isnull=False, collection__isnull=True)
                | Q(item__isnull=True, collection__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.item or self.collection} · {self.created_at:%Y-%m-%d}"

    @property
    def is_open(self) -> bool:
        """Whether the link itself is neither withdrawn nor expired; its target is not checked."""
        return self.withdrawn_at is None and (self.expires_at is None or self.expires_at > timezone.now())

    @property
    def is_locked(self) -> bool:
        """Whether it requires a password."""
        return bool(self.password)

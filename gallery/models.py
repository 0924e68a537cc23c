"""Items (one for each output) and share links."""

from __future__ import annotations

import secrets
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.clock import Now
from accounts.models import Account
from predictions.models import HostedModel, Output


def new_item_id() -> str:
    """The unguessable part of an item's addresses: 128 random bits."""
    return secrets.token_urlsafe(16)


class ItemQuerySet(models.QuerySet["Item"]):
    def owned_by(self, account: Account) -> ItemQuerySet:
        """A member's own items."""
        return self.filter(account=account)

    def public(self) -> ItemQuerySet:
        """What everybody may see in the gallery."""
        return self.filter(visibility=Item.Visibility.PUBLIC, hidden_at__isnull=True)


class Item(models.Model):
    """A gallery entry. Private until its owner publishes it.

    Width, height, model and prompt stand here too, so that a page of a list is one query over one index.
    """

    class Visibility(models.TextChoices):
        PRIVATE = "private", _("private")
        PUBLIC = "public", _("public")

    public_id = models.CharField(max_length=32, unique=True, default=new_item_id, editable=False)
    output = models.OneToOneField(Output, on_delete=models.PROTECT, related_name="item")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="items")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="items")
    model = models.ForeignKey(HostedModel, on_delete=models.PROTECT, related_name="+")
    title = models.CharField(_("title"), max_length=120, blank=True, default="")
    prompt = models.TextField(_("prompt"), blank=True, default="")
    show_prompt = models.BooleanField(_("show the prompt"), default=True)
    width = models.PositiveIntegerField(_("width"), default=1)
    height = models.PositiveIntegerField(_("height"), default=1)
    visibility = models.CharField(
        _("visibility"), max_length=8, choices=Visibility, default=Visibility.PRIVATE
    )
    published_at = models.DateTimeField(_("published"), null=True, blank=True)
    hidden_at = models.DateTimeField(_("hidden by a moderator"), null=True, blank=True)
    hidden_reason = models.CharField(_("reason"), max_length=200, blank=True, default="")
    created_at = models.DateTimeField(_("created"), db_default=Now())

    objects = ItemQuerySet.as_manager()

    class Meta:
        verbose_name = _("item")
        verbose_name_plural = _("items")
        ordering: ClassVar = ["-created_at", "-id"]
        indexes: ClassVar = [
            models.Index(name="item_of_account", fields=["account", "-created_at", "-id"]),
            # The library's filters: each is a range of its own index, however many other items there are.
            models.Index(
                name="item_of_account_shown", fields=["account", "visibility", "-created_at", "-id"]
            ),
            models.Index(name="item_of_account_model", fields=["account", "model", "-created_at", "-id"]),
            models.Index(
                name="item_public",
                fields=["-published_at", "-id"],
                condition=Q(visibility="public", hidden_at__isnull=True),
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="item_public_has_time",
                condition=Q(visibility="private") | Q(visibility="public", published_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.title or self.prompt[:60] or self.public_id

    @property
    def is_public(self) -> bool:
        """Whether everybody may see it now."""
        return self.visibility == self.Visibility.PUBLIC and self.hidden_at is None

    @property
    def ratio(self) -> float:
        """Width divided by height."""
        return self.width / max(1, self.height)

    @property
    def is_film(self) -> bool:
        """Whether it is a film, which a browser plays and does not show as a picture."""
        return self.output.file.content_type == "video/mp4"

    @property
    def moves(self) -> bool:
        """Whether it moves, as a film or as a picture that plays by itself; its thumbnails stand still."""
        return self.is_film or self.output.file.content_type == "image/gif"


class ShareLinkQuerySet(models.QuerySet["ShareLink"]):
    def open(self) -> ShareLinkQuerySet:
        """Neither withdrawn nor ended, and the item not hidden."""
        return self.filter(withdrawn_at__isnull=True, item__hidden_at__isnull=True).filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=Now())
        )


class ShareLink(models.Model):
    """An unguessable link to one item. Page and picture have addresses of the link, so withdrawing it ends both."""

    token = models.CharField(max_length=43, unique=True, default=secrets.token_urlsafe, editable=False)
    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="share_links")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    show_prompt = models.BooleanField(_("show the prompt"), default=False)
    expires_at = models.DateTimeField(_("ends"), null=True, blank=True)
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, blank=True)
    views = models.PositiveIntegerField(_("views"), default=0)
    created_at = models.DateTimeField(_("created"), db_default=Now())

    objects = ShareLinkQuerySet.as_manager()

    class Meta:
        verbose_name = _("share link")
        verbose_name_plural = _("share links")
        ordering: ClassVar = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.item} · {self.created_at:%Y-%m-%d}"

    @property
    def is_open(self) -> bool:
        """Whether it still opens."""
        return self.withdrawn_at is None and (self.expires_at is None or self.expires_at > timezone.now())

"""Models of collections: ordered sets of items with editors."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Account
from core.clock import Now
from gallery.models.items import Item, new_item_id


class Collection(models.Model):
    """A member's ordered set of items."""

    class Visibility(models.TextChoices):
        PRIVATE = "private", _("private")
        UNLISTED = "unlisted", _("unlisted")
        PUBLIC = "public", _("public")

    public_id = models.CharField(max_length=32, unique=True, default=new_item_id, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="collections")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="collections")
    title = models.CharField(_("title"), max_length=120)
    description = models.TextField(_("description"), max_length=2000, blank=True, default="")
    visibility = models.CharField(
        _("visibility"), max_length=8, choices=Visibility, default=Visibility.PRIVATE
    )
    cover = models.ForeignKey(
        Item,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text=_("Empty: its first picture."),
    )
    published_at = models.DateTimeField(_("published"), null=True, blank=True)
    hidden_at = models.DateTimeField(_("hidden by a moderator"), null=True, blank=True)
    hidden_reason = models.CharField(_("reason"), max_length=200, blank=True, default="")
    created_at = models.DateTimeField(_("created"), db_default=Now())
    changed_at = models.DateTimeField(_("changed"), db_default=Now())

    class Meta:
        verbose_name = _("collection")
        verbose_name_plural = _("collections")
        ordering: ClassVar = ["-changed_at", "-id"]
        indexes: ClassVar = [
            models.Index(name="collection_of_account", fields=["account", "-changed_at", "-id"]),
            models.Index(
                name="collection_public",
                fields=["-published_at", "-id"],
                condition=Q(visibility="public", hidden_at__isnull=True),
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="collection_public_has_time",
                condition=Q(visibility="private") | Q(published_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.title


class CollectionItem(models.Model):
    """An item in a collection. `place` orders entries, with gaps so that one can move alone."""

    collection = models.ForeignKey(Collection, on_delete=models.PROTECT, related_name="entries")
    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="collection_entries")
    place = models.BigIntegerField(_("place"))
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(_("added"), db_default=Now())

    class Meta:
        verbose_name = _("item of a collection")
        verbose_name_plural = _("items of collections")
        ordering: ClassVar = ["place", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(name="collection_item_once", fields=["collection", "item"]),
        ]
        indexes: ClassVar = [
            models.Index(name="collection_item_place", fields=["collection", "place", "id"]),
        ]

    def __str__(self) -> str:
        return f"{self.collection} · {self.place}"


class CollectionEditor(models.Model):
    """A member who may add to, order and remove from somebody else's collection."""

    collection = models.ForeignKey(Collection, on_delete=models.PROTECT, related_name="editors")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="edited_collections"
    )
    created_at = models.DateTimeField(_("since"), db_default=Now())

    class Meta:
        verbose_name = _("editor of a collection")
        verbose_name_plural = _("editors of collections")
        ordering: ClassVar = ["created_at", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(name="collection_editor_once", fields=["collection", "user"]),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.collection}"

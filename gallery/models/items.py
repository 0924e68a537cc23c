"""Models of items, one per output, and their tags."""

from __future__ import annotations

import secrets
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Account
from core.clock import Now
from predictions.models import HostedModel, Output, StoredFile

IS_PUBLIC = Q(visibility="public", hidden_at__isnull=True, trashed_at__isnull=True)
"""Items in the public lists; the condition of their partial indexes."""


def new_item_id() -> str:
    """A random id for an item's URLs: 128 bits."""
    return secrets.token_urlsafe(16)


class ItemQuerySet(models.QuerySet["Item"]):
    def owned_by(self, account: Account) -> ItemQuerySet:
        """The account's items, without those in the trash."""
        return self.filter(account=account, trashed_at__isnull=True)

    def trashed_by(self, account: Account) -> ItemQuerySet:
        """The account's items in the trash."""
        return self.filter(account=account, trashed_at__isnull=False)

    def public(self) -> ItemQuerySet:
        """Items in the gallery's public lists."""
        return self.filter(visibility=Item.Visibility.PUBLIC, hidden_at__isnull=True, trashed_at__isnull=True)

    def open(self) -> ItemQuerySet:
        """Items that anybody with the URL may see: public and unlisted ones."""
        return self.filter(
            visibility__in=(Item.Visibility.PUBLIC, Item.Visibility.UNLISTED),
            hidden_at__isnull=True,
            trashed_at__isnull=True,
        )


class Licence(models.TextChoices):
    """What others may do with a published item, as SPDX identifiers; empty: all rights reserved."""

    RESERVED = "", _("All rights reserved")
    CC0 = "CC0-1.0", _("CC0: no rights reserved")
    BY = "CC-BY-4.0", _("CC BY: use it and name me")
    BY_SA = "CC-BY-SA-4.0", _("CC BY-SA: name me, share alike")
    BY_NC = "CC-BY-NC-4.0", _("CC BY-NC: name me, not for money")


class Item(models.Model):
    """A gallery entry of one output. Private until its owner publishes it.

    Width, height, model and prompt are copied here so that a page of a list is one query over one index.
    """

    class Visibility(models.TextChoices):
        PRIVATE = "private", _("private")
        UNLISTED = "unlisted", _("unlisted")
        PUBLIC = "public", _("public")

    class Review(models.TextChoices):
        NONE = "", _("none")
        WAITING = "waiting", _("waits for a moderator")
        REFUSED = "refused", _("not published by a moderator's word")

    public_id = models.CharField(max_length=32, unique=True, default=new_item_id, editable=False)
    output = models.OneToOneField(Output, on_delete=models.PROTECT, related_name="item")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="items")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="items")
    model = models.ForeignKey(HostedModel, on_delete=models.PROTECT, related_name="+")
    title = models.CharField(_("title"), max_length=120, blank=True, default="")
    prompt = models.TextField(_("prompt"), blank=True, default="")
    show_prompt = models.BooleanField(_("show the prompt"), default=True)
    sensitive = models.BooleanField(
        _("sensitive"), default=False, help_text=_("Blurred for others until they ask for it.")
    )
    licence = models.CharField(_("licence"), max_length=24, choices=Licence, blank=True, default="")
    width = models.PositiveIntegerField(_("width"), default=1)
    height = models.PositiveIntegerField(_("height"), default=1)
    visibility = models.CharField(
        _("visibility"), max_length=8, choices=Visibility, default=Visibility.PRIVATE
    )
    published_at = models.DateTimeField(_("published"), null=True, blank=True)
    hidden_at = models.DateTimeField(_("hidden by a moderator"), null=True, blank=True)
    hidden_reason = models.CharField(_("reason"), max_length=200, blank=True, default="")
    hidden_for = models.ForeignKey(
        "accounts.Sanction",
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        db_index=False,
        related_name="+",
        help_text=_("The ban that hides it; it is shown again when that is lifted."),
    )
    review = models.CharField(
        _("review"),
        max_length=8,
        choices=Review,
        blank=True,
        default="",
        help_text=_("Whether its owner's wish to publish it waits for a moderator."),
    )
    trashed_at = models.DateTimeField(_("in the trash since"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), db_default=Now())

    # Counts of what others do with it; `recent_likes` are those of the last seven days, which order the
    # week's list.
    likes = models.PositiveIntegerField(_("likes"), default=0, editable=False)
    recent_likes = models.PositiveIntegerField(default=0, editable=False)
    comments = models.PositiveIntegerField(_("comments"), default=0, editable=False)

    # Flags of work that background jobs still have to do.
    search_owed = models.BooleanField(
        default=True, editable=False, help_text=_("Its words changed since it was put into the search index.")
    )
    rendition = models.OneToOneField(
        StoredFile,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="rendition_of",
        help_text=_("The published copy, which carries what made it."),
    )
    rendition_owed = models.BooleanField(default=False, editable=False)

    objects = ItemQuerySet.as_manager()

    class Meta:
        verbose_name = _("item")
        verbose_name_plural = _("items")
        ordering: ClassVar = ["-created_at", "-id"]
        indexes: ClassVar = [
            models.Index(
                name="item_of_account",
                fields=["account", "-created_at", "-id"],
                condition=Q(trashed_at__isnull=True),
            ),
            # The library's filters: each is a range of its own index, however many other items there are.
            models.Index(
                name="item_of_account_shown",
                fields=["account", "visibility", "-created_at", "-id"],
                condition=Q(trashed_at__isnull=True),
            ),
            models.Index(
                name="item_of_account_model",
                fields=["account", "model", "-created_at", "-id"],
                condition=Q(trashed_at__isnull=True),
            ),
            models.Index(
                name="item_hidden_for", fields=["hidden_for"], condition=Q(hidden_for__isnull=False)
            ),
            models.Index(
                name="item_in_trash",
                fields=["account", "-trashed_at", "-id"],
                condition=Q(trashed_at__isnull=False),
            ),
            models.Index(name="item_trash_age", fields=["trashed_at"], condition=Q(trashed_at__isnull=False)),
            # The gallery's lists, likewise.
            models.Index(name="item_public", fields=["-published_at", "-id"], condition=IS_PUBLIC),
            models.Index(
                name="item_public_safe",
                fields=["-published_at", "-id"],
                condition=IS_PUBLIC & Q(sensitive=False),
            ),
            # Includes the columns of the condition: without them SQLite reads every row to count them.
            models.Index(
                name="item_public_of_user",
                fields=["user", "-published_at", "-id", "visibility", "hidden_at", "trashed_at"],
                condition=IS_PUBLIC,
            ),
            models.Index(
                name="item_public_of_model", fields=["model", "-published_at", "-id"], condition=IS_PUBLIC
            ),
            models.Index(
                name="item_public_liked",
                fields=["-recent_likes", "-id"],
                condition=IS_PUBLIC & Q(recent_likes__gt=0),
            ),
            models.Index(name="item_search_owed", fields=["id"], condition=Q(search_owed=True)),
            models.Index(name="item_rendition_owed", fields=["id"], condition=Q(rendition_owed=True)),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="item_public_has_time",
                condition=Q(visibility="private") | Q(published_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.title or self.prompt[:60] or self.public_id

    @property
    def is_public(self) -> bool:
        """Whether it is in the public lists now."""
        return self.visibility == self.Visibility.PUBLIC and self.hidden_at is None and not self.in_trash

    @property
    def is_open(self) -> bool:
        """Whether anybody with its URL may see it now."""
        return self.visibility != self.Visibility.PRIVATE and self.hidden_at is None and not self.in_trash

    @property
    def in_trash(self) -> bool:
        """Whether it is in the trash."""
        return self.trashed_at is not None

    @property
    def ratio(self) -> float:
        """Width divided by height."""
        return self.width / max(1, self.height)

    @property
    def is_film(self) -> bool:
        """Whether it is a video, which browsers play rather than show."""
        return self.output.file.content_type == "video/mp4"

    @property
    def moves(self) -> bool:
        """Whether it moves, as a video or as an animated GIF; its thumbnails are still."""
        return self.is_film or self.output.file.content_type == "image/gif"


class Tag(models.Model):
    """A tag of items. `name` is normalised (NFKC, lower case), so that each exists once."""

    name = models.CharField(_("name"), max_length=40, unique=True)
    created_at = models.DateTimeField(_("created"), db_default=Now())

    class Meta:
        verbose_name = _("tag")
        verbose_name_plural = _("tags")
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class ItemTag(models.Model):
    """A tag on an item.

    `listed_at` is the item's `published_at` while it is public, else null, so that a tag's list is a range of
    its index.
    """

    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="item_tags")
    tag = models.ForeignKey(Tag, on_delete=models.PROTECT, related_name="item_tags")
    position = models.PositiveSmallIntegerField(default=0)
    listed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("tag of an item")
        verbose_name_plural = _("tags of items")
        ordering: ClassVar = ["position", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(name="item_tag_once", fields=["item", "tag"]),
        ]
        indexes: ClassVar = [
            models.Index(
                name="item_tag_listed",
                fields=["tag", "-listed_at", "-item"],
                condition=Q(listed_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.tag.name

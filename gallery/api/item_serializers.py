"""Serializers and renderers of items and share links for `/api/`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.db.models import F, Model, OuterRef, Subquery
from django.urls import reverse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core import pagination
from core.api import list_pages
from core.api.serializer_fields import BAD_CURSOR
from gallery.items import access, item_tags
from gallery.models import Case, Item, ItemQuerySet, ShareLink
from gallery.moderation import appeals
from predictions.api import example_values
from predictions.files import media

ITEM = "mQ4vT8xYk2Lr9sWc1nZb7A"
_AT = "https://darkroom.example"
Row = TypeVar("Row", bound=Model)


class ItemUrlsSerializer(serializers.Serializer[Any]):
    """Where the item is found."""

    page = serializers.URLField(help_text="Its owner's page.")
    public = serializers.URLField(
        allow_null=True, help_text="Its page in the gallery; null while it is private."
    )
    file = serializers.URLField(help_text="The file itself at an unguessable address; needs no token.")
    small = serializers.URLField(help_text="About 400 pixels wide; asked for with token or session.")
    medium = serializers.URLField(help_text="About 1,200 pixels wide; asked for with token or session.")


class ItemSerializer(serializers.Serializer[Any]):
    """A picture or video of the library."""

    id = serializers.CharField()
    prediction = serializers.CharField(help_text="The prediction that made it.")
    model = serializers.CharField(help_text="`owner/name`")
    title = serializers.CharField(allow_blank=True)
    prompt = serializers.CharField(allow_blank=True)
    show_prompt = serializers.BooleanField(help_text="Whether the public page shows the prompt.")
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    content_type = serializers.CharField()
    bytes = serializers.IntegerField()
    colour = serializers.CharField(
        allow_blank=True, help_text="The dominant colour, #rrggbb, while it loads."
    )
    blur = serializers.CharField(allow_blank=True, help_text="A tiny blurred picture as a data URI.")
    tags = serializers.ListField(child=serializers.CharField())
    sensitive = serializers.BooleanField(help_text="Whether others see it blurred until they ask for it.")
    licence = serializers.CharField(allow_blank=True, help_text="An SPDX name; empty: all rights reserved.")
    likes = serializers.IntegerField()
    comments = serializers.IntegerField()
    visibility = serializers.ChoiceField(Item.Visibility.choices)
    published_at = serializers.DateTimeField(allow_null=True)
    trashed_at = serializers.DateTimeField(allow_null=True, help_text="Since when it lies in the trash.")
    hidden = serializers.BooleanField(help_text="Whether a moderator hid it from others.")
    hidden_reason = serializers.CharField(allow_blank=True)
    review = serializers.ChoiceField(
        Item.Review.choices, help_text="Whether it waits for a moderator before it is public, or was refused."
    )
    decision = serializers.IntegerField(
        allow_null=True, help_text="The decision that hides it or keeps it private, for `/api/appeals`."
    )
    appeal = serializers.ChoiceField(
        ["none", "waiting", "granted", "refused", "closed"],
        help_text="What became of the appeal against that decision.",
    )
    created_at = serializers.DateTimeField()
    urls = ItemUrlsSerializer()


class PublicUrlsSerializer(serializers.Serializer[Any]):
    """Where everybody finds the item."""

    page = serializers.URLField()
    small = serializers.URLField(help_text="About 400 pixels wide.")
    medium = serializers.URLField(help_text="About 1,200 pixels wide.")
    full = serializers.URLField()


class PublicItemSerializer(serializers.Serializer[Any]):
    """A picture or video that its owner published."""

    id = serializers.CharField()
    title = serializers.CharField(allow_blank=True)
    prompt = serializers.CharField(allow_null=True, help_text="Null where the author keeps it.")
    author = serializers.CharField(help_text="The name that is shown.")
    author_username = serializers.CharField(help_text="For `?author=` and for following.")
    model = serializers.CharField(help_text="`owner/name`")
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    content_type = serializers.CharField()
    colour = serializers.CharField(
        allow_blank=True, help_text="The dominant colour, #rrggbb, while it loads."
    )
    blur = serializers.CharField(allow_blank=True, help_text="A tiny blurred picture as a data URI.")
    tags = serializers.ListField(child=serializers.CharField())
    sensitive = serializers.BooleanField(help_text="Blur it until the reader asks for it.")
    licence = serializers.CharField(allow_blank=True, help_text="An SPDX name; empty: all rights reserved.")
    likes = serializers.IntegerField()
    comments = serializers.IntegerField()
    published_at = serializers.DateTimeField(
        allow_null=True, help_text="Null only in a collection of one's own, where an item is private."
    )
    urls = PublicUrlsSerializer()


class ShareSerializer(serializers.Serializer[Any]):
    """A link that shows one item or one collection to whoever has it."""

    id = serializers.IntegerField()
    item = serializers.CharField(allow_null=True)
    collection = serializers.CharField(allow_null=True)
    url = serializers.URLField(help_text="To be sent; whoever has it sees what it is of.")
    show_prompt = serializers.BooleanField()
    allow_download = serializers.BooleanField(help_text="Whether the whole file can be had.")
    locked = serializers.BooleanField(help_text="Whether it asks for a password.")
    open = serializers.BooleanField(help_text="Whether it still opens.")
    expires_at = serializers.DateTimeField(allow_null=True)
    withdrawn_at = serializers.DateTimeField(allow_null=True)
    views = serializers.IntegerField(help_text="How often its page was opened by others.")
    created_at = serializers.DateTimeField()


def with_facts(items: ItemQuerySet) -> ItemQuerySet:
    """Items annotated and prefetched with all that `item()` renders, in a constant number of queries."""
    against = Case.objects.filter(item=OuterRef("pk"), decision__in=appeals.APPEALABLE).order_by(
        "-decided_at"
    )
    appeal = Case.objects.filter(parent=OuterRef("decided"))
    return with_tags(items).annotate(
        made_by=F("output__prediction__public_id"),
        decided=Subquery(against.exclude(done__has_key="with").values("pk")[:1]),
        appealed=Subquery(appeal.values("decision")[:1]),
    )


def with_tags(items: ItemQuerySet) -> ItemQuerySet:
    """Items with their files and tags prefetched."""
    return access.with_files(items).prefetch_related("item_tags__tag")


def clean_tags(names: list[str]) -> list[str]:
    """Tags normalised, each once. Raises ValidationError."""
    try:
        return item_tags.parse(names)
    except item_tags.TooManyTags:
        raise serializers.ValidationError(f"At most {item_tags.MAX_TAGS} tags.") from None
    except item_tags.TagTooLong:
        raise serializers.ValidationError(f"A tag has at most {item_tags.MAX_LENGTH} characters.") from None


def number_cursor(cursor: str) -> str:
    """The cursor of a search page (the text of a number) if it is valid. Raises ValidationError."""
    if cursor and not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 19):
        raise serializers.ValidationError({"cursor": [BAD_CURSOR]})
    return cursor


def page_response(request: Request, page: pagination.Page[Row], render: Callable[[Row], Any]) -> Response:
    """The response with a page of rows already fetched."""
    return Response(
        {"results": [render(row) for row in page.rows], "next": list_pages.next_url(request, page.next)}
    )


def item(row: Item, origin: str) -> dict[str, Any]:
    """An item as its owner sees it. The row must come from `with_facts`."""
    return _common(row) | {
        "prediction": row.made_by,  # type: ignore[attr-defined]
        "prompt": row.prompt,
        "show_prompt": row.show_prompt,
        "bytes": row.output.file.size,
        "visibility": row.visibility,
        "published_at": row.published_at,
        "trashed_at": row.trashed_at,
        "hidden": row.hidden_at is not None,
        "hidden_reason": row.hidden_reason,
        "review": row.review,
        **_decision(row),
        "created_at": row.created_at,
        "urls": {
            "page": origin + reverse("library_item", args=[row.public_id]),
            "public": origin + reverse("gallery_item", args=[row.public_id]) if row.is_open else None,
            "file": origin + media.output_path(row.output.token, row.output.name),
            **{
                size: origin + reverse("api_item_picture", args=[row.public_id, size])
                for size in ("small", "medium")
            },
        },
    }


def _decision(row: Item) -> dict[str, Any]:
    """The decision that hides the item or keeps it private, and the state of the appeal against it."""
    against = row.hidden_at is not None or row.review == Item.Review.REFUSED
    number, appeal = row.decided, row.appealed  # type: ignore[attr-defined]
    if not against or number is None:
        return {"decision": None, "appeal": "none"}
    return {"decision": number, "appeal": appeals.STATES[appeal] if appeal is not None else "none"}


def public_item(row: Item, origin: str) -> dict[str, Any]:
    """An item as everybody sees it: the prompt only where shown, nothing of what it cost."""
    return _common(row) | {
        "prompt": row.prompt if row.show_prompt else None,
        "author": row.user.shown_name,
        "author_username": row.user.username,
        "published_at": row.published_at,
        "urls": {
            "page": origin + reverse("gallery_item", args=[row.public_id]),
            **{
                size: origin + reverse("api_gallery_picture", args=[row.public_id, size])
                for size in ("small", "medium", "full")
            },
        },
    }


def share(link: ShareLink, origin: str) -> dict[str, Any]:
    """A share link as its owner sees it; its item or collection must be loaded."""
    target = link.item or link.collection
    assert target is not None
    return {
        "id": link.pk,
        "item": link.item.public_id if link.item else None,
        "collection": link.collection.public_id if link.collection else None,
        "url": origin + reverse("share", args=[link.token]),
        "show_prompt": link.show_prompt,
        "allow_download": link.allow_download,
        "locked": link.is_locked,
        "open": link.is_open and target.hidden_at is None and not (link.item and link.item.in_trash),
        "expires_at": link.expires_at,
        "withdrawn_at": link.withdrawn_at,
        "views": link.views,
        "created_at": link.created_at,
    }


def _common(row: Item) -> dict[str, Any]:
    output = row.output
    return {
        "id": row.public_id,
        "title": row.title,
        "model": row.model.ref,
        "width": row.width,
        "height": row.height,
        "content_type": output.file.content_type,
        "colour": output.colour,
        "blur": output.blur,
        "tags": [item_tag.tag.name for item_tag in row.item_tags.all()],
        "sensitive": row.sensitive,
        "licence": row.licence,
        "likes": row.likes,
        "comments": row.comments,
    }


_COMMON_EXAMPLE = {
    "id": ITEM,
    "title": "Lighthouse",
    "model": example_values.MODEL,
    "width": 1024,
    "height": 768,
    "content_type": "image/webp",
    "colour": "#5b6a72",
    "blur": "data:image/png;base64,iVBORw0KGgo=",
    "tags": ["sea", "fog"],
    "sensitive": False,
    "licence": "CC-BY-4.0",
    "likes": 12,
    "comments": 2,
}
OWN_EXAMPLE = _COMMON_EXAMPLE | {
    "prediction": example_values.PREDICTION,
    "prompt": "a lighthouse in the fog",
    "show_prompt": True,
    "bytes": 183_402,
    "visibility": "public",
    "published_at": "2026-11-20T12:30:00Z",
    "trashed_at": None,
    "hidden": False,
    "hidden_reason": "",
    "review": "",
    "decision": None,
    "appeal": "none",
    "created_at": "2026-11-20T12:00:11.204000Z",
    "urls": {
        "page": f"{_AT}/library/{ITEM}/",
        "public": f"{_AT}/gallery/{ITEM}/",
        "file": f"{_AT}/f/Xb2vQm8sRk1nYt5wLc7dZp0hGf3jUa9eKo6iVx4q/out-0.webp",
        "small": f"{_AT}/api/items/{ITEM}/picture/small",
        "medium": f"{_AT}/api/items/{ITEM}/picture/medium",
    },
}
PRIVATE_EXAMPLE = OWN_EXAMPLE | {
    "visibility": "private",
    "published_at": None,
    "urls": {**OWN_EXAMPLE["urls"], "public": None},  # type: ignore[dict-item]
}
PUBLIC_EXAMPLE = _COMMON_EXAMPLE | {
    "prompt": "a lighthouse in the fog",
    "author": "Alice",
    "author_username": "alice",
    "published_at": "2026-11-20T12:30:00Z",
    "urls": {
        "page": f"{_AT}/gallery/{ITEM}/",
        **{size: f"{_AT}/api/gallery/{ITEM}/picture/{size}" for size in ("small", "medium", "full")},
    },
}
SHARE_EXAMPLE = {
    "id": 12,
    "item": ITEM,
    "collection": None,
    "url": f"{_AT}/s/u4Qe8sYt2Wc6vN0rLm1zXb5kJd9hGf3pAo7iTq4wZy8/",
    "show_prompt": False,
    "allow_download": True,
    "locked": False,
    "open": True,
    "expires_at": "2026-11-27T12:00:00Z",
    "withdrawn_at": None,
    "views": 3,
    "created_at": "2026-11-20T12:31:00Z",
}

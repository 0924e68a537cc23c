"""Access to items: who may see or change one. What a viewer may not see answers 404, never 403."""

from __future__ import annotations

from typing import Literal, TypeVar

from django.contrib.auth.models import AnonymousUser
from django.db.models.functions import Left
from django.http import Http404

from accounts.models import Account, User
from core.db.prepared import Prepared
from gallery.models import Item, ItemQuerySet
from predictions.models import StoredFile

Size = Literal["small", "medium", "full"]
Viewer = User | AnonymousUser
_Row = TypeVar("_Row")


def account_of(viewer: Viewer) -> Account | None:
    """The account a viewer acts for; None for visitors."""
    return viewer.account if isinstance(viewer, User) and viewer.is_authenticated else None


def with_files(items: ItemQuerySet) -> ItemQuerySet:
    """Items with all that a page of pictures needs, in one query: output, thumbnails, model and author."""
    return items.select_related("output__file", "output__small", "output__medium", "model", "user")


# All that lists of tiles read; other columns, such as prompts of any length, are not loaded.
_OF_A_TILE = (
    "public_id", "account", "user", "model", "title", "show_prompt", "sensitive", "width", "height", "visibility",
    "published_at", "hidden_at", "trashed_at", "created_at", "likes", "recent_likes", "comments", "output__colour",
    "output__blur", "output__file__content_type", "output__file__size", "output__small__width", "output__medium__width",
    "model__owner", "model__name", "user__username", "user__display_name",
)  # fmt: skip
TILE_PROMPT_LENGTH = 160
_LONGEST_ID = 100
"""Characters; ids have 22, tokens 43."""


def for_tiles(items: ItemQuerySet) -> ItemQuerySet:
    """Items with only what a tile shows, in one query; `begins` is the first `TILE_PROMPT_LENGTH` characters of
    the prompt."""
    return with_files(items).only(*_OF_A_TILE).annotate(begins=Left("prompt", TILE_PROMPT_LENGTH))


def is_valid_id(text: str) -> bool:
    """Whether a database accepts the text as a parameter: NUL is not valid in any id."""
    return "\0" not in text and len(text) <= _LONGEST_ID


# Every picture request fetches one item with its files: with this many columns Django should build the SQL
# once.
_OWNED = Prepared[Item](
    lambda account, public_id: (
        with_files(Item.objects.filter(account_id=account, trashed_at__isnull=True)).filter(
            public_id=public_id
        )[:1]
    )

)  # fmt: skip
_OPEN = Prepared[Item](lambda public_id: with_files(Item.objects.open()).filter(public_id=public_id)[:1])
_ANY = Prepared[Item](lambda public_id: with_files(Item.objects.all()).filter(public_id=public_id)[:1])


def owned(viewer: Viewer, public_id: str) -> Item:
    """An item of the viewer's own account, hidden or not; 404 otherwise, and where it is in the trash."""
    account = account_of(viewer)
    if account is None or not is_valid_id(public_id):
        raise Http404
    return or_404(_OWNED.first(account=account.pk, public_id=public_id))


def published(public_id: str) -> Item:
    """A public or unlisted item, for anybody who has its URL; 404 otherwise, for its owner too."""
    return or_404(_OPEN.first(public_id=public_id) if is_valid_id(public_id) else None)


def visible(viewer: Viewer, public_id: str) -> Item:
    """An item that is public or unlisted, or the viewer's own, also in the trash; 404 otherwise."""
    item = _ANY.first(public_id=public_id) if is_valid_id(public_id) else None
    account = account_of(viewer)
    if item is None or not (item.is_open or (account is not None and item.account_id == account.pk)):
        raise Http404
    return item


def shows_author(item: Item) -> bool:
    """Whether the item's author has a public page: an active account with at least one public item."""
    if not item.user.is_active:
        return False
    return item.is_public or Item.objects.public().filter(user=item.user).exists()


def file_of(item: Item, size: Size) -> StoredFile:
    """The stored file of one size; a missing thumbnail falls back to the next larger file."""
    output = item.output
    if size == "small":
        return output.small or output.medium or output.file
    if size == "medium":
        return output.medium or output.file
    return output.file


def or_404(row: _Row | None) -> _Row:
    """The row, or Http404 where it is None."""
    if row is None:
        raise Http404
    return row

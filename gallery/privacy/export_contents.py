"""All that is a member's, as rows of JSON, part by part; each part is read some rows at a time, however long it is.

What is left out on purpose: what opens doors (digests of passwords, tokens and links, two-factor secrets), and what
others wrote about the member where it would tell who they are (who reported). A test names every column of theirs that
is left out, with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import Model, Q, QuerySet, Sum

from accounts.models import (
    Account,
    ApiToken,
    Gift,
    LedgerEntry,
    Notice,
    OrganizationInvitation,
    Purchase,
    Redemption,
    Sanction,
    SignIn,
    User,
)
from accounts.notifications import notice_text
from gallery.items import item_tags
from gallery.models import (
    Case,
    Collection,
    CollectionEditor,
    Comment,
    Follow,
    Item,
    Like,
    Preset,
    Report,
    ShareLink,
)
from predictions.models import Delivery, Prediction, StoredFile, Upload

Row = dict[str, Any]
Rows = Callable[[User, Account], Iterator[Row]]
CHUNK = 200


@dataclass(frozen=True)
class Part:
    """One file of JSON lines in the archive."""

    name: str
    rows: Rows


def stamp(at: datetime | None) -> str | None:
    """A time as RFC 3339 in UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at is not None else None


def _each(rows: QuerySet[Any]) -> Iterator[Any]:
    """By growing key, some at a time: an export of hours must not hold one long read open."""
    ordered, last = rows.order_by("pk"), 0
    while True:
        some = list(ordered.filter(pk__gt=last)[:CHUNK])
        yield from some
        if len(some) < CHUNK:
            return
        last = some[-1].pk


def fields(row: Model, *names: str) -> Row:
    """Some of its columns, as JSON has them."""
    return {name: _plain(getattr(row, name)) for name in names}


def _plain(value: Any) -> Any:
    return stamp(value) if isinstance(value, datetime) else value


def _ledger(user: User, account: Account) -> Iterator[Row]:
    for entry in _each(LedgerEntry.objects.filter(account=account)):
        yield fields(
            entry, "id", "kind", "reference", "balance_delta", "held_delta", "captured", "released",
            "balance_after", "held_after", "reason", "created_at",
        )  # fmt: skip


def _predictions(user: User, account: Account) -> Iterator[Row]:
    for one in _each(Prediction.objects.filter(account=account, user=user).select_related("model")):
        told = fields(
            one, "public_id", "source", "input", "output", "error", "logs", "metrics", "charge", "data_removed",
            "webhook", "batch", "made_from", "made_how", "deployment", "created_at", "started_at", "completed_at",
        )  # fmt: skip
        yield {**told, "status": one.shown_status, "model": one.model.ref, "version": one.version_id}


def _items(user: User, account: Account) -> Iterator[Row]:
    rows = Item.objects.filter(account=account, user=user).select_related(
        "model", "output__prediction", "output__file"
    )
    for item in _each(rows):
        told = fields(
            item, "public_id", "title", "prompt", "show_prompt", "sensitive", "licence", "width", "height",
            "visibility", "published_at", "hidden_at", "hidden_reason", "trashed_at", "likes", "comments", "created_at",
        )  # fmt: skip
        yield {
            **told,
            "model": item.model.ref,
            "prediction": item.output.prediction.public_id,
            "tags": item_tags.for_item(item),
            "file": file_name(item),
            "sha256": item.output.file.sha256,
        }


def _collections(user: User, account: Account) -> Iterator[Row]:
    for one in _each(Collection.objects.filter(account=account, user=user)):
        entries = one.entries.select_related("item").order_by("place", "pk")
        yield {
            **fields(
                one, "public_id", "title", "description", "visibility", "published_at", "hidden_at", "hidden_reason",
                "created_at",
            ),
            "items": [entry.item.public_id for entry in entries],
        }  # fmt: skip
    for editor in _each(CollectionEditor.objects.filter(user=user).select_related("collection")):
        # Of somebody else: no more than that they keep it together.
        yield {"helps_with": editor.collection.public_id, **fields(editor, "created_at")}


def _shares(user: User, account: Account) -> Iterator[Row]:
    rows = ShareLink.objects.filter(created_by=user).select_related("item", "collection")
    for one in _each(rows):
        yield {
            "item": one.item.public_id if one.item is not None else None,
            "collection": one.collection.public_id if one.collection is not None else None,
            **fields(
                one, "show_prompt", "allow_download", "views", "created_at", "expires_at", "withdrawn_at"
            ),
        }


def _tokens(user: User, account: Account) -> Iterator[Row]:
    for one in _each(ApiToken.objects.filter(user=user)):
        yield fields(
            one, "name", "prefix", "scopes", "allowed_models", "networks", "day_limit", "month_limit",
            "total_limit", "creates_per_minute", "in_flight_limit", "created_at", "expires_at", "last_used_at",
            "revoked_at",
        )  # fmt: skip


def _sign_ins(user: User, account: Account) -> Iterator[Row]:
    for one in _each(SignIn.objects.filter(user=user)):
        yield fields(one, "at", "succeeded", "how", "network", "browser")


def _comments(user: User, account: Account) -> Iterator[Row]:
    for one in _each(Comment.objects.filter(user=user).select_related("item")):
        yield {"item": one.item.public_id, **fields(one, "text", "created_at", "removed_at", "hidden_at")}


def _likes(user: User, account: Account) -> Iterator[Row]:
    for one in _each(Like.objects.filter(user=user).select_related("item")):
        yield {"item": one.item.public_id, **fields(one, "created_at")}


def _follows(user: User, account: Account) -> Iterator[Row]:
    for one in _each(
        Follow.objects.filter(Q(follower=user) | Q(followed=user)).select_related("follower", "followed")
    ):
        yield {
            "follower": one.follower.username,
            "followed": one.followed.username,
            **fields(one, "created_at"),
        }


def _reports(user: User, account: Account) -> Iterator[Row]:
    rows = Report.objects.filter(reporter=user).select_related("item", "collection", "comment__item")
    for one in _each(rows):
        item = one.item or (one.comment.item if one.comment is not None else None)
        yield {
            "item": item.public_id if item is not None else None,
            "collection": one.collection.public_id if one.collection is not None else None,
            **fields(one, "reason", "words", "created_at", "closed_at"),
        }


def _decisions(user: User, account: Account) -> Iterator[Row]:
    # What was decided about them, in the words that they were told; not who reported them, nor the note of staff.
    for one in _each(Case.objects.filter(user=user)):
        words = one.words if one.kind == Case.Kind.APPEAL else ""
        told = fields(one, "kind", "about", "decision", "told", "opened_at", "decided_at")
        yield {"case": one.pk, **told, "words": words}
    for sanction in _each(Sanction.objects.filter(user=user)):
        yield {
            "sanction": sanction.kind,
            **fields(sanction, "reason", "created_at", "until", "lifted_at", "lift_reason"),
        }


def _notices(user: User, account: Account) -> Iterator[Row]:
    for one in _each(Notice.objects.filter(user=user)):
        yield {
            "text": notice_text.in_language(one, user.language).line,
            **fields(one, "kind", "params", "link", "created_at", "read_at", "mailed_at"),
        }


def _presets(user: User, account: Account) -> Iterator[Row]:
    for one in _each(Preset.objects.filter(user=user).select_related("model")):
        yield {"model": one.model.ref, **fields(one, "name", "values", "created_at")}


def _purchases(user: User, account: Account) -> Iterator[Row]:
    for one in _each(Purchase.objects.filter(account=account)):
        yield {
            "purchase": one.reference,
            **fields(
                one, "credits", "price", "currency", "provider", "status", "refunded", "created_at", "paid_at"
            ),
        }
    for code in _each(Redemption.objects.filter(account=account).select_related("code")):
        yield {"redeemed": f"…{code.code.hint}", **fields(code, "created_at")}
    gifts = Gift.objects.filter(Q(giver=account) | Q(receiver=account)).select_related("giver", "receiver")
    for gift in _each(gifts):
        yield {
            "gift": gift.reference,
            "from": gift.giver.name,
            "to": gift.receiver.name,
            **fields(gift, "amount", "words", "created_at"),
        }


def _uploads(user: User, account: Account) -> Iterator[Row]:
    for one in _each(Upload.objects.filter(account=account, user=user).select_related("file")):
        told = fields(
            one, "public_id", "name", "content_type", "metadata", "created_at", "expires_at", "deleted_at"
        )
        yield {**told, "file": upload_name(one), "sha256": one.file.sha256}


_TOLD = (
    "event", "message_id", "state", "attempts", "answer_code", "answer_note", "created_at", "delivered_at",
)  # fmt: skip
"""Of an event that was told, or was to be."""


def _webhooks(user: User, account: Account) -> Iterator[Row]:
    # What was sent is the prediction, as predictions.jsonl has it: it is not read again for each of its events.
    rows = Delivery.objects.filter(account=account).select_related("prediction")
    for one in _each(rows.only("url", *_TOLD, "prediction__public_id", "prediction__webhook")):
        yield {
            "prediction": one.prediction.public_id if one.prediction is not None else None,
            "to": one.url or (one.prediction.webhook if one.prediction is not None else ""),
            **fields(one, *_TOLD),
        }


def _invitations(user: User, account: Account) -> Iterator[Row]:
    for one in _each(OrganizationInvitation.objects.filter(made_by=user).select_related("account")):
        yield {
            "organization": one.account.name,
            **fields(one, "email", "role", "created_at", "expires_at", "accepted_at", "revoked_at"),
        }


PARTS: tuple[Part, ...] = (
    Part("ledger", _ledger),
    Part("purchases", _purchases),
    Part("predictions", _predictions),
    Part("items", _items),
    Part("collections", _collections),
    Part("share-links", _shares),
    Part("uploads", _uploads),
    Part("api-tokens", _tokens),
    Part("sign-ins", _sign_ins),
    Part("comments", _comments),
    Part("likes", _likes),
    Part("follows", _follows),
    Part("presets", _presets),
    Part("reports", _reports),
    Part("decisions", _decisions),
    Part("notices", _notices),
    Part("webhooks", _webhooks),
    Part("invitations", _invitations),
)


def file_name(item: Item) -> str:
    """Where a picture lies in the archive."""
    extension = item.output.file.key.rpartition(".")[2]
    return f"pictures/{item.created_at:%Y-%m}/{item.created_at:%Y-%m-%d}-{item.public_id}.{extension}"


def upload_name(upload: Upload) -> str:
    """Where a file that was sent lies in the archive: by its id alone, since its name is the sender's."""
    return f"uploads/{upload.public_id}.bin"


def files(user: User, account: Account) -> Iterator[tuple[str, StoredFile]]:
    """Every file and its name in the archive."""
    for item in _each(Item.objects.filter(account=account, user=user).select_related("output__file")):
        yield file_name(item), item.output.file
    for upload in _each(
        Upload.objects.filter(account=account, user=user, deleted_at__isnull=True).select_related("file")
    ):
        yield upload_name(upload), upload.file


def count(user: User, account: Account) -> int:
    """How many files there are."""
    items = Item.objects.filter(account=account, user=user).count()
    return items + Upload.objects.filter(account=account, user=user, deleted_at__isnull=True).count()


def size(user: User, account: Account) -> int:
    """Bytes of all files together."""
    items = Item.objects.filter(account=account, user=user).aggregate(s=Sum("output__file__size"))["s"]
    sent = Upload.objects.filter(account=account, user=user, deleted_at__isnull=True)
    return int(items or 0) + int(sent.aggregate(s=Sum("file__size"))["s"] or 0)

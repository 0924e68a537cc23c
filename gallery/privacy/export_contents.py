"""Contents of a data export: all of a member's rows as JSON, by part, and their files. Rows are read in chunks.

Left out on purpose: what grants access (digests of passwords, tokens and links, two-factor secrets), and what
would identify others (who reported). A test lists every column left out, with its reason.
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
    """One JSON Lines file in the archive."""

    name: str
    rows: Rows


def stamp(at: datetime | None) -> str | None:
    """A time as RFC 3339 in UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at is not None else None


def _in_chunks(rows: QuerySet[Any]) -> Iterator[Any]:
    """By ascending primary key, in chunks: an export that takes hours must not hold one long read open."""
    ordered, last = rows.order_by("pk"), 0
    while True:
        chunk = list(ordered.filter(pk__gt=last)[:CHUNK])
        yield from chunk
        if len(chunk) < CHUNK:
            return
        last = chunk[-1].pk


def fields(row: Model, *names: str) -> Row:
    """Some of its columns, as JSON values."""
    return {name: _json_value(getattr(row, name)) for name in names}


def _json_value(value: Any) -> Any:
    return stamp(value) if isinstance(value, datetime) else value


def _ledger(user: User, account: Account) -> Iterator[Row]:
    for entry in _in_chunks(LedgerEntry.objects.filter(account=account)):
        yield fields(
            entry, "id", "kind", "reference", "balance_delta", "held_delta", "captured", "released",
            "balance_after", "held_after", "reason", "created_at",
        )  # fmt: skip


def _predictions(user: User, account: Account) -> Iterator[Row]:
    for prediction in _in_chunks(
        Prediction.objects.filter(account=account, user=user).select_related("model")
    ):
        values = fields(
            prediction, "public_id", "source", "input", "output", "error", "logs", "metrics", "charge", "data_removed",
            "webhook", "batch", "made_from", "made_how", "deployment", "created_at", "started_at", "completed_at",
        )  # fmt: skip
        yield {
            **values,
            "status": prediction.shown_status,
            "model": prediction.model.ref,
            "version": prediction.version_id,
        }


def _items(user: User, account: Account) -> Iterator[Row]:
    rows = Item.objects.filter(account=account, user=user).select_related(
        "model", "output__prediction", "output__file"
    )
    for item in _in_chunks(rows):
        values = fields(
            item, "public_id", "title", "prompt", "show_prompt", "sensitive", "licence", "width", "height",
            "visibility", "published_at", "hidden_at", "hidden_reason", "trashed_at", "likes", "comments", "created_at",
        )  # fmt: skip
        yield {
            **values,
            "model": item.model.ref,
            "prediction": item.output.prediction.public_id,
            "tags": item_tags.for_item(item),
            "file": file_name(item),
            "sha256": item.output.file.sha256,
        }


def _collections(user: User, account: Account) -> Iterator[Row]:
    for collection in _in_chunks(Collection.objects.filter(account=account, user=user)):
        entries = collection.entries.select_related("item").order_by("place", "pk")
        yield {
            **fields(
                collection, "public_id", "title", "description", "visibility", "published_at", "hidden_at",
                "hidden_reason", "created_at",
            ),
            "items": [entry.item.public_id for entry in entries],
        }  # fmt: skip
    for editor in _in_chunks(CollectionEditor.objects.filter(user=user).select_related("collection")):
        # Somebody else's collection: no more than the fact that they edit it.
        yield {"helps_with": editor.collection.public_id, **fields(editor, "created_at")}


def _shares(user: User, account: Account) -> Iterator[Row]:
    rows = ShareLink.objects.filter(created_by=user).select_related("item", "collection")
    for link in _in_chunks(rows):
        yield {
            "item": link.item.public_id if link.item is not None else None,
            "collection": link.collection.public_id if link.collection is not None else None,
            **fields(
                link, "show_prompt", "allow_download", "views", "created_at", "expires_at", "withdrawn_at"
            ),
        }


def _tokens(user: User, account: Account) -> Iterator[Row]:
    for token in _in_chunks(ApiToken.objects.filter(user=user)):
        yield fields(
            token, "name", "prefix", "scopes", "allowed_models", "networks", "day_limit", "month_limit",
            "total_limit", "creates_per_minute", "in_flight_limit", "created_at", "expires_at", "last_used_at",
            "revoked_at",
        )  # fmt: skip


def _sign_ins(user: User, account: Account) -> Iterator[Row]:
    for sign_in in _in_chunks(SignIn.objects.filter(user=user)):
        yield fields(sign_in, "at", "succeeded", "how", "network", "browser")


def _comments(user: User, account: Account) -> Iterator[Row]:
    for comment in _in_chunks(Comment.objects.filter(user=user).select_related("item")):
        yield {
            "item": comment.item.public_id,
            **fields(comment, "text", "created_at", "removed_at", "hidden_at"),
        }


def _likes(user: User, account: Account) -> Iterator[Row]:
    for like in _in_chunks(Like.objects.filter(user=user).select_related("item")):
        yield {"item": like.item.public_id, **fields(like, "created_at")}


def _follows(user: User, account: Account) -> Iterator[Row]:
    for follow in _in_chunks(
        Follow.objects.filter(Q(follower=user) | Q(followed=user)).select_related("follower", "followed")
    ):
        yield {
            "follower": follow.follower.username,
            "followed": follow.followed.username,
            **fields(follow, "created_at"),
        }


def _reports(user: User, account: Account) -> Iterator[Row]:
    rows = Report.objects.filter(reporter=user).select_related("item", "collection", "comment__item")
    for report in _in_chunks(rows):
        item = report.item or (report.comment.item if report.comment is not None else None)
        yield {
            "item": item.public_id if item is not None else None,
            "collection": report.collection.public_id if report.collection is not None else None,
            **fields(report, "reason", "words", "created_at", "closed_at"),
        }


def _decisions(user: User, account: Account) -> Iterator[Row]:
    # Decisions about the member with the reason they read; not who reported them, nor the note for staff.
    for case in _in_chunks(Case.objects.filter(user=user)):
        words = case.words if case.kind == Case.Kind.APPEAL else ""
        values = fields(case, "kind", "about", "decision", "told", "opened_at", "decided_at")
        yield {"case": case.pk, **values, "words": words}
    for sanction in _in_chunks(Sanction.objects.filter(user=user)):
        yield {
            "sanction": sanction.kind,
            **fields(sanction, "reason", "created_at", "until", "lifted_at", "lift_reason"),
        }


def _notices(user: User, account: Account) -> Iterator[Row]:
    for notice in _in_chunks(Notice.objects.filter(user=user)):
        yield {
            "text": notice_text.in_language(notice, user.language).line,
            **fields(notice, "kind", "params", "link", "created_at", "read_at", "mailed_at"),
        }


def _presets(user: User, account: Account) -> Iterator[Row]:
    for preset in _in_chunks(Preset.objects.filter(user=user).select_related("model")):
        yield {"model": preset.model.ref, **fields(preset, "name", "values", "created_at")}


def _purchases(user: User, account: Account) -> Iterator[Row]:
    for purchase in _in_chunks(Purchase.objects.filter(account=account)):
        yield {
            "purchase": purchase.reference,
            **fields(
                purchase,
                "credits",
                "price",
                "currency",
                "provider",
                "status",
                "refunded",
                "created_at",
                "paid_at",
            ),
        }
    for redemption in _in_chunks(Redemption.objects.filter(account=account).select_related("code")):
        yield {"redeemed": f"…{redemption.code.hint}", **fields(redemption, "created_at")}
    gifts = Gift.objects.filter(Q(giver=account) | Q(receiver=account)).select_related("giver", "receiver")
    for gift in _in_chunks(gifts):
        yield {
            "gift": gift.reference,
            "from": gift.giver.name,
            "to": gift.receiver.name,
            **fields(gift, "amount", "words", "created_at"),
        }


def _uploads(user: User, account: Account) -> Iterator[Row]:
    for upload in _in_chunks(Upload.objects.filter(account=account, user=user).select_related("file")):
        values = fields(
            upload, "public_id", "name", "content_type", "metadata", "created_at", "expires_at", "deleted_at"
        )
        yield {**values, "file": upload_name(upload), "sha256": upload.file.sha256}


_DELIVERY_FIELDS = (
    "event", "message_id", "state", "attempts", "answer_code", "answer_note", "created_at", "delivered_at",
)  # fmt: skip
"""Fields of a webhook delivery."""


def _webhooks(user: User, account: Account) -> Iterator[Row]:
    # The payload is the prediction, which predictions.jsonl has: it is not repeated for each delivery.
    rows = Delivery.objects.filter(account=account).select_related("prediction")
    for delivery in _in_chunks(
        rows.only("url", *_DELIVERY_FIELDS, "prediction__public_id", "prediction__webhook")
    ):
        yield {
            "prediction": delivery.prediction.public_id if delivery.prediction is not None else None,
            "to": delivery.url or (delivery.prediction.webhook if delivery.prediction is not None else ""),
            **fields(delivery, *_DELIVERY_FIELDS),
        }


def _invitations(user: User, account: Account) -> Iterator[Row]:
    for invitation in _in_chunks(
        OrganizationInvitation.objects.filter(made_by=user).select_related("account")
    ):
        yield {
            "organization": invitation.account.name,
            **fields(invitation, "email", "role", "created_at", "expires_at", "accepted_at", "revoked_at"),
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
    """The path of an item's file in the archive."""
    extension = item.output.file.key.rpartition(".")[2]
    return f"pictures/{item.created_at:%Y-%m}/{item.created_at:%Y-%m-%d}-{item.public_id}.{extension}"


def upload_name(upload: Upload) -> str:
    """The path of an upload in the archive: by id alone, since its name is the sender's."""
    return f"uploads/{upload.public_id}.bin"


def files(user: User, account: Account) -> Iterator[tuple[str, StoredFile]]:
    """Every file with its path in the archive."""
    for item in _in_chunks(Item.objects.filter(account=account, user=user).select_related("output__file")):
        yield file_name(item), item.output.file
    for upload in _in_chunks(
        Upload.objects.filter(account=account, user=user, deleted_at__isnull=True).select_related("file")
    ):
        yield upload_name(upload), upload.file


def count(user: User, account: Account) -> int:
    """The number of files."""
    items = Item.objects.filter(account=account, user=user).count()
    return items + Upload.objects.filter(account=account, user=user, deleted_at__isnull=True).count()


def size(user: User, account: Account) -> int:
    """Bytes of all files together."""
    items = Item.objects.filter(account=account, user=user).aggregate(s=Sum("output__file__size"))["s"]
    uploads = Upload.objects.filter(account=account, user=user, deleted_at__isnull=True)
    return int(items or 0) + int(uploads.aggregate(s=Sum("file__size"))["s"] or 0)

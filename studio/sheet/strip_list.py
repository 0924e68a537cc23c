"""The sheet: an account's predictions as strips of frames, one strip per submit, newest first.

A submit that requested one prediction is a `Batch`; one with several (prompts, seeds) is a `Group` of them.
Both are found by their first prediction, so that a page of the sheet is a range of one index.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from django.db.models import Exists, OuterRef, Q

from accounts.models import Account, User
from core import pagination
from gallery.items import access
from gallery.models import Item, Like, ReaderChoice
from predictions.dispatch import queue_position
from predictions.lifecycle import previews
from predictions.models import Phase, Prediction, Status
from predictions.models.prediction import PredictionQuerySet
from studio.sheet import failure_messages, frame_states
from studio.sheet.frame_states import requested_ratio
from studio.sheet.strips import Batch, Group, Member, Part

__all__ = [
    "PAGE_SIZE",
    "Batch",
    "Group",
    "Sheet",
    "any_live",
    "find_strips",
    "page",
    "recent",
    "requested_ratio",
]

PAGE_SIZE = 12
"""Strips per page of the sheet."""
MAX_POSITIONS = 4
"""Waiting predictions whose queue position is computed; each costs a few queries."""
COLLAPSED_FRAMES = 4
"""Frames shown of an ended group until it is opened."""
MAX_OPEN = 96
"""Predictions of live groups shown on one page; further groups stay collapsed."""
IN_BATCH = ~Q(batch="")
"""Required in every query by batch, since the partial index leaves empty ones out."""
Strip = Batch | Group


@dataclass(frozen=True)
class Sheet:
    """One page of strips, newest first, and the cursor of older ones (empty at the end)."""

    strips: list[Strip] = field(default_factory=list)
    older: str = ""

    @property
    def live(self) -> bool:
        """Whether anything on it still changes."""
        return any_live(self.strips)


def page(account: Account, after: str = "", *, user: User | None = None) -> Sheet:
    """The strips after a cursor; an invalid cursor starts at the beginning. `user`: whose likes and preferences
    apply."""
    heads = pagination.page_or_newest(_heads(account), "created_at", PAGE_SIZE, after)
    return Sheet(_strips(account, heads.rows, user), heads.next)


def recent(account: Account, user: User | None = None) -> list[Strip]:
    """The newest strips of an account, newest first."""
    return page(account, user=user).strips


def find_group(account: Account, batch: str, *, user: User | None = None) -> Group | None:
    """A group of the account with all its frames; None where there is none with that id."""
    head = _rows(account).filter(IN_BATCH, batch=batch).order_by("id").first() if batch else None
    if head is None:
        return None
    (strip,) = _strips(account, [head], user, opened={batch})
    return strip if isinstance(strip, Group) else None


def find_strips(
    account: Account, ids: Sequence[str], *, fresh: bool = False, user: User | None = None
) -> list[Strip]:
    """The strips with these ids, newest first; unknown and others' ids are left out.

    The id of a prediction gives its strip, or its part of a group; the id of a group gives the group's head
    alone.
    """
    rows = list(_rows(account).filter(public_id__in=ids).order_by("-created_at", "-id"))
    members = _members(account, {row.batch for row in rows if row.batch} | set(ids))
    found: list[Strip] = list(_batches(rows, members, user, fresh))
    group_ids = [batch for batch in members if batch in set(ids)]
    if group_ids:
        firsts = {
            row.batch: row
            for row in _rows(account).filter(pk__in=[members[batch][0].pk for batch in group_ids])
        }
        item_counts = _item_counts(account, group_ids)
        found += [Group(firsts[batch], members[batch], item_counts.get(batch, 0)) for batch in group_ids]
    return found


def any_live(strips: Iterable[Strip]) -> bool:
    """Whether any of them still changes."""
    return any(strip.live for strip in strips)


def _rows(account: Account) -> PredictionQuerySet:
    rows = Prediction.objects.owned_by(account).select_related("model", "version")
    return rows.defer("result", "metrics", "version__example_input", "version__source")


def _heads(account: Account) -> PredictionQuerySet:
    """The first prediction of each submit."""
    before = Prediction.objects.filter(
        IN_BATCH, account=OuterRef("account"), batch=OuterRef("batch"), id__lt=OuterRef("pk")
    )
    return _rows(account).filter(Q(batch="") | ~Exists(before))


def _members(account: Account, batches: Collection[str]) -> dict[str, list[Member]]:
    """All predictions of each of these groups, in order."""
    ids = [batch for batch in batches if batch]
    found: dict[str, list[Member]] = {}
    if ids:
        # Sorted here: with ORDER BY, SQLite would read all of the account's predictions.
        rows = Prediction.objects.owned_by(account).filter(IN_BATCH, batch__in=ids).order_by()
        for batch, *values in rows.values_list("batch", *Member.COLUMNS):
            found.setdefault(batch, []).append(Member(*values))
    for members in found.values():
        members.sort(key=lambda member: member.pk)
    return found


def _item_counts(account: Account, batches: Collection[str]) -> dict[str, int]:
    """The number of items each group has by now."""
    found: dict[str, int] = {}
    rows = Prediction.objects.filter(IN_BATCH, account=account, batch__in=batches)
    items = Item.objects.filter(output__prediction__in=rows)
    for batch in items.order_by().values_list("output__prediction__batch", flat=True):
        found[batch] = found.get(batch, 0) + 1
    return found


def _strips(
    account: Account, heads: list[Prediction], user: User | None, opened: Collection[str] = ()
) -> list[Strip]:
    members = _members(account, {head.batch for head in heads if head.batch})
    shown = {batch: _visible(rows, batch in opened) for batch, rows in members.items()}
    budget = MAX_OPEN
    for batch in (head.batch for head in heads if head.batch in members):
        rows = members[batch]
        if batch not in opened and any(row.live for row in rows) and len(rows) <= budget:
            budget -= len(rows)
            shown[batch] = rows
    head_pks = {head.pk for head in heads}
    other_pks = [row.pk for rows in shown.values() for row in rows if row.pk not in head_pks]
    other_rows = list(_rows(account).filter(pk__in=other_pks)) if other_pks else []
    visible_pks = {row.pk for rows in shown.values() for row in rows} | {
        prediction.pk for prediction in heads if not prediction.batch
    }
    visible = [prediction for prediction in [*heads, *other_rows] if prediction.pk in visible_pks]
    built = {prediction.prediction.pk: prediction for prediction in _batches(visible, members, user)}
    item_counts = _item_counts(account, members) if members else {}
    return [
        Group(
            head,
            members[head.batch],
            item_counts.get(head.batch, 0),
            [built[row.pk] for row in shown[head.batch]],
        )
        if head.batch in members
        else built[head.pk]
        for head in heads
    ]


def _visible(rows: list[Member], opened: bool) -> list[Member]:
    return rows if opened else rows[:COLLAPSED_FRAMES]


def _batches(
    predictions: list[Prediction],
    members: dict[str, list[Member]],
    user: User | None,
    fresh: bool = False,
) -> list[Batch]:
    """Each prediction with its frames, in the order given."""
    items = _items(predictions)
    context = _frame_context(predictions, items, user)
    elsewhere = failure_messages.would_move(
        [prediction for prediction in predictions if prediction.status == Status.FAILED]
    )
    places = _places(predictions)
    return [
        _batch(
            prediction,
            members,
            items.get(prediction.pk, []),
            context,
            places.get(prediction.pk),
            prediction.pk in elsewhere,
            fresh,
        )
        for prediction in predictions
    ]


def _batch(
    prediction: Prediction,
    members: dict[str, list[Member]],
    items: list[Item],
    context: frame_states.FrameContext,
    place: queue_position.QueuePosition | None,
    elsewhere: bool,
    fresh: bool,
) -> Batch:
    part, before = None, 0
    if prediction.batch in members:
        part = Part(prediction.batch, [row.pk for row in members[prediction.batch]].index(prediction.pk))
        before = part.index * frame_states.requested_count(prediction)
    frames = frame_states.for_prediction(prediction, items, context, before)
    return Batch(prediction, frames, place, items, fresh, part, elsewhere)


def _items(predictions: list[Prediction]) -> dict[int, list[Item]]:
    items: dict[int, list[Item]] = {}
    ended = [prediction.pk for prediction in predictions if prediction.status == Status.SUCCEEDED]
    rows = access.with_files(Item.objects.filter(output__prediction_id__in=ended)) if ended else ()
    for item in rows:
        items.setdefault(item.output.prediction_id, []).append(item)
    for group_ in items.values():
        group_.sort(key=lambda item: item.output.index)
    return items


def _frame_context(
    predictions: list[Prediction], items: dict[int, list[Item]], user: User | None
) -> frame_states.FrameContext:
    numbers = previews.numbers_of(
        [prediction.pk for prediction in predictions if frame_states.is_developing(prediction)]
    )
    all_items = [item for group_ in items.values() for item in group_]
    liked, veil = frozenset[int](), True
    if user is not None and all_items:
        liked = frozenset(
            Like.objects.filter(user=user, item__in=all_items).values_list("item_id", flat=True)
        )
    if user is not None and any(item.sensitive for item in all_items):
        unblurred = ReaderChoice.objects.filter(user=user, sensitive=ReaderChoice.Sensitive.SHOW)
        veil = not unblurred.exists()
    return frame_states.FrameContext(numbers, liked, veil)


def _places(predictions: list[Prediction]) -> dict[int, queue_position.QueuePosition | None]:
    """The queue positions of those that have waited longest."""
    waiting = [prediction for prediction in predictions if prediction.phase == Phase.WAITING]
    waiting.sort(key=lambda prediction: (prediction.created_at, prediction.pk))
    return {
        prediction.pk: queue_position.queue_position(prediction) for prediction in waiting[:MAX_POSITIONS]
    }

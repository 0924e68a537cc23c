"""Demo activity in the gallery: items published, liked and commented; members followed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

from accounts.models import Announcement, User
from config.demo.event_queue import EventQueue
from gallery.items import publication
from gallery.models import Item
from gallery.social import discussion, follows, interaction_limits, likes

_PUBLISHED_SHARE = 0.24
_COMMENTS = (
    "The light in this one.", "How did you get the reflections so calm?", "Would hang this.", "Which steps?",
    "这张的光线太美了", "想知道用了什么提示词", "收藏了，谢谢分享", "The second one of the series is even better.",
    "颜色搭配很舒服", "Lovely mood.",
)  # fmt: skip


def publish(events: EventQueue, rng: random.Random, items: Sequence[Item]) -> list[tuple[datetime, Item]]:
    """Have some of the items published, an hour or a day after they were made; those, with the times."""
    published = []
    for item in items:
        at = item.created_at + timedelta(minutes=rng.expovariate(1 / 300))
        if rng.random() < _PUBLISHED_SHARE and at < events.end:
            title = item.prompt[:60].split(",")[0] if rng.random() < 0.4 else ""
            events.at(at, partial(publication.publish, item, title=title, reviewed=True))
            published.append((at, item))
    return published


def react(
    events: EventQueue,
    rng: random.Random,
    published: Sequence[tuple[datetime, Item]],
    users: Sequence[User],
    count: int,
) -> None:
    """Have published items liked and commented; a few items get most of it."""
    weights = [rng.paretovariate(1.1) for _ in published]
    for at, item in rng.choices(published, weights, k=count):
        events.at(at + timedelta(hours=rng.expovariate(1 / 30)), partial(_like, item, rng.choice(users)))
    for at, item in rng.choices(published, weights, k=count // 6):
        text = rng.choice(_COMMENTS)
        later = at + timedelta(hours=rng.expovariate(1 / 20))
        events.at(later, partial(_comment, item, rng.choice(users), text))


def _like(item: Item, user: User) -> None:
    with suppress(interaction_limits.TooMany):
        likes.set_liked(item, user, True)


def _comment(item: Item, user: User, text: str) -> None:
    with suppress(interaction_limits.TooMany, discussion.DuplicateComment):
        discussion.write(item, user, text)


def follow(rng: random.Random, users: Sequence[User]) -> None:
    """Members follow each other."""
    for follower, followed in {tuple(rng.sample(range(len(users)), 2)) for _ in users}:
        with suppress(interaction_limits.TooMany):
            follows.set_following(users[follower], users[followed], True)


def settle(first_item: int) -> None:
    """What background jobs would do for long: old likes leave the week's list.

    Of items from that primary key on no published copies are made: a server would do nothing else for an hour.
    """
    while likes.expire():
        pass
    Item.objects.filter(pk__gte=first_item, rendition_owed=True).update(rendition_owed=False)


def announce() -> None:
    """One line on top of the pages: that all this is made."""
    Announcement.objects.create(
        text_en="This house is filled with made-up data, to be looked at.",
        text_zh="本站充满了虚构的数据，仅供参观。",
        tone=Announcement.Tone.NEWS,
    )

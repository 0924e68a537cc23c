"""Fill a database with a large gallery: `python -m benchmarks.parts.million --items N` in its environment.

Everything that a list, a search or a page reads is there: four items a prediction, three files each, words in the
search index as the index itself would write them, tags, likes, follows, a collection, share links. The rows are written
by the million, past the application's own functions, with indexes made afterwards. The member `bench` owns one item of
a hundred.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.parts.settings")

MEMBERS, TAGS, MODELS = 2_000, 1_000, 8
MINE = 100
"""Every so many items are those of `bench`, the first member."""
PRIVATE, SENSITIVE, LIKED = 0.1, 0.03, 0.05
FOLLOWED = 50
IN_COLLECTION = 200
LIKES = 3_000
APART_S = 10
"""Seconds between two items."""
CHUNK = 10_000
_BLUR = "data:image/webp;base64," + "UklGRkgAAABXRUJQVlA4IDwAAADQAQCdASoQAAsAAUAmJaQAA3AA" + "A" * 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    given = parser.parse_args()
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    started = time.monotonic()
    fill(given.items)
    sys.stderr.write(f"{given.items:,} items in {time.monotonic() - started:.0f} s\n")


def fill(items: int) -> None:
    """Make all rows."""
    from benchmarks.parts.bulk import Bulk
    from predictions.catalogue import loader

    loader.load()
    with Bulk() as bulk:
        members = people()
        made = models()
        for table in ("predictions_prediction", "predictions_storedfile", "predictions_output", "gallery_item",
                      "gallery_itemtag", "gallery_like", "gallery_searchrow"):  # fmt: skip
            bulk.without_indexes(table)
        ground(bulk, items, members, made)
        tags(bulk)
        for chunk in Crowd(bulk.stamp, members, made).chunks(items):
            bulk.items(chunk)
        around(bulk, items, members)
        bulk.finish()


def people() -> list[tuple[int, int]]:
    """The members, as pairs of account and user; `bench` is the first and can sign in."""
    from accounts.models import Account, Membership, User

    bench = User.objects.create_user("bench", "bench@example.org", "correct horse")
    names = [f"member{number}" for number in range(1, MEMBERS)]
    accounts = Account.objects.bulk_create(Account(name=name) for name in names)
    users = User.objects.bulk_create(
        User(username=name, email=f"{name}@example.org", account=account, display_name=name.title())
        for name, account in zip(names, accounts, strict=True)
    )
    Membership.objects.bulk_create(
        Membership(account=account, user=user, role=Membership.Role.OWNER)
        for account, user in zip(accounts, users, strict=True)
    )
    assert bench.account_id
    return [(bench.account_id, bench.pk), *((user.account_id or 0, user.pk) for user in users)]


@dataclass(frozen=True)
class Made:
    """A model of the catalogue, with what a prediction of it needs."""

    model: int
    ref: str
    version: str
    price: int


def models() -> list[Made]:
    """Some models of the catalogue."""
    from predictions.models import HostedModel, Price, Version

    found = []
    for model in HostedModel.objects.order_by("pk"):
        version = Version.objects.filter(model=model).first()
        price = Price.objects.filter(model=model).first()
        if version and price:
            found.append(Made(model.pk, f"{model.owner} {model.name}", version.pk, price.pk))
    return found[:MODELS]


def ground(bulk: Any, items: int, members: list[tuple[int, int]], made: list[Made]) -> None:
    """Predictions, files and outputs: what the items stand on, computed by the database from its own numbers."""
    from django.utils import timezone

    from predictions.models import Output, Phase, Prediction, Status, StoredFile

    now = timezone.now()
    account, user = members[0]
    one = Prediction(
        account_id=account, user_id=user, model_id=made[0].model, version_id=made[0].version, price_id=made[0].price,
        input={"prompt": "a lighthouse", "seed": 1}, status=Status.SUCCEEDED, phase=Phase.ENDED, ceiling=1000,
        charge=1000, created_at=now, started_at=now, completed_at=now, must_end_by=now, metrics={"predict_time": 2.5},
    )  # fmt: skip
    bulk.series(one, -(-items // 4), {"id": "n", "public_id": "'bench' || n", "stream_token": "'bench' || n"})
    file = StoredFile(state="kept", content_type="image/webp", size=9_000, created_at=now)
    side = "CASE WHEN n % 3 = 1 THEN {0} WHEN n % 3 = 2 THEN {1} ELSE {2} END"
    columns = {"width": side.format(1024, 320, 640), "height": side.format(768, 240, 480)}
    bulk.series(file, 3 * items, {"id": "n", "key": "'bench/' || n || '.webp'", **columns})
    output = Output(name="out.webp", colour="#345678", blur=_BLUR, created_at=now)
    bulk.series(
        output,
        items,
        {
            "id": "n", "prediction_id": "(n - 1) / 4 + 1", '"index"': "(n - 1) % 4", "token": "'bench' || n",
            "file_id": "3 * n - 2", "small_id": "3 * n - 1", "medium_id": "3 * n",
        },
    )  # fmt: skip


def tags(bulk: Any) -> None:
    """The words to file under."""
    from gallery.models import Tag

    Tag.objects.bulk_create(Tag(name=f"tag{number}") for number in range(TAGS))


@dataclass
class Chunk:
    """Some items with what is kept beside each of them: tags, and row, place and words (own, public) of the search."""

    items: list[tuple[Any, ...]]
    tags: list[tuple[Any, ...]]
    search: list[tuple[int, int | None, list[str], list[str]]]


class Crowd:
    """Who made what, when, in which words: drawn from a seed."""

    def __init__(self, stamp: Any, members: list[tuple[int, int]], made: list[Made]) -> None:
        from benchmarks.parts.prompts import prompts
        from gallery.models import Tag
        from gallery.search import lexemes

        self.stamp, self.members, self.made = stamp, members, made
        self.dice = random.Random(11)
        self.prompts = [(text, lexemes.index_words([text])) for text in prompts()]
        self.tags = [(tag.pk, lexemes.index_words([tag.name])) for tag in Tag.objects.order_by("pk")]
        self.tag_weights = [1 / (rank + 3) for rank in range(len(self.tags))]
        self.model_words = [lexemes.index_words([one.ref]) for one in made]

    def chunks(self, items: int) -> Iterator[Chunk]:
        from benchmarks.parts.prompts import RARE, RARE_ITEMS

        step = max(1, items // RARE_ITEMS)
        for first in range(1, items + 1, CHUNK):
            chunk = Chunk([], [], [])
            for number in range(first, min(first + CHUNK, items + 1)):
                rare = list(RARE.values()) if number % step == step // 2 else []
                self._add(chunk, number, items, rare)
            yield chunk

    def _add(self, chunk: Chunk, number: int, items: int, rare: list[str]) -> None:
        from gallery.search.indexer import place_of
        from gallery.search.lexemes import account_term

        dice = self.dice
        member = 0 if number % MINE == 0 else min(int(dice.expovariate(1 / 300)) + 1, MEMBERS - 1)
        account, user = self.members[member]
        which = min(int(dice.expovariate(0.7)), len(self.made) - 1)
        text, kept = self.prompts[dice.randrange(len(self.prompts))]
        said = [*kept, *rare]
        public = dice.random() >= PRIVATE
        made_at = self.stamp(number * APART_S)
        published = self.stamp(number * APART_S + 5) if public else None
        recent = int(dice.expovariate(0.3)) if public and dice.random() < LIKED and number > items // 2 else 0
        sensitive = dice.random() < SENSITIVE
        chunk.items.append((
            number, f"bench{number:017d}", number, account, user, self.made[which].model, " ".join([text, *rare]),
            sensitive, "public" if public else "private", published[0] if published else None, made_at[0],
            recent * 2, recent,
        ))  # fmt: skip
        tagged: list[str] = []
        for place, tag in enumerate(self._some_tags() if published else []):
            pk, tag_words = self.tags[tag]
            chunk.tags.append((number, pk, place, published[0] if published else None))
            tagged += tag_words
        own = list(dict.fromkeys([account_term(account).word, *tagged, *said, *self.model_words[which]]))
        place = place_of(published[1], number) if published else None
        chunk.search.append((number, place, own, list(dict.fromkeys([*tagged, *said])) if published else []))

    def _some_tags(self) -> list[int]:
        many = self.dice.randrange(4)
        return list(dict.fromkeys(self.dice.choices(range(len(self.tags)), self.tag_weights, k=many)))


def around(bulk: Any, items: int, members: list[tuple[int, int]]) -> None:
    """What the member `bench` did: likes, follows, a collection, links."""
    from gallery.models import Collection, CollectionItem, Follow, Item, Like, ShareLink

    account, user = members[0]
    dice = random.Random(13)
    Follow.objects.bulk_create(
        Follow(follower_id=user, followed_id=other) for _account, other in members[1 : FOLLOWED + 1]
    )
    liked = dice.sample(range(1, items + 1), min(LIKES, items // 4))
    own = range(MINE, items + 1, 2 * MINE)
    Like.objects.bulk_create(Like(item_id=item, user_id=user) for item in {*liked, *own})
    shelf = Collection.objects.create(account_id=account, user_id=user, title="A shelf")
    mine = list(Item.objects.filter(user_id=user).values_list("pk", flat=True)[:IN_COLLECTION])
    CollectionItem.objects.bulk_create(
        CollectionItem(collection=shelf, item_id=item, place=1000 * place, added_by_id=user)
        for place, item in enumerate(mine)
    )
    ShareLink.objects.bulk_create(ShareLink(item_id=item, created_by_id=user) for item in mine[:50])


if __name__ == "__main__":
    main()

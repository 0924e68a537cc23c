"""Demo data: the gallery's items, likes, comments and follows."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from accounts.models import Announcement, User
from config.demo.prediction_history import Made
from gallery.models import Comment, Follow, Item, Like
from predictions.models import Output

_COMMENTS = (
    "The light in this one.", "How did you get the reflections so calm?", "Would hang this.", "Which steps?",
    "这张的光线太美了", "想知道用了什么提示词", "收藏了，谢谢分享", "The second one of the series is even better.",
    "颜色搭配很舒服", "Lovely mood.",
)  # fmt: skip


def items(done: Sequence[tuple[Made, list[Output]]], rng: random.Random, *, share: float) -> list[Item]:
    """An item for every output; some of them published an hour or a day after they were made."""
    rows = []
    now = timezone.now()
    for made, outputs in done:
        for output, picture in zip(outputs, made.pictures, strict=True):
            item = Item(
                output=output,
                account_id=made.account.pk,
                user=made.user,
                model_id=made.version.model_id,
                prompt=picture.prompt,
                width=picture.files[0][3],
                height=picture.files[0][4],
                created_at=made.completed_at,
            )
            published = made.completed_at + timedelta(minutes=rng.expovariate(1 / 300))
            if rng.random() < share and published < now:
                item.visibility, item.published_at = Item.Visibility.PUBLIC, published
                item.title = picture.prompt[:60].split(",")[0] if rng.random() < 0.4 else ""
            rows.append(item)
    return Item.objects.bulk_create(rows, batch_size=500)


def liked(rng: random.Random, shown: Sequence[Item], users: Sequence[User], many: int) -> None:
    """Likes, comments and follows; the counts on the items are theirs."""
    now = timezone.now()
    likes: dict[tuple[int, int], Like] = {}
    weights = [rng.paretovariate(1.1) for _ in shown]
    for item in rng.choices(shown, weights, k=many):
        user = rng.choice(users)
        at = min(now, (item.published_at or now) + timedelta(hours=rng.expovariate(1 / 30)))
        recent = at > now - timedelta(days=7)
        likes[(item.pk, user.pk)] = Like(item=item, user=user, created_at=at, recent=recent)
    comments = [
        Comment(item=item, user=rng.choice(users), text=rng.choice(_COMMENTS),
                created_at=min(now, (item.published_at or now) + timedelta(hours=rng.expovariate(1 / 20))))
        for item in rng.choices(shown, weights, k=many // 6)
    ]  # fmt: skip
    pairs = {tuple(rng.sample(range(len(users)), 2)) for _ in range(len(users))}
    with transaction.atomic():
        Like.objects.bulk_create(likes.values(), batch_size=500)
        Comment.objects.bulk_create(comments, batch_size=500)
        Follow.objects.bulk_create(Follow(follower=users[one], followed=users[other]) for one, other in pairs)
        counted = Item.objects.filter(
            pk__in={item for item, _user in likes} | {one.item_id for one in comments}
        )
        for item in counted.annotate(
            n_likes=Count("liked", distinct=True),
            n_recent=Count("liked", filter=Q(liked__recent=True), distinct=True),
            n_comments=Count("comment_rows", distinct=True),
        ):
            Item.objects.filter(pk=item.pk).update(
                likes=item.n_likes, recent_likes=item.n_recent, comments=item.n_comments
            )


def announce() -> None:
    """One line on top of the pages: that all this is made."""
    Announcement.objects.create(
        text_en="This house is filled with made-up data, to be looked at.",
        text_zh="本站充满了虚构的数据，仅供参观。",
        tone=Announcement.Tone.NEWS,
    )

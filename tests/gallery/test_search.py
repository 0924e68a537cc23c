"""Search: what is found by which words, by whom, and in which order; in English and Chinese, on each database."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from gallery.models import Item, ItemTag, Tag
from gallery.search import finding, indexing, words
from predictions.models import Status
from tests import factories


def made(
    user: User, prompt: str = "", *, public: bool = True, tags: tuple[str, ...] = (), **fields: Any
) -> Item:
    """An item with words, published unless said otherwise; not indexed yet."""
    if public:
        fields = {"visibility": "public", "published_at": timezone.now(), **fields}
    prediction = factories.make_prediction(user, status=Status.SUCCEEDED)
    output = factories.make_output(prediction, file=factories.make_stored_file(b"x"))
    item = factories.make_item(user, output, prompt=prompt, **fields)
    for position, name in enumerate(tags):
        tag = Tag.objects.get_or_create(name=name)[0]
        ItemTag.objects.create(item=item, tag=tag, position=position, listed_at=item.published_at)
    return item


def index() -> None:
    """Do all that the index owes."""
    while indexing.step():
        pass


def found(text: str, size: int = 50) -> list[Item]:
    """What everybody finds."""
    return finding.public_page(text, size, "", within=Item.objects.public()).rows


def found_by(user: User, text: str, size: int = 50) -> list[Item]:
    """What a member finds among the account's own."""
    account = factories.account_of(user)
    return finding.own_page(account, text, size, "", within=Item.objects.owned_by(account)).rows


LIGHTHOUSE = "A red Lighthouse at dusk, café terrace, 35mm; don't blur"
CAT = "一只小猫坐在屋顶上看月亮，赛博朋克风格 neon cat"


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        (LIGHTHOUSE, "lighthouse"),
        (LIGHTHOUSE, "LIGHTHOUSE red"),
        (LIGHTHOUSE, "red light"),
        (LIGHTHOUSE, "ligh"),
        (LIGHTHOUSE, "cafe"),
        (LIGHTHOUSE, "CAFÉ"),
        (LIGHTHOUSE, "35mm"),
        (LIGHTHOUSE, "dont"),
        (LIGHTHOUSE, "don\u2019t"),
        (LIGHTHOUSE, "ｒｅｄ　ｌｉｇｈｔｈｏｕｓｅ"),
        (LIGHTHOUSE, "light\u200bhouse"),
        (LIGHTHOUSE, "\u202ered\u202c"),
        (LIGHTHOUSE, "red-lighthouse"),
        (LIGHTHOUSE, '"red" (dusk'),
        (CAT, "小猫"),
        (CAT, "屋顶"),
        (CAT, "猫"),
        (CAT, "亮"),
        (CAT, "赛博朋克"),
        (CAT, "猫 cat"),
        (CAT, "小猫cat"),
        (CAT, "月亮，风格"),
        (CAT, "neon 屋顶"),
        ("夕陽の灯台とネコ", "灯台"),
        ("夕陽の灯台とネコ", "ﾈｺ"),
        ("붉은 등대와 고양이", "고양이"),
        ("붉은 등대와 고양이", "등대"),
        ("Красный маяк", "маяк"),
        ("लाल प्रकाशस्तंभ", "लाल"),
        ("منارة حمراء", "منارة"),
        ("ประภาคารสีแดง", "สีแดง"),
        ("a fox 🦊 in snow", "🦊"),
        ("a fox 🦊 in snow", "🦊 snow"),
        ("\U00020bb7野家", "\U00020bb7野"),
    ],
)  # fmt: skip
def test_a_published_picture_is_found_by(alice: User, prompt: str, text: str) -> None:
    item = made(alice, prompt)
    made(alice, "something else entirely, 完全不同")
    index()
    assert found(text) == [item]
    assert found_by(alice, text) == [item]


@pytest.mark.parametrize(
    "text",
    ["house", "lighthouses", "blue lighthouse", "lig dusk", "猫狗", "屋猫", "狗", "cat lighthouse", "r", "d"],
)
def test_a_picture_is_not_found_by(alice: User, text: str) -> None:
    made(alice, LIGHTHOUSE)
    made(alice, CAT)
    index()
    assert found(text) == []
    assert found_by(alice, text) == []


HOSTILE = [
    "", " ", "\x00", "a\x00b", '"', '""', '"""', "'", "''", "\\", "'\\", "*", "a*", "-a", "^a", "a:b", "own_words:a",
    "AND", "OR", "NOT", "NEAR", "NEAR(a b, 2)", "a AND", "(a", "a)", "{a b}: c", "a + b", "a & | !b", "<->", ":*",
    "%", "%s", "%(a)s", "?", ";DROP TABLE gallery_item", "\ud800", "\udfff\ud800", "\ufeff", "\u202e", "\ue000" "1",
    "\U000e0001", "\U0010ffff", "\U0001f3f3\ufe0f\u200d\U0001f308", "\ufdfa" * 50, "e" + "\u0301" * 5000, "\u0301",
    "x" * 100_000, "猫" * 100_000, "a " * 50_000, "\n".join("\x00\"'*" * 10_000), "".join(map(chr, range(1, 256))),
    *("".join(chr(plane * 0x10000 + code) for code in range(0x20, 0x10000, 521)) for plane in range(17)),
]  # fmt: skip


def test_whatever_is_asked_is_answered(alice: User) -> None:
    item = made(alice, LIGHTHOUSE)
    index()
    for text in HOSTILE:
        assert set(found(text)) | set(found_by(alice, text)) <= {item}, text[:50]
        assert len(words.asked(text)) <= words.MOST_ASKED


def test_whatever_a_prompt_says_is_indexed(alice: User) -> None:
    # What a database cannot hold as text at all is refused before: lone surrogates, and NUL on PostgreSQL.
    texts = [text.encode("utf-8", "ignore").decode().replace("\x00", "") for text in HOSTILE]
    items = [
        made(alice, text + " lighthouse" if len(text) < 5000 else "lighthouse " + text) for text in texts
    ]
    index()
    assert set(found("lighthouse", 100)) == set(items)
    assert not Item.objects.filter(search_owed=True).exists()

"""Search: what is found by which words, by whom, and in which order; in English and Chinese, on each database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import User
from gallery import moderation
from gallery.items import deletion, publication
from gallery.models import Item, ItemTag, SearchRow, Tag
from gallery.search import backend, indexer, lexemes, postgres_backend, results, vocabulary
from predictions.models import Prediction, Status
from tests import factories
from tests.runner.sampling import one_in


def made(
    user: User, prompt: str = "", *, public: bool = True, tags: tuple[str, ...] = (), **fields: Any
) -> Item:
    """An item with words, published unless said otherwise; not indexed yet."""
    if public:
        fields = {"visibility": "public", "published_at": timezone.now(), **fields}
    prediction = Prediction.objects.filter(user=user).first()
    prediction = prediction or factories.make_prediction(user, status=Status.SUCCEEDED)
    output = factories.make_output(prediction, file=factories.make_stored_file(b"x"))
    item = factories.make_item(user, output, prompt=prompt, **fields)
    for position, name in enumerate(tags):
        tag = Tag.objects.get_or_create(name=name)[0]
        ItemTag.objects.create(item=item, tag=tag, position=position, listed_at=item.published_at)
    return item


def index() -> None:
    """Do all that the index owes."""
    while indexer.run_once():
        pass


def found(text: str, size: int = 50) -> list[Item]:
    """What everybody finds."""
    return results.public_page(text, size, "", within=Item.objects.public()).rows


def found_by(user: User, text: str, size: int = 50) -> list[Item]:
    """What a member finds among the account's own."""
    account = factories.account_of(user)
    return results.own_page(account, text, size, "", within=Item.objects.owned_by(account)).rows


LIGHTHOUSE = "A red Lighthouse at dusk, café terrace, 35mm; don't blur"
CAT = "一只小猫坐在屋顶上看月亮，赛博朋克风格 neon cat"


@pytest.mark.parametrize(
    ("prompt", "texts"),
    [
        (
            LIGHTHOUSE,
            (
                "lighthouse", "LIGHTHOUSE red", "red light", "ligh", "cafe", "CAFÉ", "35mm", "dont", "don\u2019t",
                "ｒｅｄ　ｌｉｇｈｔｈｏｕｓｅ", "light\u200bhouse", "\u202ered\u202c", "red-lighthouse", '"red" (dusk',
            ),
        ),
        (CAT, ("小猫", "屋顶", "猫", "亮", "赛博朋克", "猫 cat", "小猫cat", "月亮，风格", "neon 屋顶")),
        ("夕陽の灯台とネコ", ("灯台", "ﾈｺ")),
        ("붉은 등대와 고양이", ("고양이", "등대")),
        ("Красный маяк", ("маяк",)),
        ("लाल प्रकाशस्तंभ", ("लाल",)),
        ("منارة حمراء", ("منارة",)),
        ("ประภาคารสีแดง", ("สีแดง",)),
        ("a fox 🦊 in snow", ("🦊", "🦊 snow")),
        ("\U00020bb7野家", ("\U00020bb7野",)),
    ],
    ids=lambda value: value[:10] if isinstance(value, str) else str(len(value)),
)  # fmt: skip
def test_a_published_picture_is_found_by(alice: User, prompt: str, texts: tuple[str, ...]) -> None:
    item = made(alice, prompt)
    made(alice, "something else entirely, 完全不同")
    index()
    for text in texts:
        assert found(text) == [item], text
        assert found_by(alice, text) == [item], text


def test_a_picture_is_not_found_by_other_words(alice: User) -> None:
    made(alice, LIGHTHOUSE)
    made(alice, CAT)
    index()
    for text in (
        "house", "lighthouses", "blue lighthouse", "lig dusk", "猫狗", "屋猫", "狗", "cat lighthouse", "r", "d",
    ):  # fmt: skip
        assert found(text) == [], text
        assert found_by(alice, text) == [], text


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
        assert len(lexemes.query_terms(text)) <= lexemes.MAX_QUERY_WORDS


def test_whatever_a_prompt_says_is_indexed(alice: User) -> None:
    # What a database cannot hold as text at all is refused before: lone surrogates, and NUL on PostgreSQL.
    texts = [text.encode("utf-8", "ignore").decode().replace("\x00", "") for text in HOSTILE]
    items = [
        made(alice, text + " lighthouse" if len(text) < 5000 else "lighthouse " + text)
        for text in one_in(3, texts)
    ]
    index()
    assert set(found("lighthouse", 100)) == set(items)
    assert not Item.objects.filter(search_owed=True).exists()


def test_every_word_that_is_asked_must_be_there(alice: User) -> None:
    both = made(alice, "red fox")
    made(alice, "red car")
    made(alice, "blue fox")
    index()
    assert found("red fox") == [both]


def test_tags_and_titles_are_found_by_everybody(alice: User) -> None:
    item = made(alice, "a prompt", title="Winter at the coast", tags=("film grain", "雪景"))
    index()
    for text in ("winter coast", "grain", "雪景", "coast prompt"):
        assert found(text) == [item]


def test_a_model_is_found_by_the_owner_alone(alice: User) -> None:
    item = made(alice, "a prompt")
    index()
    assert found_by(alice, item.model.name) == [item]
    assert found(item.model.name) == []


def test_the_words_of_a_hidden_prompt_are_found_by_the_owner_alone(alice: User) -> None:
    item = made(alice, "a secret recipe", title="Soup", show_prompt=False)
    index()
    assert found("secret") == []
    assert found("soup") == [item]
    assert found_by(alice, "secret") == [item]


def test_a_prompt_that_is_hidden_now_is_found_no_more_even_before_it_is_indexed_anew(alice: User) -> None:
    item = made(alice, "a secret recipe", title="Soup")
    index()
    assert found("secret") == [item]
    publication.describe(item, show_prompt=False)
    assert found("secret") == []
    index()
    assert found("secret") == []
    assert found("soup") == [item]


def test_what_is_not_published_is_found_by_nobody_else(alice: User, bob: User) -> None:
    made(alice, "a private fox", public=False)
    made(alice, "an unlisted fox", visibility="unlisted")
    index()
    assert found("fox") == []
    assert found_by(bob, "fox") == []
    assert len(found_by(alice, "fox")) == 2


def test_taking_it_back_hiding_and_the_trash_take_it_out_at_once(alice: User) -> None:
    items = [made(alice, "a fox") for _ in range(3)]
    index()
    assert len(found("fox")) == 3
    publication.unpublish(items[0])
    moderation.hide(items[1], "a reason")
    Item.objects.filter(pk=items[2].pk).update(trashed_at=timezone.now())
    assert found("fox") == []
    index()
    assert found("fox") == []


def test_what_a_moderator_shows_again_is_found_again_though_it_was_indexed_meanwhile(alice: User) -> None:
    item = made(alice, "a fox")
    moderation.hide(item, "a reason")
    index()
    moderation.restore(item)
    index()
    assert found("fox") == [item]


def test_publishing_makes_it_found(alice: User) -> None:
    item = made(alice, "a fox", public=False)
    index()
    publication.publish(item, title="Reynard", tags=["forest"])
    index()
    for text in ("reynard", "fox", "forest"):
        assert found(text) == [item]


def test_a_deleted_picture_leaves_nothing_behind(alice: User) -> None:
    item = made(alice, "a fox")
    index()
    deletion.delete(item)
    assert found("fox") == found_by(alice, "fox") == []
    assert not SearchRow.objects.exists()
    made(alice, "a bear")
    index()
    assert kept_words() == {"a", "bear"}


def kept_words() -> set[str]:
    """All words that the database has for everybody."""
    column = "public_words::text" if connection.vendor == "postgresql" else "words"
    table = "gallery_searchrow" if connection.vendor == "postgresql" else "gallery_search_public"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {table}")
        return {word.strip("'") for row in cursor.fetchall() for word in (row[0] or "").split()}


def test_public_search_goes_by_the_time_of_publishing_and_own_search_by_that_of_making(alice: User) -> None:
    now = timezone.now()
    first, second, third = (
        made(alice, "a fox", published_at=now - timedelta(hours=hours)) for hours in (1, 3, 2)
    )
    index()
    assert found("fox") == [first, third, second]
    assert found_by(alice, "fox") == [third, second, first]


def test_publishing_anew_keeps_its_place(alice: User) -> None:
    older, newer = made(alice, "a fox"), made(alice, "a fox")
    index()
    publication.publish(older, title="again")
    index()
    assert found("fox") == [newer, older]


@pytest.fixture(params=["rare", "common", "seems common"])
def few_at_a_time(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of three hits, and on PostgreSQL each way of finding them."""
    monkeypatch.setattr(backend, "BATCH_SIZES", (3,))
    if request.param != "rare":
        monkeypatch.setattr(postgres_backend, "RARE", 1)
    if request.param == "seems common":
        monkeypatch.setattr(postgres_backend, "COMMON", 0)
        monkeypatch.setattr(postgres_backend, "NEAR", 2)


@pytest.mark.usefixtures("few_at_a_time")
def test_pages_neither_repeat_nor_skip_even_where_all_were_published_at_once(alice: User, bob: User) -> None:
    now = timezone.now()
    mine = [made(alice, "a fox", published_at=now) for _ in range(8)]
    made(bob, "a bear")
    index()
    # Three that all have the same place until they are set apart.
    Item.objects.filter(pk__in=[item.pk for item in mine[:3]]).update(search_owed=True)
    index()
    for size in (1, 2, 3, 5, 8):
        assert pages(size) == mine[::-1]
        assert pages(size, own=alice) == mine[::-1]


def pages(size: int, own: User | None = None, text: str = "fox") -> list[Item]:
    """All pages of a search, one after the other."""
    rows: list[Item] = []
    after = ""
    for _page in range(50):
        if own is None:
            page = results.public_page(text, size, after, within=Item.objects.public())
        else:
            page = results.own_page(factories.account_of(own), text, size, after, within=Item.objects.all())
        assert len(page.rows) <= size
        rows += page.rows
        after = page.next
        if not after:
            return rows
    raise AssertionError("the pages have no end")


def test_items_published_in_one_moment_have_places_of_their_own(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexer, "_ROOM", 2)
    monkeypatch.setattr(indexer, "BATCH", 4)
    now = timezone.now()
    items = [made(alice, "a fox", published_at=now) for _ in range(9)]
    index()
    assert set(found("fox")) == set(items)
    assert SearchRow.objects.values("place").distinct().count() == 9


@pytest.mark.usefixtures("few_at_a_time")
def test_filters_of_the_list_hold_for_what_is_found(alice: User) -> None:
    items = [made(alice, "a fox", sensitive=number % 3 > 0) for number in range(12)]
    index()
    safe = Item.objects.public().filter(sensitive=False)
    page = results.public_page("fox", 3, "", within=safe)
    rest = results.public_page("fox", 3, page.next, within=safe)
    assert [*page.rows, *rest.rows] == [item for item in items[::-1] if not item.sensitive]
    assert not rest.next


@pytest.mark.usefixtures("few_at_a_time")
def test_a_filter_that_hardly_lets_any_through_ends_a_page_early_and_goes_on_where_it_stopped(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "MAX_CHECKED", 5)
    oldest = made(alice, "a fox", title="oldest")
    for _ in range(13):
        made(alice, "a fox")
    index()
    only = Item.objects.filter(title="oldest")
    after, turns = "", 0
    while True:
        page = results.public_page("fox", 3, after, within=only)
        turns += 1
        if not page.next:
            break
        assert page.rows == []
        after = page.next
    assert page.rows == [oldest]
    assert turns == 3


def test_a_cursor_that_is_none_starts_anew(alice: User) -> None:
    item = made(alice, "a fox")
    index()
    for after in ("-1", "x", "9" * 40, "1e9", "\x00", "٣", "99999999999999999999", "5.5"):
        assert results.public_page("fox", 5, after, within=Item.objects.public()).rows == [item]
    assert results.public_page("fox", 5, "0", within=Item.objects.public()).rows == []


def test_a_page_of_search_is_a_constant_number_of_queries(
    alice: User, django_assert_max_num_queries: Any
) -> None:
    for _ in range(21):
        made(alice, "a fox")
    index()
    account = factories.account_of(alice)
    # The completions of the prefix, on PostgreSQL their frequency, the hits, the items.
    most = 4 if connection.vendor == "postgresql" else 3
    with django_assert_max_num_queries(most):
        assert len(found("fox", 20)) == 20
    with django_assert_max_num_queries(most):
        assert len(results.own_page(account, "fox", 20, "", within=Item.objects.all()).rows) == 20


def test_all_items_are_indexed_batch_by_batch(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexer, "BATCH", 2)
    monkeypatch.setattr(indexer, "ROUND_S", 0.0)
    for _ in range(5):
        made(alice, "a fox")
    assert [indexer.run_once() for _ in range(4)] == [True, True, True, False]
    assert len(found("fox")) == 5


def test_of_a_very_long_prompt_the_beginning_is_found(alice: User) -> None:
    beginning = "fox " + " ".join(f"word{number}" for number in range(20_000))
    item = made(alice, beginning + " lighthouse")
    index()
    assert found("fox word100") == [item]
    assert found("lighthouse") == []
    assert len(lexemes.index_words([beginning])) == lexemes.MAX_WORDS


def test_the_beginning_of_a_last_word_stands_for_the_words_that_are_used_most(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vocabulary, "MAX_EXPANSION", 3)
    light, lighter = made(alice, "light lights"), made(alice, "lighter lights")
    for _ in range(2):
        made(alice, "lighthouse lights")
    made(alice, "lightning")
    index()
    assert vocabulary.expand(lexemes.query_terms("light")) == [["light", "lights", "lighthouse"]]
    assert vocabulary.expand(lexemes.query_terms("light lig")) == [["light"], ["lig", "lights", "lighthouse"]]
    assert found("lig lights") == []
    assert {light, lighter} < set(found("lights lig"))


def test_two_letters_begin_nothing(alice: User) -> None:
    item = made(alice, "a fox at sea")
    index()
    assert found("fo") == []
    assert found("at") == [item]
    assert found("fox se") == []


def test_a_question_without_words_finds_nothing(alice: User) -> None:
    made(alice, "a fox")
    index()
    for text in ("", "  ", "!?", "\u200b"):
        assert found(text) == found_by(alice, text) == []

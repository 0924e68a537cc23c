"""Comments: plain words under open pictures, removed by two people, hidden by moderators."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from accounts.models import Account, User
from gallery import moderation
from gallery.models import Comment, Item
from gallery.social import discussion, item_panel
from tests.runner.sampling import one_in
from tests.support.picture_items import picture_item
from tests.support.races import together


def say(client: Client, item: Item, text: str, **more: str) -> str:
    answer = client.post(f"/gallery/{item.public_id}/comment/", {"text": text, **more}, follow=True)
    return str(answer.content.decode())


def count(item: Item) -> int:
    item.refresh_from_db()
    shown = Comment.objects.filter(discussion.VISIBLE, item=item).count()
    assert item.comments == shown
    return shown


def test_a_comment_stands_under_the_picture(public: Item, as_charlie: Client, client: Client) -> None:
    say(as_charlie, public, "What a light!\r\n\r\n\r\n\r\nTruly.")
    page = client.get(f"/gallery/{public.public_id}/").content.decode()
    assert "What a light!<br><br>Truly." in page
    assert count(public) == 1


def test_addresses_become_links_that_search_engines_do_not_count(public: Item, as_charlie: Client) -> None:
    page = say(as_charlie, public, 'See https://example.org/a?b=1&c="2" and javascript:alert(1)')
    assert 'rel="nofollow ugc noopener"' in page
    assert 'href="https://example.org/a?b=1&amp;c=' in page
    assert 'href="javascript' not in page


@pytest.mark.parametrize(
    "evil",
    one_in(
        3,
        [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            'https://example.org/"onmouseover="alert(1)',
            "https://example.org/<script>alert(1)</script>",
            '<a href="javascript:alert(1)">x</a>',
            "{{ 7|add:'7' }}{% load x %}",
        ],
    ),
)
def test_script_in_a_comment_is_only_text(public: Item, as_charlie: Client, evil: str) -> None:
    page = say(as_charlie, public, evil)
    said = page.split('class="said"')[1].split("</div>")[0]
    assert "<script" not in said
    assert "<img" not in said
    assert "onmouseover=" not in said.replace("onmouseover=%22", "").replace("onmouseover=&quot;", "")
    assert 'href="javascript' not in said
    assert count(public) == 1


def test_what_turns_or_hides_text_is_left_out(public: Item, as_charlie: Client) -> None:
    say(as_charlie, public, "a\u202eb\u2066c\u200bd\ufeffe\x07f" + "z" + "\u0301" * 50)
    text = Comment.objects.get().text
    assert text == "abcdef" + "z\u0301".replace("z\u0301", "ź") + "\u0301" * 4


def test_names_and_words_of_every_plane_are_kept(public: Item, charlie: User, as_charlie: Client) -> None:
    User.objects.filter(pk=charlie.pk).update(display_name="𝒜𠜎🌊\u202eنور")
    page = say(as_charlie, public, "𠜎 🌊 👩\u200d🎨 می\u200cخواهم 水彩")
    assert "𠜎 🌊 👩\u200d🎨 می\u200cخواهم 水彩" in page
    assert "<bdi>𝒜𠜎🌊" in page


@pytest.mark.parametrize(
    "text", one_in(3, ["", "   ", "\u200b\u2060", "\u3164\u2800", "x" * 2001, "x" * 100_000, "a\x00b"])
)
def test_nothing_and_too_much_come_back_with_a_sentence(public: Item, as_charlie: Client, text: str) -> None:
    for headers in ({}, {"HX-Request": "true"}):
        answer = as_charlie.post(f"/gallery/{public.public_id}/comment/", {"text": text}, headers=headers)
        assert answer.status_code == 422
        assert 'class="wrong"' in answer.content.decode()
    assert count(public) == 0


def test_nobody_writes_under_what_is_not_open(
    item: Item, public: Item, as_alice: Client, as_charlie: Client
) -> None:
    moderation.hide(public, "no")
    for one in (item, public):
        for client in (as_alice, as_charlie):
            answer = client.post(f"/gallery/{one.public_id}/comment/", {"text": "x"})
            assert answer.status_code == 404
            assert client.get(f"/gallery/{one.public_id}/comments/").status_code == 404
    assert not Comment.objects.exists()


def test_visitors_and_closed_accounts_write_nothing(
    public: Item, charlie: User, as_charlie: Client, client: Client
) -> None:
    assert (
        "/accounts/login/" in client.post(f"/gallery/{public.public_id}/comment/", {"text": "x"})["Location"]
    )
    Account.objects.filter(pk=charlie.account_id).update(status=Account.Status.SUSPENDED)
    assert "closed to new things" in say(as_charlie, public, "Hello")
    assert count(public) == 0


def test_a_comment_is_removed_by_its_author_or_the_pictures_owner(
    public: Item, as_charlie: Client, as_alice: Client, bob: User, client_of: Callable[[User], Client]
) -> None:
    say(as_charlie, public, "One")
    say(as_charlie, public, "Two")
    one, two = Comment.objects.order_by("pk")
    assert client_of(bob).post(f"/comment/{one.pk}/remove/").status_code == 404
    assert client_of(bob).post(f"/comment/{10**12}/remove/").status_code == 404
    assert as_alice.post(f"/comment/{one.pk}/remove/").status_code == 302
    assert as_charlie.post(f"/comment/{two.pk}/remove/", headers={"HX-Request": "true"}).status_code == 200
    # A second time there is nothing left to remove, nor to count.
    assert as_charlie.post(f"/comment/{two.pk}/remove/").status_code == 404
    assert count(public) == 0


def test_a_button_pressed_twice_says_it_once(public: Item, as_charlie: Client) -> None:
    say(as_charlie, public, "Lovely")
    page = say(as_charlie, public, "Lovely")
    assert count(public) == 1
    assert 'class="wrong"' not in page


def test_more_comments_than_people_write_are_refused(public: Item, charlie: User, as_charlie: Client) -> None:
    for number in range(5):
        say(as_charlie, public, f"number {number}")
    assert "Too many at once" in say(as_charlie, public, "one more")
    assert count(public) == 5
    Comment.objects.update(created_at=timezone.now() - timedelta(minutes=2))
    say(as_charlie, public, "later")
    assert count(public) == 6


def test_long_talks_come_by_pages(
    public: Item, charlie: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(item_panel, "PAGE", 2)
    now = timezone.now()
    for number in range(5):
        Comment.objects.create(
            item=public, user=charlie, text=f"said {number}", created_at=now - timedelta(minutes=number)
        )
    seen: list[str] = []
    path = f"/gallery/{public.public_id}/comments/"
    while path:
        part = client.get(path, headers={"HX-Request": "true"}).content.decode()
        assert "<html" not in part
        seen += [f"said {number}" for number in range(5) if f"said {number}<" in part]
        path = part.split('hx-get="/gallery/')[1].split('"')[0] if "Load older" in part else ""
        path = f"/gallery/{path}".replace("&amp;", "&") if path else ""
    assert seen == [f"said {number}" for number in range(5)]


def test_moderators_hide_comments_and_show_them_again(
    public: Item, as_charlie: Client, staff: User, client_of: Callable[[User], Client], client: Client
) -> None:
    say(as_charlie, public, "Rude words")
    comment = Comment.objects.get()
    staff_client = client_of(staff)
    chosen = {"_selected_action": [comment.pk]}
    staff_client.post("/admin/gallery/comment/", {"action": "hide", **chosen})
    assert "Rude words" not in client.get(f"/gallery/{public.public_id}/").content.decode()
    assert count(public) == 0
    staff_client.post("/admin/gallery/comment/", {"action": "hide", **chosen})
    staff_client.post("/admin/gallery/comment/", {"action": "restore", **chosen})
    assert count(public) == 1
    assert LogEntry.objects.count() == 2
    # What its author removed stays removed, whatever moderators do.
    discussion.hide(comment)
    discussion.remove(comment)
    assert discussion.restore(comment)
    assert count(public) == 0


@pytest.mark.django_db(transaction=True)
def test_racing_comments_and_removals_are_counted_as_they_are(alice: User, charlie: User) -> None:
    item = picture_item(alice, visibility="public")
    calls = [lambda n=number: discussion.write(item, charlie, f"words {n}") for number in range(4)]
    calls += [lambda: discussion.write(item, alice, "the same") for _time in range(4)]
    together(calls)
    assert count(item) == 5
    rows = list(Comment.objects.all())
    together([lambda row=row: discussion.remove(row) for row in rows for _time in range(2)])
    assert count(item) == 0


def test_an_item_page_costs_no_more_queries_for_more_talk(
    public: Item, charlie: User, bob: User, as_charlie: Client
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def queries() -> int:
        with CaptureQueriesContext(connection) as caught:
            as_charlie.get(f"/gallery/{public.public_id}/")
        return len(caught)

    as_charlie.get(f"/gallery/{public.public_id}/")
    Comment.objects.create(item=public, user=charlie, text="one")
    few = queries()
    for number in range(6):
        Comment.objects.create(item=public, user=bob, text=f"more {number}")
    assert queries() == few

"""What a share link shows and for how long: terms, collections, caches, previews, and the list of all one's links."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Account, Membership, User
from accounts.organizations import management
from accounts.staff import sanctions
from gallery.collections import curation, editors
from gallery.models import Collection, CollectionItem, Item, Report, ShareLink
from gallery.shares import guest_views, share_links
from tests import factories
from tests.runner.sampling import one_in, one_of
from tests.support.picture_items import picture_item

SIZES = ("small", "medium", "full")


@pytest.fixture
def link(item: Item, alice: User) -> ShareLink:
    """An open link to one picture."""
    return share_links.share(item, alice)


@pytest.fixture
def collection(alice: User, item: Item) -> Collection:
    """Alice's, with two private pictures."""
    made = curation.create(alice, "Lighthouses")
    curation.add(made, [item, picture_item(alice, "a blue boat", seed=2)], alice)
    return made


@pytest.fixture
def whole(collection: Collection, alice: User) -> ShareLink:
    """An open link to the collection."""
    return share_links.share(collection, alice)


def text_of(answer: Any) -> str:
    return str(answer.content.decode())


# -- Terms of a link ---------------------------------------------------------------------------------------------


def test_the_form_makes_the_link_it_describes(item: Item, as_alice: Client) -> None:
    day = timezone.localdate() + timedelta(days=9)
    sent = {"ends": "date", "day": day.isoformat(), "password": "open sesame", "show_prompt": "on"}
    as_alice.post(f"/library/{item.public_id}/share/", sent)
    link = ShareLink.objects.get()
    assert link.expires_at is not None
    assert timezone.localtime(link.expires_at).date() == day
    assert (link.show_prompt, link.allow_download, link.is_locked) == (True, False, True)
    assert "open sesame" not in link.password


def test_a_day_ends_in_the_readers_zone(item: Item, as_alice: Client) -> None:
    as_alice.cookies["timezone"] = "Asia/Shanghai"
    day = timezone.localdate() + timedelta(days=3)
    as_alice.post(f"/library/{item.public_id}/share/", {"ends": "date", "day": day.isoformat()})
    ends = ShareLink.objects.get().expires_at
    assert ends is not None
    assert (ends.hour, ends.minute, ends.second) == (15, 59, 59)


@pytest.mark.parametrize(
    "sent",
    one_in(3, [
        {"ends": "date"}, {"ends": "date", "day": "2020-01-01"}, {"ends": "date", "day": "9999-12-31"},
        {"ends": "date", "day": "soon"}, {"ends": "2"}, {"password": "short"}, {"password": "x" * 129},
        {"password": "nul\x00nul"},
    ]),
)  # fmt: skip
def test_terms_that_cannot_be_are_said_and_make_no_link(
    item: Item, as_alice: Client, sent: dict[str, str]
) -> None:
    answer = as_alice.post(f"/library/{item.public_id}/share/", sent)
    assert answer.status_code == 422
    assert 'class="wrong"' in text_of(answer)
    assert not ShareLink.objects.exists()


def test_without_download_only_a_thumbnail_leaves(item: Item, alice: User, client: Client) -> None:
    link = share_links.share(item, alice, allow_download=False)
    page = text_of(client.get(f"/s/{link.token}/"))
    assert "?download" not in page and "Download <span" not in page
    assert "picture/full" not in page
    assert "?download" in text_of(client.get(f"/s/{share_links.share(item, alice).token}/"))
    medium = client.get(f"/s/{link.token}/picture/medium")
    assert medium["ETag"] == f'"{item.output.medium.sha256}"'  # type: ignore[union-attr]
    assert client.get(f"/s/{link.token}/picture/full").status_code == 404
    for size in SIZES:
        assert client.get(f"/s/{link.token}/picture/{size}?download").status_code == 404


def test_without_download_no_whole_file_stands_in_for_a_thumbnail(alice: User, client: Client) -> None:
    bare = factories.make_item(alice)
    link = share_links.share(bare, alice, allow_download=False)
    for size in SIZES:
        assert client.get(f"/s/{link.token}/picture/{size}").status_code == 404


def test_with_download_the_button_and_the_file_are_there(link: ShareLink, client: Client) -> None:
    assert "picture/full?download" in text_of(client.get(f"/s/{link.token}/"))
    answer = client.get(f"/s/{link.token}/picture/full?download")
    assert answer["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize("path", ["", "picture/wrong", "nobody/", "nobody/picture/full", "open/"])
def test_an_unknown_token_is_404(client: Client, db: None, path: str) -> None:
    assert client.get(f"/s/{'x' * 43}/{path}").status_code in (404, 405)
    assert client.post(f"/s/{'x' * 5000}/open/").status_code == 404


def test_views_count_openings_and_nothing_else(link: ShareLink, client: Client, as_alice: Client) -> None:
    address = f"/s/{link.token}/"
    client.get(address)
    client.head(address)
    client.get(address, headers={"Sec-Purpose": "prefetch;prerender"})
    client.get(f"{address}picture/medium")
    as_alice.get(address)
    link.refresh_from_db()
    assert link.views == 1


# -- Ends --------------------------------------------------------------------------------------------------------


def end_by_withdrawing(link: ShareLink, item: Item) -> None:
    share_links.withdraw(link)


def end_by_time(link: ShareLink, item: Item) -> None:
    ShareLink.objects.filter(pk=link.pk).update(expires_at=timezone.now() - timedelta(seconds=1))


def end_by_hiding(link: ShareLink, item: Item) -> None:
    Item.objects.filter(pk=item.pk).update(hidden_at=timezone.now())


def end_by_the_trash(link: ShareLink, item: Item) -> None:
    Item.objects.filter(pk=item.pk).update(trashed_at=timezone.now())


def end_by_taking_out(link: ShareLink, item: Item) -> None:
    CollectionItem.objects.filter(item=item).delete()


@pytest.mark.parametrize("end", [end_by_withdrawing, end_by_time, end_by_hiding, end_by_the_trash])
def test_what_ends_a_link_ends_its_page_and_what_caches_know(
    link: ShareLink, item: Item, client: Client, end: Any
) -> None:
    addresses = [f"/s/{link.token}/picture/{size}" for size in SIZES]
    known = {address: client.get(address)["ETag"] for address in addresses}
    assert client.get(addresses[0], headers={"If-None-Match": known[addresses[0]]}).status_code == 304
    end(link, item)
    assert client.get(f"/s/{link.token}/").status_code == 404
    for address, tag in known.items():
        assert client.get(address, headers={"If-None-Match": tag}).status_code == 404
        assert client.get(address, headers={"Range": "bytes=0-9"}).status_code == 404


@pytest.mark.parametrize(
    "end", [end_by_withdrawing, end_by_time, end_by_hiding, end_by_the_trash, end_by_taking_out]
)
def test_a_picture_leaves_a_shared_collection_at_once(
    whole: ShareLink, item: Item, client: Client, end: Any
) -> None:
    address = f"/s/{whole.token}/{item.public_id}/"
    known = client.get(f"{address}picture/full")["ETag"]
    end(whole, item)
    assert client.get(address).status_code == 404
    assert client.get(f"{address}picture/full", headers={"If-None-Match": known}).status_code == 404
    page = client.get(f"/s/{whole.token}/")
    assert page.status_code == (404 if end in (end_by_withdrawing, end_by_time) else 200)
    assert item.public_id not in text_of(page)


def test_answers_are_kept_by_nobody_between(
    link: ShareLink, whole: ShareLink, item: Item, client: Client
) -> None:
    for address in (
        f"/s/{link.token}/", f"/s/{link.token}/picture/full", f"/s/{whole.token}/",
        f"/s/{whole.token}/{item.public_id}/", f"/s/{whole.token}/{item.public_id}/picture/small",
    ):  # fmt: skip
        answer = client.get(address)
        assert answer.status_code == 200
        assert "private" in answer["Cache-Control"] and "no-cache" in answer["Cache-Control"]
        assert "noindex" in answer["X-Robots-Tag"]
        assert answer["Referrer-Policy"] == "no-referrer"


# -- Collections by link -----------------------------------------------------------------------------------------


def test_a_shared_collection_shows_all_its_pictures_by_addresses_of_the_link(
    whole: ShareLink, collection: Collection, client: Client
) -> None:
    page = text_of(client.get(f"/s/{whole.token}/"))
    for item in Item.objects.all():
        assert f"/s/{whole.token}/{item.public_id}/" in page
        assert client.get(f"/s/{whole.token}/{item.public_id}/").status_code == 200
        for size in SIZES:
            assert client.get(f"/s/{whole.token}/{item.public_id}/picture/{size}").status_code == 200
        assert item.output.token not in page
    assert "/library/" not in page.replace("/library/collections/", "/x/")


def test_a_link_opens_no_picture_but_its_own(
    whole: ShareLink, link: ShareLink, alice: User, client: Client
) -> None:
    other = picture_item(alice, seed=9)
    assert client.get(f"/s/{whole.token}/{other.public_id}/").status_code == 404
    assert client.get(f"/s/{whole.token}/{other.public_id}/picture/full").status_code == 404
    assert client.get(f"/s/{whole.token}/picture/full").status_code == 404
    assert client.get(f"/s/{link.token}/{other.public_id}/picture/full").status_code == 404


def test_the_prompts_of_a_collection_are_told_only_where_the_link_says_so(
    whole: ShareLink, collection: Collection, item: Item, alice: User, client: Client
) -> None:
    told = share_links.share(collection, alice, show_prompt=True)
    assert "lighthouse" not in text_of(client.get(f"/s/{whole.token}/")).replace("Lighthouses", "")
    assert "a red lighthouse" not in text_of(client.get(f"/s/{whole.token}/{item.public_id}/"))
    assert "a red lighthouse" in text_of(client.get(f"/s/{told.token}/"))
    assert "a red lighthouse" in text_of(client.get(f"/s/{told.token}/{item.public_id}/"))


def test_an_editors_prompt_is_told_only_if_they_published_it(
    collection: Collection, alice: User, bob: User, client: Client
) -> None:
    editors.invite(collection, "bob")
    theirs = picture_item(bob, "a quiet harbour", seed=3)
    curation.add(collection, [theirs], bob)
    told = share_links.share(collection, alice, show_prompt=True)
    assert "a quiet harbour" not in text_of(client.get(f"/s/{told.token}/{theirs.public_id}/"))
    Item.objects.filter(pk=theirs.pk).update(visibility="public", published_at=timezone.now())
    assert "a quiet harbour" in text_of(client.get(f"/s/{told.token}/{theirs.public_id}/"))


def test_pages_of_a_shared_collection_do_not_count_as_openings(
    whole: ShareLink, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guest_views, "PICTURES", 1)
    page = text_of(client.get(f"/s/{whole.token}/"))
    older = re.search(r'class="older"><a class="button" href="([^"]+)"', page)
    assert older is not None
    part = client.get(older[1], headers={"HX-Request": "true"})
    assert "picture/medium" in text_of(part) and "<html" not in text_of(part)
    whole.refresh_from_db()
    assert whole.views == 1


def test_only_the_owner_makes_links_to_a_collection(
    collection: Collection, as_alice: Client, as_charlie: Client
) -> None:
    address = f"/library/collections/{collection.public_id}/share/"
    assert as_charlie.post(address, {}).status_code == 404
    assert as_alice.post(address, {"ends": "1"})["Location"].endswith("#share")
    link = ShareLink.objects.get()
    assert link.collection == collection
    assert link.token in text_of(as_alice.get(f"/library/collections/{collection.public_id}/"))
    as_alice.post(f"{address}{link.pk}/withdraw/")
    link.refresh_from_db()
    assert link.withdrawn_at is not None


def test_a_collection_has_a_bounded_number_of_open_links(collection: Collection, alice: User) -> None:
    ShareLink.objects.bulk_create(
        ShareLink(collection=collection, created_by=alice) for _ in range(share_links.MAX_OPEN_LINKS)
    )
    with pytest.raises(share_links.TooManyLinks):
        share_links.share(collection, alice)


@pytest.mark.parametrize(
    ("why", "what"),
    [
        (why, what)
        for why in ["hidden", "muted", "closed", "too many"]
        for what in one_of(["item", "collection"], of=why)
    ],
)
def test_the_dialog_says_why_there_is_no_link_and_keeps_what_was_chosen(
    item: Item, collection: Collection, alice: User, as_alice: Client, what: str, why: str
) -> None:
    thing, words = (item, collection)[what == "collection"], ""
    if why == "hidden":
        type(thing)._default_manager.filter(pk=thing.pk).update(hidden_at=timezone.now())
        words = "A moderator hid this; it cannot be shared."
    elif why == "muted":
        sanctions.mute(alice, None, None, "Calm down.")
        words = "Calm down."
    elif why == "closed":
        Account.objects.filter(pk=thing.account_id).update(status=Account.Status.SUSPENDED)
        words = "This account is closed to new things."
    else:
        of = {what: thing}
        ShareLink.objects.bulk_create(
            ShareLink(created_by=alice, **of) for _ in range(share_links.MAX_OPEN_LINKS)
        )
        words = f"There are {share_links.MAX_OPEN_LINKS} open links to this. Withdraw one first."
    path = "/library/collections/{}/share/" if what == "collection" else "/library/{}/share/"
    answer = as_alice.post(path.format(thing.public_id), {"ends": "7", "password": "open sesame"})
    page = text_of(answer)
    dialog = page[page.index('<dialog class="box" id="share"') :].partition("</dialog>")[0]
    assert answer.status_code == 422
    assert dialog.partition(">")[0].endswith(" open")
    assert words in dialog and page.count(words) == 1
    assert 'value="open sesame"' in dialog and '<option value="7" selected>' in dialog


# -- Where a link is pasted ---------------------------------------------------------------------------------------


def test_a_pasted_link_shows_its_picture_and_not_the_prompt(link: ShareLink, client: Client) -> None:
    page = text_of(client.get(f"/s/{link.token}/"))
    assert f'og:image" content="http://testserver/s/{link.token}/picture/medium"' in page
    assert "A picture made in Darkroom" in page


@pytest.mark.parametrize("fields", [{"password": "open sesame"}, {}])
def test_a_locked_or_sensitive_one_shows_nothing(
    item: Item, alice: User, client: Client, fields: dict[str, str]
) -> None:
    Item.objects.filter(pk=item.pk).update(sensitive=not fields, title="A secret")
    link = share_links.share(item, alice, **fields)  # type: ignore[arg-type]
    head = text_of(client.get(f"/s/{link.token}/")).partition("</head>")[0]
    assert "og:image" not in head
    assert 'og:title" content="Shared with you"' in head


def test_a_sensitive_picture_waits_for_a_click(item: Item, alice: User, client: Client) -> None:
    Item.objects.filter(pk=item.pk).update(sensitive=True)
    link = share_links.share(item, alice)
    page = text_of(client.get(f"/s/{link.token}/"))
    veil = page.partition('<details class="shroud">')[2].partition("</details>")[0]
    assert "<summary>" in veil and 'picture/full" alt' in veil and 'loading="lazy"' in veil
    assert page.count('picture/full" alt') == 1


def test_script_in_a_title_stays_words(item: Item, alice: User, client: Client) -> None:
    Item.objects.filter(pk=item.pk).update(title='"><script>alert(1)</script>\u202e')
    page = text_of(client.get(f"/s/{share_links.share(item, alice).token}/"))
    assert "<script>alert(1)" not in page


# -- Reporting ---------------------------------------------------------------------------------------------------


def test_a_guest_reports_what_a_link_shows(
    link: ShareLink, whole: ShareLink, item: Item, client: Client, as_charlie: Client
) -> None:
    addresses = (f"/s/{link.token}/report/", f"/s/{whole.token}/{item.public_id}/report/")
    for address, reporter in zip(addresses, (client, as_charlie), strict=True):
        assert f'href="{address}"' in text_of(client.get(address.removesuffix("report/")))
        assert client.get(address).status_code == 200
        assert client.post(address, {"reason": "none"}).status_code == 422
        answer = reporter.post(address, {"reason": "copied", "words": "mine"})
        assert answer["Location"] == address.removesuffix("report/")
    assert [(one.item, one.reason) for one in Report.objects.all()] == [(item, "copied")] * 2


def test_what_a_link_does_not_show_is_not_reported_by_it(
    whole: ShareLink, item: Item, alice: User, client: Client
) -> None:
    locked = share_links.share(item, alice, password="open sesame")
    other = picture_item(alice, seed=9)
    sent = {"reason": "copied"}
    assert client.post(f"/s/{whole.token}/{other.public_id}/report/", sent).status_code == 404
    assert client.post(f"/s/{locked.token}/report/", sent)["Location"] == f"/s/{locked.token}/"
    assert not Report.objects.exists()


# -- All one's links ---------------------------------------------------------------------------------------------


def test_all_links_are_listed_by_what_they_are_now(
    link: ShareLink, whole: ShareLink, item: Item, alice: User, as_alice: Client, as_charlie: Client
) -> None:
    gone, over = share_links.share(item, alice), share_links.share(item, alice)
    share_links.withdraw(gone)
    end_by_time(over, item)

    def shown(client: Client, show: str = "") -> set[int]:
        page = text_of(client.get("/library/links/", {"show": show}))
        return {row.pk for row in (link, whole, gone, over) if row.token in page}, page.count("<li>")  # type: ignore[return-value]

    assert shown(as_alice) == ({link.pk, whole.pk}, 2)
    # What no longer opens has no address to copy.
    assert shown(as_alice, "over") == (set(), 2)
    assert shown(as_alice, "all") == ({link.pk, whole.pk}, 4)
    assert shown(as_charlie, "all") == (set(), 0)


def test_a_link_is_withdrawn_from_the_list_by_its_owner_alone(
    link: ShareLink, as_alice: Client, as_charlie: Client
) -> None:
    address = f"/library/links/{link.pk}/withdraw/"
    assert as_charlie.post(address).status_code == 404
    assert as_alice.post("/library/links/99999999999999999999/withdraw/").status_code == 404
    answer = as_alice.post(address, {"next": "https://evil.example/"})
    assert answer["Location"] == "/library/links/"
    link.refresh_from_db()
    assert link.withdrawn_at is not None


def test_an_organisation_sees_and_withdraws_links_whose_maker_acts_for_another_account_now_or_left(
    as_alice: Client, alice: User, bob: User
) -> None:
    club = management.create(alice, "Studio Nord")
    membership = Membership.objects.create(account=club, user=bob, role=Membership.Role.MEMBER)
    management.act_for(bob, club.pk)
    picture = picture_item(bob, "a red lighthouse")
    Item.objects.filter(pk=picture.pk).update(account=club)
    link = share_links.share(Item.objects.get(pk=picture.pk), bob)
    management.act_for(bob, management.personal_account_of(bob).pk)
    management.act_for(alice, club.pk)
    assert link.token in text_of(as_alice.get("/library/links/"))
    membership.delete()
    assert link.token in text_of(as_alice.get("/library/links/"))
    as_alice.post(f"/library/links/{link.pk}/withdraw/")
    link.refresh_from_db()
    assert link.withdrawn_at is not None

"""Reports: by anybody, once each, kept for the moderators; the reporter sees the thing no more.

Reports of whole collections are in `test_collection_reports.py`.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User
from core.clock import Now
from gallery import moderation
from gallery.models import Comment, Item, Report
from gallery.social import abuse_reports
from tests.gallery.library.test_item_lists import tiles_of
from tests.support.picture_items import picture_item
from tests.support.races import together

COPIED = {"reason": "copied", "words": "Mine, from 2019.\x07"}


def test_a_member_reports_a_picture_and_sees_it_no_more(
    public: Item, charlie: User, as_charlie: Client, client: Client
) -> None:
    page = as_charlie.post(f"/report/{public.public_id}/", COPIED, follow=True).content.decode()
    assert "You no longer see this picture" in page
    report = Report.objects.get()
    assert (report.item, report.reporter, report.reason) == (public, charlie, "copied")
    assert report.words == "Mine, from 2019."
    assert report.reporter_key == ""
    assert tiles_of(as_charlie.get("/gallery/")) == []
    assert tiles_of(client.get("/gallery/")) == [public.public_id]
    own = as_charlie.get(f"/gallery/{public.public_id}/").content.decode()
    assert "You reported this picture" in own
    assert "fetchpriority" not in own


def test_a_visitor_reports_too_and_their_browser_remembers(public: Item, client: Client) -> None:
    client.post(f"/report/{public.public_id}/", {"reason": "person"})
    report = Report.objects.get()
    assert report.reporter is None
    assert len(report.reporter_key) == 64
    assert "127.0.0.1" not in report.reporter_key
    assert tiles_of(client.get("/gallery/")) == []
    assert tiles_of(Client().get("/gallery/")) == [public.public_id]


def test_one_person_reports_a_thing_once(public: Item, client: Client, as_charlie: Client) -> None:
    for one in (client, Client(), as_charlie, as_charlie):
        assert one.post(f"/report/{public.public_id}/", {"reason": "hate"}).status_code == 302
    # Two visitors from one network are one person, a member is another.
    assert Report.objects.count() == 2
    Client(REMOTE_ADDR="203.0.113.9").post(f"/report/{public.public_id}/", {"reason": "hate"})
    assert Report.objects.count() == 3


def test_a_visitor_stays_one_person_while_the_secret_key_is_changed(
    public: Item, client: Client, change_secret_key: Callable[[], None]
) -> None:
    for one in (client, Client()):
        one.post(f"/report/{public.public_id}/", {"reason": "hate"})
        change_secret_key()
    assert Report.objects.count() == 1


def test_who_reports_again_is_told_so_and_another_behind_the_same_network_is_heard_once_that_was_answered(
    public: Item, client: Client, as_charlie: Client
) -> None:
    address, again = f"/report/{public.public_id}/", "You reported this before"
    for one in (client, as_charlie):
        assert again not in one.post(address, {"reason": "hate"}, follow=True).content.decode()
        assert again in one.post(address, {"reason": "hate"}, follow=True).content.decode()
    Report.objects.update(closed_at=Now())
    assert again in as_charlie.post(address, {"reason": "hate"}, follow=True).content.decode()
    assert again not in Client().post(address, {"reason": "hate"}, follow=True).content.decode()
    assert Report.objects.count() == 3


def test_devices_of_one_network_are_one_person(public: Item) -> None:
    for address in ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1"):
        Client(REMOTE_ADDR=address).post(f"/report/{public.public_id}/", {"reason": "hate"})
    assert Report.objects.count() == 2


def test_a_comment_is_reported_and_seen_no_more(
    public: Item, charlie: User, bob: User, as_charlie: Client, client_of: Callable[[User], Client]
) -> None:
    comment = Comment.objects.create(item=public, user=bob, text="Rude words")
    form = as_charlie.get(f"/report/comment/{comment.pk}/").content.decode()
    assert "Rude words" in form
    as_charlie.post(f"/report/comment/{comment.pk}/", {"reason": "hate"})
    assert Report.objects.get().comment == comment
    assert "Rude words" not in as_charlie.get(f"/gallery/{public.public_id}/").content.decode()
    assert "Rude words" in client_of(bob).get(f"/gallery/{public.public_id}/").content.decode()
    # The picture itself was not reported.
    assert tiles_of(as_charlie.get("/gallery/")) == [public.public_id]


def test_what_one_may_not_see_cannot_be_reported(
    item: Item, public: Item, bob: User, as_charlie: Client
) -> None:
    comment = Comment.objects.create(item=public, user=bob, text="x")
    moderation.hide(public, "no")
    for path in (
        f"/report/{item.public_id}/",
        f"/report/{public.public_id}/",
        f"/report/comment/{comment.pk}/",
    ):
        assert as_charlie.get(path).status_code == 404
        assert as_charlie.post(path, COPIED).status_code == 404
    assert as_charlie.post("/report/comment/999999999999/", COPIED).status_code == 404
    assert not Report.objects.exists()


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"reason": "boring"},
        {"reason": "hate", "words": "x" * 2001},
        {"reason": "hate", "words": "x" * 100_000},
    ],
)
def test_a_report_without_a_reason_or_with_too_many_words_comes_back(
    public: Item, client: Client, form: dict[str, str]
) -> None:
    answer = client.post(f"/report/{public.public_id}/", form)
    assert answer.status_code == 422
    assert 'class="wrong"' in answer.content.decode()
    assert not Report.objects.exists()


def test_more_reports_than_people_make_are_refused(
    alice: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(abuse_reports, "LIMITS", ((2, abuse_reports.timedelta(hours=1)),))
    items = [picture_item(alice, visibility="public") for _ in range(3)]
    for item in items[:2]:
        client.post(f"/report/{item.public_id}/", {"reason": "other"})
    answer = client.post(f"/report/{items[2].public_id}/", {"reason": "other"})
    assert answer.status_code == 422
    assert "Too many at once. Try again in 60 minutes." in answer.content.decode()
    assert Report.objects.count() == 2


def test_the_dialog_comes_as_a_part_and_leads_away_afterwards(public: Item, client: Client) -> None:
    part = client.get(f"/report/{public.public_id}/", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert part.count('type="radio"') == 6
    done = client.post(f"/report/{public.public_id}/", {"reason": "hate"}, headers={"HX-Request": "true"})
    assert (done.status_code, done["HX-Redirect"]) == (204, "/gallery/")


def test_moderators_close_reports_in_their_own_name(
    public: Item, client: Client, staff: User, client_of: Callable[[User], Client]
) -> None:
    client.post(f"/report/{public.public_id}/", COPIED)
    report = Report.objects.get()
    staff_client = client_of(staff)
    assert (
        "Mine, from 2019" in staff_client.get(f"/admin/gallery/report/{report.pk}/change/").content.decode()
    )
    staff_client.post("/admin/gallery/report/", {"action": "close", "_selected_action": [report.pk]})
    report.refresh_from_db()
    assert report.closed_by == staff
    assert report.closed_at is not None


@pytest.mark.django_db(transaction=True)
def test_racing_reports_of_one_person_are_one(alice: User, charlie: User) -> None:
    item = picture_item(alice, visibility="public")
    person = abuse_reports.Reporter(charlie)
    answers = together([lambda: abuse_reports.report(item, person, "hate") for _time in range(6)])
    assert sorted(map(str, answers)) == ["False"] * 5 + ["True"]
    assert Report.objects.count() == 1

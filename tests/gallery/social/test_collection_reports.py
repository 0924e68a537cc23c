"""Collections are reported as a whole, and hidden by moderators with a reason that their owner reads."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User
from gallery import moderation
from gallery.collections import curation
from gallery.models import Collection, Item, Report
from gallery.shares import share_links
from tests.gallery.collections.test_collections import some_items

Clients = Callable[[User], Client]
HATE = {"reason": "hate", "words": "The whole of it."}


def opened(user: User, title: str, visibility: str = "public") -> Collection:
    made = curation.create(user, title)
    curation.add(made, some_items(user, 1, visibility="public", published_at="2026-01-01T00:00:00Z"), user)
    curation.set_visibility(made, visibility)
    made.refresh_from_db()
    return made


@pytest.fixture
def collection(alice: User) -> Collection:
    """A public collection of Alice's."""
    return opened(alice, "Awful things")


def page_of(collection: Collection) -> str:
    return f"/collections/{collection.public_id}/"


def report_of(collection: Collection) -> str:
    return f"/report/collection/{collection.public_id}/"


def test_a_member_reports_a_collection_and_sees_it_no_more(
    collection: Collection, charlie: User, as_charlie: Client, client: Client
) -> None:
    assert report_of(collection) in as_charlie.get(page_of(collection)).content.decode()
    thanked = as_charlie.post(report_of(collection), HATE, follow=True)
    assert thanked.redirect_chain == [("/collections/", 302)]
    assert "You no longer see this collection" in thanked.content.decode()
    assert "Awful things" not in as_charlie.get("/collections/").content.decode()
    assert "Awful things" in client.get("/collections/").content.decode()
    report = Report.objects.get()
    assert (report.collection, report.item, report.reporter) == (collection, None, charlie)
    own = as_charlie.get(page_of(collection)).content.decode()
    assert "You reported this collection." in own
    assert "/picture/" not in own.partition("<main")[2]
    assert (
        "/picture/"
        in as_charlie.get(page_of(collection), {"show": "1"}).content.decode().partition("<main")[2]
    )


def test_a_visitors_browser_remembers_it(collection: Collection, client: Client) -> None:
    for _time in range(2):
        client.post(report_of(collection), {"reason": "person"})
    assert Report.objects.count() == 1
    assert "Awful things" not in client.get("/collections/").content.decode()
    assert "You reported this collection." in client.get(page_of(collection)).content.decode()
    assert "Awful things" in Client().get("/collections/").content.decode()


def test_the_dialog_comes_as_a_part_and_says_what_it_is_about(collection: Collection, client: Client) -> None:
    part = client.get(report_of(collection), headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert "Report this collection" in part
    assert part.count('type="radio"') == 6
    done = client.post(report_of(collection), {"reason": "hate"}, headers={"HX-Request": "true"})
    assert (done.status_code, done["HX-Redirect"]) == (204, "/collections/")
    whole = Client().get(report_of(collection))
    assert whole["X-Robots-Tag"] == "noindex, nofollow"
    assert page_of(collection) in whole.content.decode()


def test_its_owner_is_not_asked_to_report_it(collection: Collection, as_alice: Client) -> None:
    assert "/report/" not in as_alice.get(page_of(collection)).content.decode()


def test_what_one_may_not_see_cannot_be_reported(alice: User, as_charlie: Client) -> None:
    private, hidden = curation.create(alice, "Private"), opened(alice, "Hidden")
    moderation.hide_collection(hidden, "no")
    for path in (report_of(private), report_of(hidden), "/report/collection/nothing/"):
        assert as_charlie.get(path).status_code == 404
        assert as_charlie.post(path, HATE).status_code == 404
    assert as_charlie.post(report_of(opened(alice, "Unlisted", "unlisted")), HATE).status_code == 302
    assert Report.objects.count() == 1


def test_guests_report_a_shared_collection_by_its_link(alice: User, client: Client) -> None:
    private = curation.create(alice, "For you")
    curation.add(private, some_items(alice, 1), alice)
    link = share_links.share(private, alice)
    path = f"/s/{link.token}/report/"
    assert path in client.get(f"/s/{link.token}/").content.decode()
    form = client.get(path).content.decode()
    assert "Report this collection" in form
    assert private.public_id not in form
    answer = client.post(path, HATE)
    assert (answer.status_code, answer["Location"]) == (302, f"/s/{link.token}/")
    assert Report.objects.get().collection == private
    # One of its pictures can still be reported separately.
    item = Item.objects.get()
    client.post(f"/s/{link.token}/{item.public_id}/report/", HATE)
    assert Report.objects.filter(item=item).count() == 1
    assert client.get(f"/s/{link.token}/nothing/report/").status_code == 404
    locked = share_links.share(private, alice, password="opensesame")
    assert client.post(f"/s/{locked.token}/report/", HATE)["Location"] == f"/s/{locked.token}/"
    assert Report.objects.count() == 2


def test_moderators_hide_it_with_a_reason_and_show_it_again(
    collection: Collection, alice: User, as_alice: Client, staff: User, client: Client, client_of: Clients
) -> None:
    link, staff_client = share_links.share(collection, alice), client_of(staff)
    api = f"/api/gallery/collections/{collection.public_id}"
    public = [page_of(collection), f"/s/{link.token}/", report_of(collection), api]
    assert [client.get(path).status_code for path in public] == [200] * 4
    chosen = {"action": "hide", "_selected_action": [collection.pk]}
    assert (
        "The owner reads the reason."
        in staff_client.post("/admin/gallery/collection/", chosen).content.decode()
    )
    assert client.get(public[0]).status_code == 200
    staff_client.post("/admin/gallery/collection/", chosen | {"answered": "1", "reason": "Not for here."})
    assert [client.get(path).status_code for path in public] == [404] * 4
    assert "Awful things" not in client.get("/collections/").content.decode()
    own = as_alice.get(f"/library/collections/{collection.public_id}/").content.decode()
    assert "A moderator hid this collection: Not for here." in own
    staff_client.post(
        "/admin/gallery/collection/", {"action": "restore", "_selected_action": [collection.pk]}
    )
    assert [client.get(path).status_code for path in public] == [200] * 4


def test_moderators_close_its_reports_in_their_own_name(
    collection: Collection, as_charlie: Client, client: Client, staff: User, client_of: Clients
) -> None:
    for one in (client, as_charlie):
        one.post(report_of(collection), HATE)
    staff_client = client_of(staff)
    listed = staff_client.get("/admin/gallery/collection/")
    assert [row.open_reports for row in listed.context["cl"].result_list] == [2]
    assert "open reports" in listed.content.decode().lower()
    staff_client.post(
        "/admin/gallery/collection/", {"action": "close_reports", "_selected_action": [collection.pk]}
    )
    assert set(Report.objects.values_list("closed_by", flat=True)) == {staff.pk}
    # A closed report still keeps it out of the reporter's sight.
    assert "Awful things" not in as_charlie.get("/collections/").content.decode()

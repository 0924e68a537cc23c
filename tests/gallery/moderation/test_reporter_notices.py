"""Notices to reporters of a decision: once, in their language, and without details."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from accounts.models import Notice, NoticeChoice, User
from accounts.notifications import mail_queue, notice_kinds, notice_text
from accounts.staff import sanctions
from gallery.collections import curation
from gallery.models import Case, Item, Report
from gallery.moderation import decisions
from gallery.moderation.decisions import Verdict
from gallery.social import abuse_reports, discussion
from tests.gallery.moderation.conftest import complain
from tests.support.picture_items import picture_item

ClientOf = Callable[[User], Client]


def told(user: User) -> list[tuple[str, str]]:
    """The notices that a member got about their reports: kind and text."""
    rows = Notice.objects.filter(user=user, kind__startswith="report.").order_by("id")
    return [(row.kind, notice_text.for_notice(row).line) for row in rows]


@pytest.mark.parametrize(
    ("verdict", "kind"),
    [
        (Verdict("hide", message="copied work"), "report.acted"),
        (Verdict("allow", sensitive=True), "report.acted"),
        (Verdict("allow", sanction="warn"), "report.acted"),
        (Verdict("allow"), "report.left"),
    ],
)
def test_every_reporter_is_notified_once_and_learns_neither_the_moderator_nor_other_reporters(
    public: Item, case: Case, bob: User, charlie: User, ada: User, alice: User, verdict: Verdict, kind: str
) -> None:
    complain(public, bob, "sexual", "Ask charlie.")
    abuse_reports.report(public, abuse_reports.Reporter(None, "key of a visitor"), "hate")
    decisions.decide(case.pk, ada, verdict)
    for user in (bob, charlie):
        ((came, words),) = told(user)
        assert came == kind and words.startswith("You reported a picture on ")
        row = Notice.objects.get(user=user)
        said = f"{row.params} {row.link} {words}".lower()
        names = ("ada", "alice", "bob", "charlie", "copied work", public.prompt.lower() or "-")
        assert not [name for name in names if name in said]
    assert told(alice) == [] and told(ada) == []
    assert set(Report.objects.exclude(reporter=None).values_list("told", flat=True)) == {kind.split(".")[1]}


def test_the_way_leads_to_what_was_left_and_nowhere_else(
    public: Item, case: Case, charlie: User, ada: User
) -> None:
    decisions.decide(case.pk, ada, Verdict("allow"))
    assert Notice.objects.get(user=charlie).link == f"/gallery/{public.public_id}/"


def test_a_removed_picture_takes_its_reports_along_but_not_the_answer(
    public: Item, case: Case, charlie: User, staff: User
) -> None:
    decisions.decide(case.pk, staff, Verdict("remove"))
    assert not Report.objects.exists()
    assert [kind for kind, _words in told(charlie)] == ["report.acted"]


def test_after_an_undo_reporters_are_notified_again_only_of_another_outcome(
    case: Case, charlie: User, ada: User, bea: User
) -> None:
    for verdict in ("hide", "hide", "allow"):
        decisions.decide(case.pk, ada, Verdict(verdict))
        decisions.undo(ada)
    decisions.decide(case.pk, bea, Verdict("allow"))
    assert [kind for kind, _words in told(charlie)] == ["report.acted", "report.left"]


def test_a_case_that_ends_with_another_is_answered_too(
    public: Item, case: Case, charlie: User, ada: User
) -> None:
    from gallery.moderation import cases

    flagged = cases.flag(public, description="weapons", marks={"found": []})
    decisions.decide(flagged.pk, ada, Verdict("hide"))
    assert [kind for kind, _words in told(charlie)] == ["report.acted"]


def test_banned_reporters_and_the_deciding_moderator_get_no_notice(
    public: Item, case: Case, charlie: User, ada: User, bea: User
) -> None:
    complain(public, ada)
    sanctions.ban(charlie, bea, "spam")
    decisions.decide(case.pk, ada, Verdict("hide"))
    assert told(charlie) == [] and told(ada) == []


def test_comments_and_collections_are_called_what_they_are_in_the_readers_language(
    public: Item, alice: User, bob: User, charlie: User, ada: User
) -> None:
    User.objects.filter(pk=charlie.pk).update(language="zh-hans")
    comment = discussion.write(public, bob, "Rude words")
    shelf = curation.create(alice, "Found elsewhere")
    curation.set_visibility(shelf, "public")
    for thing in (comment, shelf):
        decisions.decide(complain(thing, charlie).pk, ada, Verdict("allow"))
    with translation.override("zh-hans"):
        expected = [str(translation.gettext("a comment")), str(translation.gettext("a collection"))]
    rows = Notice.objects.filter(user=charlie).order_by("id")
    assert [row.params["what"] for row in rows] == expected
    assert [row.link for row in rows] == [f"/gallery/{public.public_id}/", f"/collections/{shelf.public_id}/"]


def test_its_mails_may_be_declined(case: Case, charlie: User, ada: User, mailoutbox: list[Any]) -> None:
    assert (
        not notice_kinds.BY_NAME["report.acted"].necessary
        and not notice_kinds.BY_NAME["report.left"].necessary
    )
    User.objects.filter(pk=charlie.pk).update(email="charlie@example.org")
    NoticeChoice.objects.create(user=charlie, kind="report.acted", mail=False)
    decisions.decide(case.pk, ada, Verdict("hide"))
    while mail_queue.run_once():
        pass
    assert told(charlie) and "charlie@example.org" not in [to for mail in mailoutbox for to in mail.to]


def test_closing_reports_in_the_panel_is_the_decision_of_their_case(
    public: Item, case: Case, bob: User, charlie: User, ada: User, staff: User, client_of: ClientOf
) -> None:
    complain(public, bob)
    old = Report.objects.create(
        item=picture_item(public.user, "older", visibility="public"), reason="hate", reporter=bob
    )
    chosen = {"action": "close", "_selected_action": [case.reports.get(reporter=bob).pk, old.pk]}
    client_of(staff).post("/admin/gallery/report/", chosen)
    case.refresh_from_db()
    assert (case.decision, case.decided_by) == ("allow", staff)
    assert not Report.objects.filter(closed_at__isnull=True).exists()
    assert not Case.objects.filter(decided_at__isnull=True).exists()
    assert [len(told(user)) for user in (bob, charlie)] == [2, 1]
    # And back, as every decision.
    assert len(decisions.undo(staff)[0]) == 2
    assert Report.objects.filter(closed_at__isnull=True).count() == 3


def test_a_moderator_closes_no_report_of_their_own_picture_in_the_panel(
    staff: User, charlie: User, client_of: ClientOf
) -> None:
    case = complain(picture_item(staff, "mine", visibility="public"), charlie)
    report = Report.objects.get()
    answer = client_of(staff).post(
        "/admin/gallery/report/", {"action": "close", "_selected_action": [report.pk]}, follow=True
    )
    assert "not yours" in answer.content.decode()
    case.refresh_from_db()
    assert case.decided_at is None and Report.objects.get().closed_at is None

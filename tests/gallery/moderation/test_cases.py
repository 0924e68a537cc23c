"""How cases are opened, joined, decided once, and taken back."""

from __future__ import annotations

import pytest
from django.db import transaction

from accounts.models import AuditEntry, Notice, Sanction, User
from accounts.staff import audit_log, sanctions
from gallery.collections import curation
from gallery.items import publication
from gallery.library import trash
from gallery.models import Case, Comment, Item, Report
from gallery.moderation import appeals, case_jobs, cases, decisions
from gallery.moderation.decisions import AlreadyDecided, NotAllowed, Verdict
from gallery.moderation.effects import ban_effects, bulk_hide
from gallery.social import discussion
from predictions.models import RuleHit
from tests import factories
from tests.gallery.moderation.conftest import complain, make_moderator
from tests.support.audit_writes import recorded_writes
from tests.support.picture_items import picture_item
from tests.support.races import together

HIDE = Verdict("hide", message="copied work")
ALLOW = Verdict("allow")


def test_reports_of_one_picture_are_one_case(public: Item, case: Case, bob: User) -> None:
    assert complain(public, bob, "sexual") == case
    case.refresh_from_db()
    assert (case.count, case.reason, case.words) == (2, "copied", "This is my picture from March.")
    assert case.marks == {"reasons": {"copied": 1, "sexual": 1}}
    assert case.user_id == public.user_id


def test_words_of_a_later_report_stand_where_the_first_said_nothing(
    public: Item, bob: User, charlie: User
) -> None:
    complain(public, charlie)
    case = complain(public, bob, words="Look at the paw.")
    case.refresh_from_db()
    assert case.words == "Look at the paw."


def test_a_comment_and_a_collection_have_cases_of_their_makers(
    public: Item, alice: User, bob: User, charlie: User
) -> None:
    comment = discussion.write(public, bob, "Rude words")
    shelf = curation.create(alice, "Found elsewhere")
    curation.set_visibility(shelf, "public")
    assert complain(comment, charlie).user == bob
    assert complain(shelf, charlie).user == alice
    assert Case.objects.count() == 2


def test_a_report_after_a_decision_opens_a_new_case(public: Item, case: Case, ada: User, bob: User) -> None:
    decisions.decide(case.pk, ada, ALLOW)
    assert complain(public, bob) != case
    assert Case.objects.filter(decided_at__isnull=True).count() == 1


def test_old_reports_get_a_case_by_a_background_job(public: Item, charlie: User, bob: User) -> None:
    for user in (charlie, bob):
        Report.objects.create(item=public, reason="hate", words=user.username, reporter=user)
    assert case_jobs.open_for_reports()
    case = Case.objects.get()
    assert (case.count, case.words) == (2, "charlie")
    assert case.opened_at == Report.objects.order_by("id")[0].created_at
    assert not case_jobs.open_for_reports()


def test_what_a_rule_found_becomes_a_case_once_the_picture_is_there(alice: User) -> None:
    waiting = factories.make_prediction(alice)
    hit = {"what": "prompt", "source": "weapons", "action": "flag", "account": waiting.account, "user": alice}
    owed = RuleHit.objects.create(**hit, prediction=waiting.public_id, excerpt="a gun", case_owed=True)
    assert not case_jobs.open_for_findings()
    item = picture_item(alice, "a gun")
    RuleHit.objects.filter(pk=owed.pk).update(prediction=item.output.prediction.public_id)
    assert case_jobs.open_for_findings()
    case = Case.objects.get()
    assert (case.kind, case.item, case.words) == ("flag", item, "weapons: a gun")
    assert not case_jobs.open_for_findings()


def test_hiding_takes_it_from_the_public_and_tells_its_owner_why(
    public: Item, case: Case, ada: User, alice: User
) -> None:
    decisions.decide(case.pk, ada, HIDE)
    public.refresh_from_db()
    assert not public.is_public and public.hidden_reason == "copied work"
    assert Report.objects.get().closed_by == ada
    notice = Notice.objects.get(user=alice)
    assert notice.kind == "moderation.hidden"
    assert notice.params["reason"] == "copied work"
    assert notice.link == f"/account/decisions/{case.pk}/"
    # Never who complained.
    assert "charlie" not in str(notice.params)


def test_the_owner_is_notified_in_their_own_language(
    public: Item, case: Case, ada: User, alice: User
) -> None:
    User.objects.filter(pk=alice.pk).update(language="zh-hans")
    decisions.decide(case.pk, ada, Verdict("hide", message="Mine."))
    assert Notice.objects.get(user=alice).params["reason"] == "Mine."


def test_every_decision_is_on_record_with_its_case(public: Item, case: Case, ada: User) -> None:
    decisions.decide(case.pk, ada, Verdict("hide", message="copied work", note="Same backdrop."))
    decisions.undo(ada)
    hidden, undone = AuditEntry.objects.filter(case=case.pk).order_by("number")
    assert (hidden.actor, hidden.action, hidden.subject_id) == (ada, "item.hide", public.public_id)
    assert (hidden.reason, hidden.detail["note"]) == ("copied work", "Same backdrop.")
    assert undone.action == "item.undo_hide"
    assert list(audit_log.broken_entries()) == []


def test_a_case_is_decided_once(case: Case, ada: User, bea: User) -> None:
    decisions.decide(case.pk, ada, HIDE)
    with pytest.raises(AlreadyDecided) as late:
        decisions.decide(case.pk, bea, ALLOW)
    assert late.value.case.decided_by == ada
    assert AuditEntry.objects.filter(case=case.pk).count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_moderators_at_once_one_decides(public: Item, case: Case, ada: User, bea: User) -> None:
    def decide(by: User) -> str:
        try:
            decisions.decide(case.pk, by, HIDE)
        except AlreadyDecided:
            return "late"
        return "decided"

    came = together([lambda: decide(ada), lambda: decide(bea)])
    assert sorted(came) == ["decided", "late"]
    assert Notice.objects.filter(kind="moderation.hidden").count() == 1
    assert AuditEntry.objects.filter(action="item.hide").count() == 1


def test_taking_back_shows_it_again_and_opens_the_case(
    public: Item, case: Case, ada: User, alice: User
) -> None:
    decisions.decide(case.pk, ada, HIDE)
    reopened, stuck = decisions.undo(ada)
    assert [one.pk for one in reopened] == [case.pk] and not stuck
    public.refresh_from_db()
    case.refresh_from_db()
    assert public.is_public and case.decided_at is None and case.decision == ""
    assert Report.objects.get().closed_at is None
    assert [one.kind for one in Notice.objects.filter(user=alice).order_by("id")] == [
        "moderation.hidden",
        "moderation.restored",
    ]


def test_taking_back_takes_the_whole_key_press_and_then_the_one_before(
    alice: User, charlie: User, ada: User
) -> None:
    items = [picture_item(alice, f"picture {n}", visibility="public") for n in range(3)]
    found = [complain(item, charlie) for item in items]
    decisions.decide(found[0].pk, ada, HIDE)
    batch = decisions.new_batch()
    for one in found[1:]:
        decisions.decide(one.pk, ada, HIDE, batch)
    assert len(decisions.undo(ada)[0]) == 2
    assert Item.objects.public().count() == 2
    assert len(decisions.undo(ada)[0]) == 1
    assert Item.objects.public().count() == 3
    assert decisions.undo(ada) == ([], [])


def test_nobody_takes_back_what_another_decided(case: Case, ada: User, bea: User) -> None:
    decisions.decide(case.pk, ada, HIDE)
    batch = Case.objects.get(pk=case.pk).batch
    assert decisions.undo(bea, batch) == ([], [])
    assert Case.objects.get(pk=case.pk).decision == "hide"


def test_what_was_complained_of_again_is_not_taken_back(
    public: Item, case: Case, ada: User, bob: User
) -> None:
    decisions.decide(case.pk, ada, ALLOW)
    complain(public, bob)
    reopened, stuck = decisions.undo(ada)
    assert not reopened and [one.pk for one in stuck] == [case.pk]
    assert Case.objects.get(pk=case.pk).decision == "allow"


def test_a_picture_hidden_before_stays_hidden_when_a_later_case_is_taken_back(
    public: Item, case: Case, ada: User
) -> None:
    publication.publish(public)
    Item.objects.filter(pk=public.pk).update(hidden_at="2026-11-01T00:00:00Z", hidden_reason="before")
    decisions.decide(case.pk, ada, HIDE)
    decisions.undo(ada)
    public.refresh_from_db()
    assert public.hidden_reason == "before"


def test_hiding_ends_what_else_is_open_about_it(public: Item, case: Case, ada: User) -> None:
    flagged = cases.flag(public, description="weapons", marks={"found": []})
    decisions.decide(case.pk, ada, HIDE)
    flagged.refresh_from_db()
    assert flagged.decision == "hide"
    assert Notice.objects.filter(kind="moderation.hidden").count() == 1
    assert len(decisions.undo(ada)[0]) == 2
    public.refresh_from_db()
    assert public.is_public


def test_marking_sensitive_lets_it_stay_blurred(public: Item, case: Case, ada: User, alice: User) -> None:
    decisions.decide(case.pk, ada, Verdict("allow", sensitive=True))
    public.refresh_from_db()
    assert public.is_public and public.sensitive
    assert Notice.objects.get(user=alice).kind == "moderation.sensitive"
    decisions.undo(ada)
    public.refresh_from_db()
    assert not public.sensitive


def test_a_ban_from_a_case_hides_closes_and_is_taken_back(
    public: Item, case: Case, ada: User, alice: User
) -> None:
    decisions.decide(case.pk, ada, Verdict("hide", message="spam", sanction="ban"))
    alice.refresh_from_db()
    assert not alice.is_active
    assert Sanction.objects.get(user=alice).case == case.pk
    decisions.undo(ada)
    alice.refresh_from_db()
    assert alice.is_active and sanctions.ban_of(alice) is None
    public.refresh_from_db()
    assert public.is_public


def test_a_moderator_decides_nothing_about_themselves(ada: User, charlie: User) -> None:
    own = complain(picture_item(ada, "mine", visibility="public"), charlie)
    with pytest.raises(NotAllowed):
        decisions.decide(own.pk, ada, ALLOW)
    assert Case.objects.get(pk=own.pk).decided_at is None


def test_staff_are_not_banned_by_moderators_and_nothing_is_half_done(
    ada: User, bea: User, charlie: User
) -> None:
    item = picture_item(bea, "hers", visibility="public")
    case = complain(item, charlie)
    with pytest.raises(NotAllowed):
        decisions.decide(case.pk, ada, Verdict("hide", sanction="ban"))
    item.refresh_from_db()
    assert item.is_public and Case.objects.get(pk=case.pk).decided_at is None


def test_only_senior_moderators_remove(public: Item, case: Case, ada: User) -> None:
    with pytest.raises(NotAllowed):
        decisions.decide(case.pk, ada, Verdict("remove"))
    senior = make_moderator("senior", "remove_item")
    decisions.decide(case.pk, senior, Verdict("remove", message="violent or gory"))
    assert not Item.objects.filter(pk=public.pk).exists()
    case.refresh_from_db()
    assert (case.decision, case.item, case.about) == ("remove", None, "a green valley")
    assert decisions.undo(senior)[0] == []


@pytest.mark.parametrize("decision", ["publish", "restore", "uphold", "refuse", "gone"])
def test_a_report_is_not_ended_by_what_ends_other_kinds(case: Case, ada: User, decision: str) -> None:
    with pytest.raises(ValueError):
        decisions.decide(case.pk, ada, Verdict(decision))
    assert Case.objects.get(pk=case.pk).decided_at is None


def test_a_hidden_comment_comes_back_with_its_count(
    public: Item, bob: User, charlie: User, ada: User
) -> None:
    comment = discussion.write(public, bob, "Rude words")
    case = complain(comment, charlie, "hate")
    decisions.decide(case.pk, ada, Verdict("hide"))
    public.refresh_from_db()
    assert public.comments == 0
    assert Notice.objects.get(user=bob).params["reason"] == "hate or harassment"
    decisions.undo(ada)
    public.refresh_from_db()
    assert public.comments == 1 and Comment.objects.get().hidden_at is None


def test_a_case_of_what_its_owner_deleted_closes_by_itself(case: Case, public: Item) -> None:
    from gallery.items import deletion

    deletion.delete(public)
    case_jobs.close_orphans()
    case.refresh_from_db()
    assert case.decision == "gone"


def test_all_public_pictures_of_a_member_are_hidden_as_one_decision_and_come_back(
    alice: User, ada: User
) -> None:
    items = [picture_item(alice, f"picture {n}", visibility="public") for n in range(3)]
    private = picture_item(alice, "private")
    other = decisions.hide_directly([items[0]], ada, "copied work")[0]
    deed = bulk_hide.hide_all(alice, ada, "spam")
    with pytest.raises(bulk_hide.Busy):
        bulk_hide.hide_all(alice, ada, "spam")
    while bulk_hide.run_once():
        pass
    deed.refresh_from_db()
    assert deed.changed == 2 and deed.done_at is not None
    assert Item.objects.public().count() == 0
    private.refresh_from_db()
    assert private.hidden_at is None
    assert Notice.objects.filter(user=alice, kind="moderation.hidden").count() == 2
    bulk_hide.restore_all(deed.case, ada, "a mistake")
    while bulk_hide.run_once():
        pass
    # What was hidden for another reason stays hidden.
    assert set(Item.objects.public()) == set(items[1:])
    assert Case.objects.get(pk=other.pk).decision == "hide"
    with pytest.raises(bulk_hide.NothingToHide):
        bulk_hide.restore_all(deed.case, ada, "again")


def test_what_is_hidden_for_itself_stays_when_all_others_come_back(alice: User, bob: User, ada: User) -> None:
    items = [picture_item(alice, f"picture {n}", visibility="public") for n in range(3)]
    cases = [complain(item, bob) for item in items[:2]]
    deed = bulk_hide.hide_all(alice, ada, "spam")
    while bulk_hide.run_once():
        pass
    for case in cases:
        decisions.decide(case.pk, ada, HIDE)
    assert Item.objects.get(pk=items[0].pk).hidden_reason == "copied work"
    # One of the two is taken back: it is hidden with the others again, and comes back with them.
    reopened, _stuck = decisions.undo(ada)
    assert reopened == [cases[1]] and Item.objects.get(pk=items[1].pk).hidden_reason == "spam"
    bulk_hide.restore_all(deed.case, ada, "a mistake")
    while bulk_hide.run_once():
        pass
    assert set(Item.objects.public()) == set(items[1:])


def test_what_is_hidden_for_itself_stays_when_a_ban_is_lifted(
    alice: User, public: Item, case: Case, ada: User
) -> None:
    row = sanctions.ban(alice, ada, "spam", hide_public=True)
    while ban_effects.run_once():
        pass
    assert Item.objects.get(pk=public.pk).hidden_for == row
    decisions.decide(case.pk, ada, HIDE)
    sanctions.lift(row, ada, "a mistake")
    while ban_effects.run_once():
        pass
    assert not Item.objects.get(pk=public.pk).is_public
    # Nothing is left that it was hidden with: taking the decision back shows it.
    decisions.undo(ada)
    assert Item.objects.get(pk=public.pk).is_public


def test_upon_staff_and_what_is_theirs_only_administrators_act_and_upon_themselves_nobody(
    ada: User, bea: User, staff: User, charlie: User
) -> None:
    mine, boss = (
        picture_item(ada, "mine", visibility="public"),
        picture_item(staff, "hers", visibility="public"),
    )
    remark = discussion.write(boss, ada, "Rude words")
    for things, by in (([mine, boss, remark], bea), ([mine, remark], ada), ([boss], staff)):
        assert decisions.hide_directly(things, by, "spam") == [] and not Case.objects.exists()
    case = complain(mine, charlie)
    for by in (ada, bea):
        for verdict in (HIDE, ALLOW, Verdict("allow", sensitive=True)):
            with pytest.raises(NotAllowed):
                decisions.decide(case.pk, by, verdict)
    for target, by in ((ada, bea), (ada, ada), (staff, bea), (staff, staff)):
        with pytest.raises(bulk_hide.NotAllowed):
            bulk_hide.hide_all(target, by, "spam")
    assert Item.objects.public().count() == 2 and not AuditEntry.objects.exists()
    assert len(decisions.hide_directly([mine, remark], staff, "spam")) == 2
    mine.refresh_from_db()
    assert not decisions.restore_directly(mine, ada) and not decisions.restore_directly(mine, bea)
    assert decisions.restore_directly(mine, staff)
    deed = bulk_hide.hide_all(ada, staff, "spam")
    while bulk_hide.run_once():
        pass
    with pytest.raises(bulk_hide.NotAllowed):
        bulk_hide.restore_all(deed.case, bea, "a mistake")


def test_an_owner_does_not_take_a_moderators_mark_back(
    public: Item, case: Case, ada: User, alice: User
) -> None:
    decisions.decide(case.pk, ada, Verdict("allow", sensitive=True))
    marked = Item.objects.select_related("user").get(pk=public.pk)
    publication.describe(marked, sensitive=False)
    publication.publish(marked, sensitive=False)
    assert Item.objects.get(pk=public.pk).sensitive
    decisions.undo(ada)
    assert not Item.objects.get(pk=public.pk).sensitive


def test_what_lies_in_the_trash_does_not_escape_the_hiding_of_all(alice: User, ada: User) -> None:
    shown, thrown = (picture_item(alice, f"picture {n}", visibility="public") for n in range(2))
    account = factories.account_of(alice)
    trash.move(account, [thrown])
    bulk_hide.hide_all(alice, ada, "spam")
    while bulk_hide.run_once():
        pass
    trash.restore(account, [thrown.public_id])
    assert not Item.objects.public().filter(pk__in=[shown.pk, thrown.pk]).exists()


def test_what_another_hid_since_is_neither_taken_back_nor_appealed_with_the_first_decision(
    public: Item, case: Case, ada: User, bea: User, alice: User, bob: User
) -> None:
    decisions.decide(case.pk, ada, HIDE)
    decisions.restore_directly(Item.objects.get(pk=public.pk), bea)
    second = complain(public, bob)
    decisions.decide(second.pk, bea, HIDE)
    _reopened, stuck = decisions.undo(ada)
    assert stuck == [case] and not Item.objects.get(pk=public.pk).is_public
    with pytest.raises(appeals.NotAppealable):
        appeals.create(Case.objects.get(pk=case.pk), alice, "It is mine.")
    assert appeals.create(Case.objects.get(pk=second.pk), alice, "It is mine.").parent == second


def test_no_row_is_written_behind_the_record(alice: User, charlie: User, ada: User, staff: User) -> None:
    items = [picture_item(alice, f"picture {n}", visibility="public") for n in range(7)]
    found = [complain(item, charlie) for item in items]

    def appealed(decided: Case) -> Case:
        return appeals.create(Case.objects.get(pk=decided.pk), alice, "It is mine.")

    # What others make of a decision, and what it makes of itself: all of it stands before the entry that locks the log.
    with recorded_writes() as (_tables, behind):
        decisions.decide(found[0].pk, ada, Verdict("hide", sanction="warn"))
        decisions.undo(ada)
        decisions.decide(found[1].pk, ada, Verdict("hide", sanction="mute"))
        cases.flag(items[2], description="weapons", marks={"found": []})
        decisions.decide(found[2].pk, staff, Verdict("remove", sanction="warn"))
        decisions.decide(appealed(found[1]).pk, staff, Verdict("restore"))
        decisions.decide(found[3].pk, ada, Verdict("allow", sensitive=True))
        decisions.hide_directly(items[4:6], ada, "spam")
        decisions.restore_directly(Item.objects.get(pk=items[4].pk), ada)
        deed = bulk_hide.hide_all(alice, ada, "spam")
        while bulk_hide.run_once():
            pass
        decisions.decide(appealed(deed.case).pk, staff, Verdict("restore"))
        while bulk_hide.run_once():
            pass
        decisions.decide(found[6].pk, ada, Verdict("hide", sanction="ban", hide_public=True))
        sanctions.unban(alice, ada, "a mistake")
    assert behind == []
    assert AuditEntry.objects.count() >= 16 and list(audit_log.broken_entries()) == []


def test_what_is_undone_with_an_act_is_not_on_record(alice: User, staff: User) -> None:
    with transaction.atomic(), audit_log.gathered():
        audit_log.write(staff, "house.change", alice)
        with pytest.raises(ValueError, match="once more"), transaction.atomic(), audit_log.gathered():
            audit_log.write(staff, "user.ban", alice)
            raise ValueError("once more")
        assert not AuditEntry.objects.exists()
    assert [entry.action for entry in AuditEntry.objects.all()] == ["house.change"]


@pytest.mark.django_db(transaction=True)
def test_two_who_ban_the_same_member_beside_a_decision_do_not_wait_for_each_other_for_ever(
    alice: User, charlie: User, ada: User, bea: User
) -> None:
    found = [complain(picture_item(alice, f"picture {n}", visibility="public"), charlie) for n in range(2)]

    def decide(case: Case, by: User) -> str:
        decisions.decide(case.pk, by, Verdict("hide", message="spam", sanction="ban"))
        return "decided"

    assert together([lambda: decide(found[0], ada), lambda: decide(found[1], bea)]) == ["decided"] * 2
    assert Sanction.objects.filter(kind="ban").count() == 1 and list(audit_log.broken_entries()) == []

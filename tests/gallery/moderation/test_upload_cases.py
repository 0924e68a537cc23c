"""A sent file that a classifier would have a moderator see becomes a case, with what it looks like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEntry, Notice, Sanction, User
from gallery.models import Case, Evidence, Export
from gallery.moderation import appeals, case_jobs, decisions, evidence, upload_cases
from gallery.moderation.decisions import Verdict
from gallery.privacy import exports
from predictions import image_safety
from predictions.audit import stored_files
from predictions.files import phash, uploads
from predictions.image_safety import upload_checks
from predictions.inputs.files import InputFiles
from predictions.models import BlockedPicture, Classifier, RuleHit, StoredFile, Upload, Version
from tests import factories
from tests.predictions.image_safety.classifier_service import as_bytes, scene

PICTURE = as_bytes(scene(3))
pytestmark = pytest.mark.django_db(transaction=True)


def sees(picture: bytes, context: dict[str, Any]) -> dict[str, float]:
    """An in-process classifier that flags everything for review."""
    return {"nsfw": 0.75}


@pytest.fixture(autouse=True)
def _classifier(db: None, settings: Any) -> None:
    settings.CLASSIFIERS = [f"{__name__}.sees"]
    Classifier.objects.create(
        name="watcher", kind="python", target=f"{__name__}.sees", on_uploads=True, timeout=5,
        limits={"nsfw": {"flag": 0.7, "drop": 0.9}},
    )  # fmt: skip


def send(user: User, name: str = "cat.png", data: bytes = PICTURE) -> Upload:
    return uploads.keep(user, factories.account_of(user), uploads.Sent(name, "image/png", {}), iter([data]))


@pytest.fixture
def case(alice: User) -> Case:
    send(alice)
    assert case_jobs.open_for_findings()
    return Case.objects.get()


def unowned() -> list[str]:
    """Files of which the audit says that nobody has them."""
    return [
        breach.subject
        for breach in stored_files.breaches()
        if "own" in breach.message or "orphan" in breach.message
    ]


def test_it_opens_a_case_with_what_was_found_and_how_it_looks(
    alice: User, case: Case, as_ada: Client
) -> None:
    assert (case.kind, case.user, case.about, case.upload) == ("flag", alice, "cat.png", Upload.objects.get())
    assert case.look is not None and case.look.state == "kept" and (case.look.width or 0) <= 640
    assert case.marks["found"][0]["found"] == "cat.png nsfw 0.75"
    page = as_ada.get("/admin/moderation/").content.decode()
    assert (
        'class="case-open covered"' in page and 'class="look-picture covered"' in page and "cat.png" in page
    )
    for size in ("medium", "full"):
        answer: Any = as_ada.get(f"/admin/moderation/{case.pk}/picture/{size}/")
        assert answer.status_code == 200 and answer["Content-Type"] in ("image/webp", "image/jpeg")
    assert as_ada.get(f"/admin/moderation/{case.pk}/picture/small/").status_code == 404
    assert unowned() == []
    assert (
        not case_jobs.open_for_findings()
        and not case_jobs.close_orphans()
        and Case.objects.get().decided_at is None
    )


def test_nobody_but_moderators_sees_how_it_looks(case: Case, as_alice: Client, client: Client) -> None:
    for one in (as_alice, client):
        assert one.get(f"/admin/moderation/{case.pk}/picture/medium/").status_code in (302, 403)


def test_the_same_file_sent_again_joins_the_case_and_another_opens_its_own(alice: User, case: Case) -> None:
    send(alice, "again.png")
    send(alice, "other.png", as_bytes(scene(4)))
    while case_jobs.open_for_findings():
        pass
    counts = list(Case.objects.order_by("id").values_list("about", "count"))
    assert counts == [("cat.png", 2), ("other.png", 1)]
    assert StoredFile.objects.filter(state="doomed").count() == 1 and unowned() == []


def test_what_stands_in_an_input_alone_has_a_case_too(alice: User, ada: User) -> None:
    import base64

    version = version_with_image()
    uri = f"data:image/png;base64,{base64.b64encode(PICTURE).decode()}"
    files = InputFiles(version, {"image": uri}, "")
    for dry in (True, False):
        assert upload_checks.objections(files, factories.account_of(alice), alice, dry=dry) == []
    assert case_jobs.open_for_findings()
    case = Case.objects.get()
    assert (case.upload, case.about, case.look is not None) == (None, "image", True)
    staff = factories.make_staff("root")
    decisions.decide(case.pk, staff, Verdict("remove"))
    assert Evidence.objects.get().file is not None


def version_with_image() -> Version:
    schema = {"type": "object", "properties": {"image": {"type": "string", "format": "uri"}}}
    return factories.make_version(input_schema=schema)


def test_letting_it_stand_changes_nothing_and_can_be_taken_back_until_its_look_goes(
    case: Case, ada: User, alice: User
) -> None:
    decisions.decide(case.pk, ada, Verdict("allow"))
    assert uploads.usable(factories.account_of(alice), Upload.objects.get().public_id)
    assert not upload_cases.delete_old_thumbnails()
    assert len(decisions.undo(ada)[0]) == 1
    decisions.decide(case.pk, ada, Verdict("allow"))
    Case.objects.update(decided_at="2026-01-01T00:00:00Z")
    assert upload_cases.delete_old_thumbnails() and not upload_cases.delete_old_thumbnails()
    assert Case.objects.get().look is None and unowned() == []


def test_taking_it_away_with_a_ban_ends_its_use_tells_its_sender_and_may_be_appealed(
    case: Case, ada: User, bea: User, alice: User
) -> None:
    upload = Upload.objects.get()
    decided = decisions.decide(case.pk, ada, Verdict("hide", message="violent or gory", sanction="ban"))
    assert not uploads.usable(factories.account_of(alice), upload.public_id)
    assert Sanction.objects.get().kind == "ban" and decided.done["taken"]
    notice = Notice.objects.filter(user=alice).order_by("id")[0]
    assert (notice.kind, notice.params["what"]) == ("moderation.removed", "your file “cat.png”")
    assert decisions.undo(ada)[1] == [case]
    appeal = appeals.create(Case.objects.get(pk=case.pk), alice, "It is my cat.")
    decisions.decide(appeal.pk, bea, Verdict("restore"))
    assert Notice.objects.filter(user=alice, kind="moderation.appeal_right").exists()


def test_whoever_looks_at_the_appeal_sees_it_too(case: Case, ada: User, alice: User, as_bea: Client) -> None:
    decisions.decide(case.pk, ada, Verdict("hide"))
    appeal = appeals.create(Case.objects.get(pk=case.pk), alice, "It is my cat.")
    assert as_bea.get(f"/admin/moderation/{appeal.pk}/picture/medium/").status_code == 200
    page = as_bea.get(f"/admin/moderation/?tab=appeals&case={appeal.pk}")
    assert "look-picture covered" in page.content.decode()


def test_removing_it_seals_the_whole_file_and_blocks_the_picture(
    case: Case, staff: User, ada: User, alice: User
) -> None:
    with pytest.raises(decisions.NotAllowed):
        decisions.decide(case.pk, ada, Verdict("remove"))
    exports.request_export(alice, factories.account_of(alice))
    assert exports.build_next()
    decisions.decide(case.pk, staff, Verdict("remove", message="violent or gory"))
    assert not Upload.objects.exists() and Export.objects.get().state == "gone"
    assert evidence.run_once()
    row = Evidence.objects.get()
    assert b"".join(evidence.content(row)) == PICTURE
    assert evidence.open_evidence(row.pk, staff, "Asked for by the police").words["file"] == "cat.png"
    assert image_safety.is_blocked(phash.compute(scene(3))) and BlockedPicture.objects.get().case == case.pk
    with pytest.raises(upload_checks.NotTaken, match="was removed"):
        send(alice)
    assert unowned() == []
    acts = set(AuditEntry.objects.values_list("action", flat=True))
    assert {"case.remove", "upload.take_out", "evidence.open"} <= acts


def test_a_file_that_its_sender_deleted_meanwhile_is_still_seen_and_removed(case: Case, staff: User) -> None:
    uploads.delete(Upload.objects.get())
    assert not Upload.objects.exists()
    case.refresh_from_db()
    assert case.look is not None
    decisions.decide(case.pk, staff, Verdict("remove"))
    assert evidence.run_once() and image_safety.is_blocked(phash.compute(scene(3))) and unowned() == []


def test_what_is_refused_at_once_opens_no_case(alice: User) -> None:
    Classifier.objects.update(limits={"nsfw": {"drop": 0.7}})
    from predictions.image_safety import classifiers

    classifiers.drop_cache()
    with pytest.raises(upload_checks.NotTaken):
        send(alice)
    assert not case_jobs.open_for_findings() and RuleHit.objects.get().look is None


def test_it_is_decided_by_the_moderation_pages_buttons(
    case: Case, as_ada: Client, client_of: Callable[[User], Client]
) -> None:
    page = as_ada.get(f"/admin/moderation/{case.pk}/").content.decode()
    assert "Take away" in page and "Remove for good" not in page and 'value="ban"' in page
    as_ada.post(f"/admin/moderation/{case.pk}/decide/", {"deed": "hide", "reason": "violent or gory"})
    assert Case.objects.get(pk=case.pk).decision == "hide"
    with pytest.raises(decisions.AlreadyDecided):
        decisions.decide(case.pk, factories.make_staff("root"), Verdict("remove"))


def test_its_sender_reads_that_a_file_was_taken_away_and_not_that_a_picture_was_hidden(
    case: Case, ada: User, as_alice: Client
) -> None:
    decisions.decide(case.pk, ada, Verdict("hide"))
    page = as_alice.get(f"/account/decisions/{case.pk}/").content.decode()
    assert "A moderator took away a file that you sent" in page and "hid your picture" not in page
    assert "taken away: cat.png" in as_alice.get("/account/decisions/").content.decode()

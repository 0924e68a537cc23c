"""Admin of prompt rules, classifiers and blocked pictures: saving, dry runs, lifting, and the audit log."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEntry, User
from core import crypto
from predictions import image_safety
from predictions.models import BlockedPicture, Classifier, PromptRule
from predictions.policy import dry_runs, prompt_rules
from tests import factories
from tests.predictions.image_safety.classifier_service import ClassifierService
from tests.runner.sampling import one_in

pytestmark = pytest.mark.django_db
RULES = "/admin/predictions/promptrule/"
CLASSIFIERS = "/admin/predictions/classifier/"
NO_PLANS = {
    "plans-TOTAL_FORMS": "0", "plans-INITIAL_FORMS": "0", "plans-MIN_NUM_FORMS": "0", "plans-MAX_NUM_FORMS": "1000"
}  # fmt: skip


@pytest.fixture
def staff_client(staff: User, client_of: Callable[[User], Client]) -> Client:
    return client_of(staff)


def rule(**fields: Any) -> dict[str, Any]:
    return {
        "name": "bare", "kind": "words", "text": "nude", "action": "refuse", "words": "", "enabled": "on", **NO_PLANS,
        **fields,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "text", "says"),
    one_in(
        2,
        [
            ("pattern", "(", "RE2 does not take this pattern"),
            ("pattern", r"(a)\1", "RE2 does not take this pattern"),
            ("pattern", "a*", "RE2 does not take this pattern"),
            ("words", "# only a note", "Write at least one word."),
            ("words", "x" * 81, "is longer than 80 characters"),
            ("words", "!!!", "has neither letter nor digit"),
        ],
    ),
)
def test_what_cannot_be_looked_for_is_said_at_the_form(
    staff_client: Client, kind: str, text: str, says: str
) -> None:
    page = staff_client.post(f"{RULES}add/", rule(kind=kind, text=text))
    assert says in page.content.decode() and not PromptRule.objects.exists()


def test_a_rule_is_saved_on_record_and_says_what_it_would_have_found(
    staff_client: Client, staff: User, alice: User
) -> None:
    factories.make_prediction(alice, input={"prompt": "a n.u.d.e lady"})
    factories.make_prediction(alice, input={"prompt": "a cat"})
    page = staff_client.post(f"{RULES}add/", rule(), follow=True).content.decode()
    assert "Of the last 2 prompts it would have found something in 1." in page
    made = PromptRule.objects.get()
    assert made.created_by == staff
    staff_client.post(f"{RULES}{made.pk}/change/", rule(action="flag"))
    entries = AuditEntry.objects.filter(subject_kind="promptrule").order_by("number")
    assert [one.action for one in entries] == ["prompt_rule.add", "prompt_rule.change"]
    assert (entries[1].detail["before"]["action"], entries[1].detail["after"]["action"]) == ("refuse", "flag")


def test_the_box_shows_what_would_be_found_where_and_what_would_happen(
    staff_client: Client, alice: User
) -> None:
    PromptRule.objects.create(name="bare", text="nude")
    factories.make_prediction(alice, input={"prompt": "an axolotl"})
    given = {"prompt": "a <b>n.u.d.e</b> axolotl", "kind": "words", "text": "axolotl"}
    page = staff_client.post(f"{RULES}try/", given).content.decode()
    assert "This prompt would be refused" in page and ">n.u.d.e</mark>" in page
    assert "&lt;b&gt;" in page and ">axolotl</mark>" in page
    assert "Of the last 1 prompt it would have found something in 1." in page
    assert staff_client.post(f"{RULES}try/", {**given, "kind": "pattern", "text": "("}).status_code == 422


def test_trying_a_rule_holds_few_of_the_last_inputs_and_nobody_up(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    size, many = 1024**2, 20
    for _number in range(many):
        factories.make_prediction(
            alice, input={"prompt": "a cat", "image": f"data:image/png;base64,{'A' * size}"}
        )
    tried = prompt_rules.compile_rules([PromptRule(name="cats", text="cat")])
    tracemalloc.start()
    assert dry_runs.on_recent(tried).found == many
    assert tracemalloc.get_traced_memory()[1] < many * size
    tracemalloc.stop()
    monkeypatch.setattr(dry_runs, "TIME_LIMIT_S", 0)
    assert dry_runs.on_recent(tried).of == 1


def test_a_classifiers_secret_goes_in_and_never_comes_out(staff_client: Client, settings: Any) -> None:
    settings.OUTBOUND_ALLOW = ["127.0.0.1/32"]
    form = {
        "name": "watcher", "kind": "webhook", "target": "http://127.0.0.1:9/", "limit_lines": "nsfw: drop 0.9",
        "timeout": "5", "when_down": "review", "enabled": "on", "new_secret": "",
    }  # fmt: skip
    page = staff_client.post(f"{CLASSIFIERS}add/", form, follow=True).content.decode()
    made = Classifier.objects.get()
    secret = crypto.decrypt(made.secret)
    assert secret.startswith("whsec_") and page.count(secret) == 1, "shown once, when it was made"
    assert made.limits == {"nsfw": {"drop": 0.9}}
    assert secret not in staff_client.get(f"{CLASSIFIERS}{made.pk}/change/").content.decode()
    assert secret not in str(AuditEntry.objects.get(action="classifier.add").detail)


@pytest.mark.parametrize(
    ("name", "value"),
    one_in(
        2,
        [
            ("limit_lines", "nsfw"),
            ("limit_lines", "nsfw: drop 2"),
            ("limit_lines", "nsfw: burn 0.5"),
            ("target", "http://127.0.0.1/"),
            ("timeout", "60"),
            ("new_secret", "no secret"),
        ],
    ),
)
def test_a_classifier_that_cannot_work_is_not_saved(staff_client: Client, name: str, value: str) -> None:
    form = {
        "name": "watcher", "kind": "webhook", "target": "https://judge.example/", "limit_lines": "nsfw: drop 0.9",
        "timeout": "5", "when_down": "review", "enabled": "on", "new_secret": "", name: value,
    }  # fmt: skip
    staff_client.post(f"{CLASSIFIERS}add/", form)
    assert not Classifier.objects.exists()


def test_a_classifier_is_tried_with_a_harmless_picture(staff_client: Client, settings: Any) -> None:
    settings.OUTBOUND_ALLOW = ["127.0.0.1/32"]
    with ClassifierService() as service:
        row = Classifier.objects.create(name="watcher", kind="webhook", target=service.url)
        assert (
            "harmless picture"
            in staff_client.get(f"{CLASSIFIERS}{row.pk}/try/", follow=True).content.decode()
        )
        assert service.requests == []
        page = staff_client.post(f"{CLASSIFIERS}{row.pk}/try/", follow=True).content.decode()
        assert "It answers: nsfw 0.01." in page and len(service.requests) == 1
        service.status = 503
        page = staff_client.post(f"{CLASSIFIERS}{row.pk}/try/", follow=True).content.decode()
    assert "No judgement: It answered 503." in page
    row.refresh_from_db()
    assert row.failure == "It answered 503."


def test_a_block_is_lifted_with_a_reason_on_record(staff_client: Client) -> None:
    image_safety.block("0f" * 32, reason="Not ours to show", case=7)
    row = BlockedPicture.objects.get()
    chosen = {"action": "lift", "_selected_action": [row.pk]}
    staff_client.post("/admin/predictions/blockedpicture/", chosen)
    assert image_safety.is_blocked("0f" * 32), "it asks why first"
    staff_client.post("/admin/predictions/blockedpicture/", {**chosen, "reason": "A mistake"})
    assert not image_safety.is_blocked("0f" * 32)
    entry = AuditEntry.objects.get(action="blocked_picture.lift")
    assert (entry.reason, entry.case) == ("A mistake", 7)


@pytest.mark.parametrize("given", ["abc", "²", "9" * 30])
def test_a_rule_that_is_none_leads_to_an_empty_box(staff_client: Client, given: str) -> None:
    page = staff_client.get(f"{RULES}{given}/box/", follow=True)
    assert page.status_code == 200 and page.redirect_chain[-1][0].startswith(f"{RULES}try/")

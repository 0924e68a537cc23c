"""A forbidden prompt is refused by every endpoint, with the same message and without a charge."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from predictions.models import Deployment, PlanRule, Prediction, PromptRule, RuleHit, Version
from predictions.policy import prompt_rules, rule_hits
from predictions.submit import acceptance, checks, refusals, work_request
from tests import factories
from tests.predictions.api_dialects.openai.conftest import INPUT_SCHEMA as IMAGES
from tests.predictions.api_dialects.openai.conftest import OpenAI
from tests.predictions.api_dialects.replicate.conftest import Api

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider")]
ClientOf = Callable[[User], Client]
WORDS = "This server does not allow “n.u.d.e”. Nothing was charged."
BAD = "a n.u.d.e lady"


@pytest.fixture
def rule(db: None) -> PromptRule:
    return PromptRule.objects.create(name="bare", text="nude\nnaked person")


@pytest.fixture
def version(db: None) -> Version:
    schema = copy.deepcopy(IMAGES)
    schema["properties"] |= {
        "negative_prompt": {"type": "string", "x-order": 7},
        "captions": {"type": "array", "items": {"type": "string"}, "x-order": 8},
        "image": {"type": "string", "format": "uri", "x-order": 9},
        "style": {"type": "object", "x-order": 10},
    }
    return factories.make_version(input_schema=schema)


def ask(user: User, version: Version, **given: Any) -> Prediction:
    request = work_request.Request(factories.account_of(user), user, version, given)
    return acceptance.accept(request)


CreateBy = Callable[[User, Version, ClientOf], str]


def by_v1(alice: User, version: Version, client_of: ClientOf, mount: str = "/v1") -> str:
    answer = Api(factories.make_token(alice), mount).create(version.pk, {"prompt": BAD})
    assert answer.status_code == 422 and answer.json()["title"] == "Prompt not allowed"
    assert answer.json()["invalid_fields"][0]["field"] == "input.prompt"
    return str(answer.json()["detail"]).removeprefix("- input.prompt: ").strip()


def by_replicate(alice: User, version: Version, client_of: ClientOf) -> str:
    return by_v1(alice, version, client_of, "/replicate/v1")


def by_images(alice: User, version: Version, client_of: ClientOf) -> str:
    answer = OpenAI(factories.make_token(alice)).generate(version, prompt=BAD)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "moderation_blocked")
    return str(error["message"]).split(": ")[-1].strip()


def by_deployment(alice: User, version: Version, client_of: ClientOf) -> str:
    Deployment.objects.create(owner="house", name="cards", version=version, input={"prompt": BAD})
    api = Api(factories.make_token(alice))
    answer = api.post("/deployments/house/cards/predictions", {"input": {"prompt": "a cat"}})
    assert answer.status_code == 422
    return str(answer.json()["detail"]).removeprefix("- input.prompt: ").strip()


def by_studio(alice: User, version: Version, client_of: ClientOf) -> str:
    form = {"model": version.model.ref, "switches": "1", "prompt": BAD}
    answer = client_of(alice).post("/studio/make/", form)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert WORDS in page
    return WORDS


@pytest.mark.parametrize("create_by", [by_v1, by_replicate, by_images, by_deployment, by_studio])
def test_every_door_refuses(
    alice: User, version: Version, rule: PromptRule, client_of: ClientOf, create_by: CreateBy
) -> None:
    assert create_by(alice, version, client_of) == WORDS
    assert not Prediction.objects.exists()
    assert factories.account_of(alice).held == 0
    hit = RuleHit.objects.get()
    assert (hit.rule, hit.action, hit.excerpt, hit.case_owed) == (rule, "refuse", BAD, False)
    assert hit.marks == {"input": "prompt", "found": "n.u.d.e"}


def test_the_studio_says_it_in_the_readers_language(
    alice: User, version: Version, rule: PromptRule, client_of: ClientOf
) -> None:
    rules_own = PromptRule.objects.create(name="own words", text="axolotl", words="No axolotls here")
    form = {"model": version.model.ref, "switches": "1", "prompt": "an axolotl"}
    page = client_of(alice).post("/studio/make/", form).content.decode()
    assert "No axolotls here. Nothing was charged." in page and rules_own.name not in page


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"prompt": "x", "captions": ["fine", "nude"]}, "input.captions"),
        ({"prompt": "x", "style": {"of": {"it": "NUDE"}}}, "input.style"),
        ({"prompt": "data: nude"}, "input.prompt"),
        ({"prompt": "data:a/b;base64, a nude lady"}, "input.prompt"),
        ({"prompt": f"data:image/png;base64,{'A' * 3000} nude"}, "input.prompt"),
        ({"prompt": "data:a/b;base64,/nude/"}, "input.prompt"),
        ({"prompt": "x", "captions": [*["fine"] * 1200, "nude"]}, "input.captions"),
        ({"prompt": "x", "style": {"a": {"b": {"c": {"d": {"e": {"nude": 1.2}}}}}}}, "input.style"),
        ({"prompt": "fine", "quality": "naked  person"}, "input.quality"),
    ],
)
def test_every_text_of_an_input_is_searched_and_the_refusal_names_it(
    alice: User, version: Version, rule: PromptRule, given: dict[str, Any], field: str
) -> None:
    with pytest.raises(refusals.PromptNotAllowed) as refused:
        ask(alice, version, **given)
    assert [fault.field for fault in refused.value.faults] == [field]


@pytest.mark.parametrize(
    "much",
    [["x"] * 5001, ["x" * 90_000] * 5, functools.reduce(lambda inner, _: [inner], range(17), "nude")],
    ids=["many", "long", "deep"],
)
def test_what_no_rule_would_read_to_its_end_is_not_taken(
    alice: User, version: Version, rule: PromptRule, much: Any
) -> None:
    with pytest.raises(refusals.PromptNotAllowed) as refused:
        ask(alice, version, prompt="x", style={"of": much})
    assert [fault.field for fault in refused.value.faults] == ["input.style"]
    assert not Prediction.objects.exists()


def test_addresses_and_files_are_no_prompts(alice: User, version: Version, rule: PromptRule) -> None:
    made = ask(alice, version, prompt="a cat", image="https://example.com/nude/naked%20person.png")
    assert made.status == "starting" and not RuleHit.objects.exists()


def test_negative_prompts_are_searched_by_rules_that_say_so_alone(
    alice: User, version: Version, rule: PromptRule
) -> None:
    assert ask(alice, version, prompt="a lady", negative_prompt="nude, blurry").status == "starting"
    rule.negative = True
    rule.save()
    with pytest.raises(refusals.PromptNotAllowed):
        ask(alice, version, prompt="a lady", negative_prompt="nude, blurry")


def test_what_is_flagged_runs_and_is_owed_a_case(alice: User, version: Version, rule: PromptRule) -> None:
    PromptRule.objects.filter(pk=rule.pk).update(action="flag")
    prompt_rules.drop_cache()
    made = ask(alice, version, prompt=BAD)
    hit = RuleHit.objects.get()
    assert (hit.prediction, hit.action, hit.case_owed) == (made.public_id, "flag", True)


def test_a_request_that_is_not_accepted_after_all_flags_nothing(
    charlie: User, version: Version, rule: PromptRule
) -> None:
    PromptRule.objects.filter(pk=rule.pk).update(action="flag")
    prompt_rules.drop_cache()
    with pytest.raises(refusals.InsufficientCredit):
        ask(charlie, version, prompt=BAD)
    assert not RuleHit.objects.exists()


@pytest.mark.parametrize(("action", "runs"), [("off", True), ("flag", True), ("refuse", False)])
def test_a_rule_does_something_else_for_a_plan(
    alice: User, bob: User, version: Version, rule: PromptRule, action: str, runs: bool
) -> None:
    account = factories.account_of(alice)
    account.plan = _plan()
    account.save(update_fields=["plan"])
    PromptRule.objects.filter(pk=rule.pk).update(action="refuse" if runs else "off")
    PlanRule.objects.create(rule=rule, plan=account.plan, action=action)
    for user, allowed in ((alice, runs), (bob, not runs)):
        if allowed:
            assert ask(user, version, prompt=BAD).status == "starting"
        else:
            with pytest.raises(refusals.PromptNotAllowed):
                ask(user, version, prompt=BAD)
    assert RuleHit.objects.filter(account=account).count() == (action != "off")


def _plan() -> Any:
    from accounts.models import Plan

    return Plan.objects.create(name="grown-ups")


def test_a_rule_that_is_switched_off_finds_nothing(alice: User, version: Version, rule: PromptRule) -> None:
    rule.enabled = False
    rule.save()
    assert ask(alice, version, prompt=BAD).status == "starting"


def test_a_quote_says_it_without_noting_it(alice: User, version: Version, rule: PromptRule) -> None:
    request = work_request.Request(factories.account_of(alice), alice, version, {"prompt": BAD})
    with pytest.raises(refusals.PromptNotAllowed):
        checks.check(request, dry=True)
    assert not RuleHit.objects.exists()


def test_the_same_refusal_is_noted_once_and_no_account_fills_the_list(
    alice: User, version: Version, rule: PromptRule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rule_hits, "MOST_AN_HOUR", 3)
    for prompt in [BAD, BAD, *(f"nude {number}" for number in range(5))]:
        with pytest.raises(refusals.PromptNotAllowed):
            ask(alice, version, prompt=prompt)
    assert RuleHit.objects.count() == 3


def test_what_is_found_deep_in_a_long_prompt_is_quoted_with_what_stands_around_it(
    alice: User, version: Version, rule: PromptRule
) -> None:
    with pytest.raises(refusals.PromptNotAllowed):
        ask(alice, version, prompt="so " * 300 + "nude" + " and so" * 300)
    excerpt = RuleHit.objects.get().excerpt
    assert len(excerpt) <= 300 and "nude" in excerpt and excerpt.startswith("…") and excerpt.endswith("…")


def test_a_house_without_rules_is_asked_nothing_more(alice: User, version: Version) -> None:
    request = work_request.Request(factories.account_of(alice), alice, version, {})
    with CaptureQueriesContext(connection) as asked:
        checks._check_text(request, {"prompt": BAD}, None, dry=False)
    assert len(asked) == 0


def test_another_process_sees_a_changed_rule_by_its_time(
    version: Version, rule: PromptRule, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = prompt_rules.current()
    monkeypatch.setattr(prompt_rules, "CACHE_S", 0.0)
    with CaptureQueriesContext(connection) as asked:
        assert prompt_rules.current() is before
    assert len(asked) == 1, "that nothing changed is one small question"
    PlanRule.objects.bulk_create([PlanRule(rule=rule, plan=_plan(), action="off")])
    prompt_rules.touch(rule.pk)
    assert prompt_rules.current() is not before


def test_findings_go_after_ninety_days_unless_a_moderator_is_still_to_see_them(
    alice: User, rule: PromptRule
) -> None:
    account = factories.account_of(alice)
    for owed in (False, True):
        RuleHit.objects.create(
            what="prompt", source="bare", action="flag", account=account, user=alice, case_owed=owed
        )
    RuleHit.objects.update(created_at="2020-01-01T00:00:00Z")
    RuleHit.objects.create(what="prompt", source="bare", action="refuse", account=account, user=alice)
    assert rule_hits.prune() is True and rule_hits.prune() is False
    assert RuleHit.objects.count() == 2

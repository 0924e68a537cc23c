"""Founding an organisation is no way out of a plan, of a rule, of a sanction, and no way to credits."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts import credits
from accounts.audit import checks
from accounts.credits import allowances
from accounts.models import MICRO, Account, Membership, Plan, User
from accounts.organizations import management
from accounts.site import site_rules
from accounts.staff import sanctions
from gallery.items import publication
from gallery.models import Case, Item
from gallery.moderation import decisions
from gallery.moderation.decisions import Verdict
from gallery.permissions import Muted, Suspended
from predictions.dispatch import fair_share
from predictions.models import PlanRule, Prediction, PromptRule, RuleHit, Version
from predictions.policy import prompt_rules
from predictions.submit import acceptance, refusals, work_request
from tests import factories
from tests.accounts.organizations.test_organizations import bearer, club_of
from tests.fakes import provider
from tests.predictions.api_dialects.openai.conftest import INPUT_SCHEMA
from tests.support.picture_items import picture_item

__all__ = ["provider"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider")]
ClientOf = Callable[[User], Client]
JSON = "application/json"


@pytest.fixture
def free(db: None) -> Plan:
    """What new accounts get: little, and an allowance each month."""
    return Plan.objects.create(
        name="free", is_default=True, allowance=5 * MICRO, creates_per_minute=1, in_flight_limit=1,
        allowed_models=["acme/small"],
    )  # fmt: skip


@pytest.fixture
def version(db: None) -> Version:
    return factories.make_version(input_schema=copy.deepcopy(INPUT_SCHEMA))


@pytest.fixture
def ada(db: None) -> User:
    return factories.make_staff("ada")


Endpoint = Callable[[User, Account, Version, ClientOf], tuple[int, str]]


def by_v1(
    user: User, club: Account, version: Version, client_of: ClientOf, mount: str = "/v1"
) -> tuple[int, str]:
    asked = {"version": version.pk, "input": {"prompt": "a pier"}}
    answer = Client().post(f"{mount}/predictions", asked, content_type=JSON, headers=bearer(user, club))
    return answer.status_code, answer.content.decode()


def by_replicate(user: User, club: Account, version: Version, client_of: ClientOf) -> tuple[int, str]:
    return by_v1(user, club, version, client_of, "/replicate/v1")


def by_images(user: User, club: Account, version: Version, client_of: ClientOf) -> tuple[int, str]:
    asked = {"prompt": "a pier", "model": version.model.ref}
    headers = bearer(user, club)
    answer = Client().post("/openai/v1/images/generations", asked, content_type=JSON, headers=headers)
    return answer.status_code, answer.content.decode()


def by_quote(user: User, club: Account, version: Version, client_of: ClientOf) -> tuple[int, str]:
    asked = {"version": version.pk, "input": {"prompt": "a pier"}}
    answer = Client().post("/api/quotes", asked, content_type=JSON, headers=bearer(user, club))
    return answer.status_code, answer.content.decode()


def by_studio(user: User, club: Account, version: Version, client_of: ClientOf) -> tuple[int, str]:
    management.act_for(user, club.pk)
    form = {"model": version.model.ref, "switches": "1", "prompt": "a pier"}
    answer = client_of(user).post("/studio/make/", form)
    return answer.status_code, answer.content.decode()


ENDPOINTS = [by_v1, by_replicate, by_images, by_quote, by_studio]


def test_it_begins_on_what_the_house_says_or_on_the_plan_of_new_accounts_or_on_its_founders(
    alice: User,
) -> None:
    site_rules.change(organizations_owned=9)
    assert management.create(alice, "none at all").plan is None
    own = Plan.objects.create(name="own")
    Account.objects.filter(pk=alice.account_id).update(plan=own)
    assert management.create(alice, "the founder's").plan == own
    usual = Plan.objects.create(name="usual", is_default=True)
    assert management.create(alice, "the usual").plan == usual
    named = Plan.objects.create(name="clubs")
    site_rules.change(organization_plan=named)
    assert management.create(alice, "as the site says").plan == named


def test_founding_gives_nothing_unless_the_plan_pays_organisations(alice: User, free: Plan) -> None:
    club = management.create(alice, "club")
    allowances.renew(club.pk)
    club.refresh_from_db()
    assert (club.plan, club.balance) == (free, 0)
    with pytest.raises(refusals.InsufficientCredit):
        acceptance.accept(
            work_request.Request(
                club, alice, factories.make_version(model=_model("acme/small")), {"prompt": "x"}
            )
        )
    Plan.objects.filter(pk=free.pk).update(pays_organizations=True)
    credits.plan_changed(free)
    allowances.renew(club.pk)
    club.refresh_from_db()
    assert club.balance == 5 * MICRO
    # Nor does it keep what it was given where that is over.
    Plan.objects.filter(pk=free.pk).update(pays_organizations=False)
    credits.plan_changed(free)
    allowances.renew(club.pk, at=allowances.ends_at("month", club.created_at, site_rules.billing_zone()))
    club.refresh_from_db()
    assert club.balance == 0
    assert not list(checks.breaches(quick=False))


def _model(ref: str) -> Any:
    owner, _slash, name = ref.partition("/")
    return factories.make_model(owner, name)


@pytest.mark.parametrize("request_as", ENDPOINTS)
def test_the_models_of_the_plan_are_those_of_the_organisation(
    request_as: Endpoint, alice: User, free: Plan, version: Version, client_of: ClientOf
) -> None:
    status, said = request_as(alice, club_of(alice), version, client_of)
    assert status in (400, 404, 422) and "free" in said, said
    assert not Prediction.objects.exists()


def test_its_pace_and_how_much_it_may_have_under_way_are_the_plans(
    alice: User, free: Plan, version: Version, client_of: ClientOf
) -> None:
    Plan.objects.update(allowed_models=[])
    club = club_of(alice)
    assert by_v1(alice, club, version, client_of)[0] == 201
    assert by_v1(alice, club, version, client_of)[0] == 429
    acceptance.accept(
        work_request.Request(Account.objects.get(pk=club.pk), alice, version, {"prompt": "another"})
    )
    from django.db import transaction

    with transaction.atomic():
        assert len(fair_share.choose(16)) == 1


@pytest.mark.parametrize("request_as", ENDPOINTS)
@pytest.mark.parametrize("strict", ["person", "organisation"])
def test_of_what_a_rule_does_for_the_person_and_for_who_pays_the_stricter_counts(
    request_as: Endpoint, strict: str, alice: User, version: Version, client_of: ClientOf
) -> None:
    rule = PromptRule.objects.create(name="bare", text="pier", action="off")
    tight = Plan.objects.create(name="tight")
    PlanRule.objects.create(rule=rule, plan=tight, action="refuse")
    prompt_rules.drop_cache()
    club = club_of(alice)
    whose = alice.account_id if strict == "person" else club.pk
    Account.objects.filter(pk=whose).update(plan=tight)
    status, said = request_as(alice, club, version, client_of)
    assert status in (400, 422) and "does not allow" in said, said
    assert not Prediction.objects.exists()
    if request_as is not by_quote:
        assert RuleHit.objects.get().account == club


def test_what_is_let_through_for_both_runs(alice: User, version: Version) -> None:
    rule = PromptRule.objects.create(name="bare", text="pier")
    free = Plan.objects.create(name="grown-ups")
    PlanRule.objects.create(rule=rule, plan=free, action="flag")
    prompt_rules.drop_cache()
    club = club_of(alice)
    Account.objects.filter(pk__in=[alice.account_id, club.pk]).update(plan=free)
    club.refresh_from_db()
    made = acceptance.accept(work_request.Request(club, alice, version, {"prompt": "a pier"}))
    assert RuleHit.objects.get().prediction == made.public_id


@pytest.mark.parametrize("request_as", ENDPOINTS)
@pytest.mark.parametrize("status", ["suspended", "closing"])
def test_who_is_closed_makes_nothing_for_an_organisation_either(
    request_as: Endpoint, status: str, alice: User, bob: User, version: Version, client_of: ClientOf
) -> None:
    club = club_of(alice, member=bob)
    headers = bearer(bob, club)
    Account.objects.filter(pk=management.personal_account_of(bob).pk).update(status=status)
    answer, said = request_as(bob, club, version, client_of)
    assert answer in (400, 403, 422) and "closed" in said, said
    assert not Prediction.objects.exists()
    assert Client().get("/api/me", headers=headers).status_code == 200
    with pytest.raises(management.CannotDo, match="closed"):
        management.create(bob, "a way out")


def _item_of(user: User, club: Account, name: str = "one") -> Item:
    item = picture_item(user, name)
    Item.objects.filter(pk=item.pk).update(account=club)
    item.refresh_from_db()
    return item


@pytest.mark.parametrize("strict", ["person", "organisation"])
def test_first_pictures_are_looked_at_by_the_stricter_of_both_plans(strict: str, alice: User) -> None:
    site_rules.change(reviewed_first=0)
    club = club_of(alice)
    careful = Plan.objects.create(name="careful", reviewed_first=1)
    Account.objects.filter(pk=alice.account_id if strict == "person" else club.pk).update(plan=careful)
    assert not publication.publish(_item_of(alice, club), by=alice)


def test_neither_a_new_publisher_nor_a_new_maker_stands_behind_somebody_known(
    alice: User, bob: User, ada: User
) -> None:
    club = club_of(alice, member=bob)
    for name in ("known", "well known"):
        assert publication.publish(_item_of(alice, club, name), by=alice)
    site_rules.change(reviewed_first=2)
    assert not publication.publish(_item_of(bob, club, "bobs"), by=alice)
    alices = _item_of(alice, club, "alices")
    assert not publication.publish(alices, by=bob)
    case = Case.objects.get(item=alices)
    assert case.opened_by == bob and case.user == alice
    decisions.decide(case.pk, ada, Verdict("publish"))
    more = _item_of(alice, club, "alices second")
    assert not publication.publish(more, by=bob)
    decisions.decide(Case.objects.get(item=more).pk, ada, Verdict("publish"))
    # Who publishes for others becomes known as well.
    assert publication.publish(_item_of(alice, club, "alices third"), by=bob)


def test_who_is_muted_or_closed_publishes_nothing_for_an_organisation(
    alice: User, bob: User, ada: User
) -> None:
    club = club_of(alice, member=bob)
    item = _item_of(alice, club)
    sanctions.mute(bob, ada, None, "spam")
    with pytest.raises(Muted):
        publication.publish(item, by=bob)
    Account.objects.filter(pk=management.personal_account_of(alice).pk).update(status="suspended")
    with pytest.raises(Suspended):
        publication.publish(item, by=alice)


def test_the_number_of_organisations_is_the_houses(alice: User) -> None:
    for number in range(3):
        management.create(alice, f"club {number}")
    with pytest.raises(management.CannotDo, match="3 organisations"):
        management.create(alice, "one more")
    # One that was handed over makes room, and pays nobody.
    club = Account.objects.filter(kind="organization").first()
    assert club is not None
    Membership.objects.create(account=club, user=factories.make_user(), role="owner")
    management.leave(alice, club)
    management.create(alice, "one more")

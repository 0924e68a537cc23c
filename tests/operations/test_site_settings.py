"""Site settings, maintenance, announcements and the search for members."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from accounts import credits
from accounts.models import MICRO, Account, Announcement, AuditEntry, Plan, Site, User
from accounts.organizations import management
from accounts.site import announcement_cache, site_rules
from operations import announcement_editor, site_settings
from predictions.models import Prediction, Status
from tests import factories
from tests.runner.sampling import one_in

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User], Client]


def words_of(answer: Any) -> str:
    """The words of a page without its tags: the tokens and digests in these hold any three digits now and then."""
    return re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", " ", answer.content.decode(), flags=re.DOTALL)


RULES = {
    "registration": "invite",
    "sign_ups_per_network": "5",
    "refuse_disposable": "on",
    "closing_days": "14",
    "welcome_credits": "12.5",
    "billing_zone": "Asia/Shanghai",
    "low_balance": "5",
    "gift_limit_day": "",
    "reviewed_first": "3",
    "evidence_days": "180",
    "organization_plan_id": "",
    "organizations_owned": "3",
    "switches_on": ["predictions", "uploads", "publishing"],
}


@pytest.fixture
def boss(client_of: ClientOf) -> Client:
    """An administrator's client."""
    return client_of(factories.make_staff("olga"))


def test_rules_are_saved_and_each_change_is_on_record_with_what_was_before(boss: Client) -> None:
    assert boss.post("/admin/house/", RULES).status_code == 302
    rules = Site.objects.get()
    assert (rules.registration, rules.welcome_credits, rules.billing_zone) == (
        "invite",
        12_500_000,
        "Asia/Shanghai",
    )
    assert "comments" in rules.switches_off and "uploads" not in rules.switches_off
    entry = AuditEntry.objects.get(action="house.change")
    assert entry.detail["before"]["billing_zone"] == "UTC"
    assert entry.detail["after"]["billing_zone"] == "Asia/Shanghai"
    assert "closing_days" not in entry.detail["after"]
    boss.post("/admin/house/", RULES)
    assert AuditEntry.objects.filter(action="house.change").count() == 1


@pytest.mark.parametrize(
    ("name", "value"),
    one_in(
        2,
        [
            ("billing_zone", "Mars/Olympus"),
            ("billing_zone", "../../etc/passwd"),
            ("welcome_credits", "-1"),
            ("welcome_credits", "1e9"),
            ("low_balance", "99999999999"),
            ("sign_ups_per_network", "-4"),
            ("evidence_days", "1000000"),
            ("registration", "everybody"),
            ("switches_on", ["no-such-feature"]),
            ("refused_networks", "203.0.113.0/24 everybody"),
            ("refused_networks", "127.0.0.0/8"),
            ("refused_networks", "0.0.0.0/0"),
            ("refused_networks", " ".join(f"198.51.{n // 256}.{n % 256}" for n in range(501))),
        ],
    ),
)
def test_a_rule_that_cannot_be_changes_nothing_and_names_its_field(
    boss: Client, name: str, value: Any
) -> None:
    page = boss.post("/admin/house/", {**RULES, name: value})
    assert page.status_code == 422 and name in page.context["form"].errors
    assert not AuditEntry.objects.filter(action="house.change").exists()


def seen_by(client: Client) -> str:
    """What a form that is opened now brings along."""
    return str(client.get("/admin/house/").context["seen"])


def test_an_old_form_leaves_alone_what_somebody_else_has_changed_meanwhile(boss: Client) -> None:
    boss.post("/admin/house/", RULES)
    opened = {**RULES, "seen": seen_by(boss)}
    shut = {**RULES, "registration": "closed", "switches_on": ["uploads"], "seen": seen_by(boss)}
    assert boss.post("/admin/house/", shut).status_code == 302
    assert boss.post("/admin/house/", {**opened, "welcome_credits": "20"}).status_code == 302
    rules = Site.objects.get()
    assert (rules.registration, rules.welcome_credits) == ("closed", 20 * MICRO)
    assert "predictions" in rules.switches_off
    entry = AuditEntry.objects.filter(action="house.change").order_by("-number")[0]
    assert list(entry.detail["after"]) == ["welcome_credits"]


def test_who_changes_the_same_rule_as_somebody_else_is_asked_again(boss: Client) -> None:
    boss.post("/admin/house/", RULES)
    opened = {**RULES, "seen": seen_by(boss)}
    boss.post("/admin/house/", {**opened, "registration": "closed"})
    page = boss.post("/admin/house/", {**opened, "registration": "open"})
    assert page.status_code == 422 and "Registration" in page.content.decode()
    assert Site.objects.get().registration == "closed"
    again = {**RULES, "registration": "open", "seen": page.context["seen"]}
    assert boss.post("/admin/house/", again).status_code == 302
    assert Site.objects.get().registration == "open"


def test_what_a_form_says_that_it_saw_is_believed_only_from_us(boss: Client) -> None:
    assert boss.post("/admin/house/", {**RULES, "seen": "made:up"}).status_code == 302
    assert Site.objects.get().registration == "invite"


def test_what_is_left_empty_says_what_the_environment_says(boss: Client, settings: Any) -> None:
    settings.REGISTRATION, settings.WELCOME_CREDITS = "closed", 77
    text = boss.get("/admin/house/").content.decode()
    assert "As the environment says: closed" in text and "as the environment says, 77." in text
    assert set(site_settings.FIELDS) <= {one.attname for one in Site._meta.fields}


def test_maintenance_is_said_in_both_languages_drains_and_ends_with_one_press(
    boss: Client, alice: User
) -> None:
    prediction = factories.make_prediction(alice)
    words = {"words_en": "Back soon.", "words_zh": "马上回来。", "minutes": "30"}
    assert boss.post("/admin/operations/maintenance/", {**words, "words_zh": ""}).status_code == 422
    assert boss.post("/admin/operations/maintenance/", words).status_code == 302
    assert site_rules.current().maintenance
    assert "1 prediction is still to end: 1 waiting" in boss.get("/admin/operations/").content.decode()
    visitor = Client()
    assert "Back soon." in visitor.get("/gallery/").content.decode()
    assert "马上回来。" in visitor.get("/gallery/", headers={"Accept-Language": "zh-CN"}).content.decode()
    from predictions import lifecycle

    lifecycle.cancel(prediction.public_id)
    Prediction.objects.update(upstream_open=True)
    left = boss.get("/admin/operations/draining/").content.decode()
    assert "Drained" not in left and "1 prediction has ended here and is still to be called off" in left
    Prediction.objects.update(upstream_open=False)
    assert "Drained" in boss.get("/admin/operations/draining/").content.decode()
    for _twice in range(2):
        boss.post("/admin/operations/maintenance/", {"end": "1"})
    assert not site_rules.current().maintenance
    assert AuditEntry.objects.filter(action="maintenance.end").count() == 1


def test_the_line_of_maintenance_is_whole_sentences_whatever_the_operator_wrote() -> None:
    until = timezone.now() + timedelta(minutes=30)
    site_rules.fill_cache(
        Site(pk=1, maintenance=True, maintenance_en="Moving disks", maintenance_until=until)
    )
    assert "Moving disks. Until about" in Client().get("/gallery/").content.decode()
    chinese = Client().get("/gallery/", headers={"Accept-Language": "zh-CN"}).content.decode()
    assert "Moving disks" not in chinese and "服务器正在维护，暂时不接受新的任务。" in chinese


def test_the_desk_says_that_maintenance_was_to_be_over_by_now(boss: Client) -> None:
    soon, past = timezone.now() + timedelta(hours=1), timezone.now() - timedelta(hours=1)
    for until, words in ((soon, "until about"), (past, "was to be over at")):
        site_rules.fill_cache(Site(pk=1, maintenance=True, maintenance_en="Disks", maintenance_until=until))
        assert words in boss.get("/admin/operations/draining/").content.decode()


def announce(**fields: Any) -> Announcement:
    """One that is shown from now on."""
    row = Announcement.objects.create(**{"text_en": "Two new models.", "text_zh": "两个新模型。", **fields})
    announcement_cache.clear_cache()
    return row


def test_an_announcement_stands_on_pages_in_the_readers_language_until_it_is_put_away() -> None:
    row = announce()
    visitor = Client()
    assert "Two new models." in visitor.get("/gallery/").content.decode()
    assert "两个新模型。" in visitor.get("/gallery/", headers={"Accept-Language": "zh-CN"}).content.decode()
    assert visitor.post(f"/announcements/{row.pk}/away/", {"next": "//evil.example"})["Location"] == "/"
    assert "Two new models." not in visitor.get("/gallery/").content.decode()
    assert "Two new models." in Client().get("/gallery/").content.decode()


def test_a_page_asks_for_announcements_once_in_a_while(django_assert_num_queries: Any) -> None:
    announce()
    announcement_cache.current()
    with django_assert_num_queries(0):
        announcement_cache.visible_to(None)


@pytest.mark.parametrize(
    "fields",
    [
        {"starts_at": timezone.now() + timedelta(days=1)},
        {"ends_at": timezone.now() - timedelta(days=1)},
        {"withdrawn_at": timezone.now()},
        {"audience": "members"},
        {"audience": "staff"},
    ],
)
def test_visitors_see_only_what_is_for_everybody_and_now(fields: dict[str, Any]) -> None:
    announce(**fields)
    assert announcement_cache.visible_to(None) == []
    assert Client().get("/api/announcements").json()["announcements"] == []


def test_many_for_staff_push_out_none_that_is_for_everybody() -> None:
    row = announce()
    for number in range(25):
        announce(audience="staff", text_en=f"For staff {number}.")
    assert announcement_cache.visible_to(None) == [row]


def test_frontends_get_what_is_said_to_everybody_without_a_token() -> None:
    row = announce(tone="warning", link="/docs/")
    answer = Client().get("/api/announcements").json()
    (announcement,) = answer["announcements"]
    assert (announcement["id"], announcement["text_zh"], announcement["tone"], announcement["link"]) == (
        row.pk,
        "两个新模型。",
        "warning",
        "/docs/",
    )
    assert answer["maintenance"] == {"on": False, "text_en": "", "text_zh": "", "until": None}


def test_frontends_have_something_to_say_of_maintenance_where_the_operator_wrote_nothing() -> None:
    site_rules.change(maintenance=True, maintenance_en="We move")
    maintenance = Client().get("/api/announcements").json()["maintenance"]
    assert (maintenance["on"], maintenance["text_en"]) == (True, "We move.")
    # The operator has written no Chinese text yet: the default is shown.
    assert maintenance["text_zh"] == "服务器正在维护，暂时不接受新的任务。"


def test_announcing_needs_both_languages_and_taking_back_is_on_record(boss: Client) -> None:
    form = {"text_en": "Hello", "text_zh": "", "tone": "news", "audience": "all"}
    assert boss.post("/admin/announcements/", form).status_code == 422
    assert boss.post("/admin/announcements/", {**form, "text_zh": "你好"}).status_code == 302
    row = Announcement.objects.get()
    for _twice in range(2):
        boss.post(f"/admin/announcements/{row.pk}/withdraw/")
    acts = list(AuditEntry.objects.order_by("number").values_list("action", flat=True))
    assert acts == ["announcement.make", "announcement.withdraw"]


def test_the_times_of_an_announcement_are_those_of_its_writers_zone(boss: Client) -> None:
    boss.cookies["timezone"] = "Asia/Shanghai"
    form = {"text_en": "Hello", "text_zh": "你好", "tone": "news", "audience": "all"}
    times = {"starts_at": "2090-05-01T20:00", "ends_at": "2090-05-02T08:00"}
    assert boss.post("/admin/announcements/", {**form, **times}).status_code == 302
    row = Announcement.objects.get()
    assert row.starts_at == datetime(2090, 5, 1, 12, tzinfo=UTC)
    assert row.ends_at == datetime(2090, 5, 2, tzinfo=UTC)
    page = boss.get("/admin/announcements/").content.decode()
    assert "20:00" in page and "12:00" not in page


@pytest.mark.parametrize(
    ("name", "value"), [("starts_at", "0001-01-01T00:00"), ("ends_at", "9999-12-31T23:59")]
)
def test_a_time_that_is_none_in_another_zone_is_refused_at_its_field(
    boss: Client, name: str, value: str
) -> None:
    form = {"text_en": "Hello", "text_zh": "你好", "tone": "news", "audience": "all", name: value}
    for zone in ("America/New_York", "Asia/Shanghai"):
        boss.cookies["timezone"] = zone
        page = boss.post("/admin/announcements/", form)
        assert page.status_code == 422 and name in page.context["form"].errors
    assert not Announcement.objects.exists()


@pytest.mark.parametrize(
    ("link", "safe"),
    [
        ("/docs/", True), ("https://example.org/news?x=1", True), ("javascript:alert(1)", False),
        ("//evil.example", False), ("/\\evil.example", False), ("http://example.org", False),
        ("https://", False), ("data:text/html,x", False), ("/docs\n", False),
    ],
)  # fmt: skip
def test_links_lead_into_the_house_or_to_https(link: str, safe: bool) -> None:
    assert announcement_editor.is_safe(link) is safe


def test_members_are_found_by_name_address_and_by_ids_and_references(boss: Client, alice: User) -> None:
    prediction = factories.make_prediction(alice, status=Status.SUCCEEDED)
    entry = credits.grant(factories.account_of(alice), MICRO, reference="thanks-2026")
    for words in ("ali", "alice@exam", "ALICE"):
        people = boss.get("/admin/members/", {"q": words}).context["people"]
        assert [one.pk for one, _own in people] == [alice.pk]
    (hold, settle) = boss.get("/admin/members/", {"q": prediction.public_id}).context["hits"][1:]
    assert (hold.user, settle.user) == (alice, alice)
    (hit,) = boss.get("/admin/members/", {"q": entry.reference}).context["hits"]
    assert hit.user == alice
    page = boss.get("/admin/members/", {"q": "no\x00body'\"%"})
    assert page.status_code == 200 and not page.context["people"]


def test_a_members_page_shows_what_the_reader_may_see(
    boss: Client, client_of: ClientOf, alice: User, django_user_model: Any
) -> None:
    factories.make_prediction(alice, status=Status.SUCCEEDED, ceiling=3 * MICRO)
    text = boss.get(f"/admin/members/{alice.pk}/").content.decode()
    assert "settled" in text and "3.00" in text
    helper = factories.make_user("helper", is_staff=True)
    helper.user_permissions.add(Permission.objects.get(codename="view_user"))
    page = client_of(django_user_model.objects.get(pk=helper.pk)).get(f"/admin/members/{alice.pk}/")
    assert page.status_code == 200 and "entries" not in page.context and "usage" not in page.context
    assert client_of(alice).get(f"/admin/members/{alice.pk}/").status_code in (302, 403)
    assert boss.get(f"/admin/members/{10**30}/").status_code == 404


def test_a_members_page_reads_no_pictures_out_of_the_inputs(boss: Client, alice: User) -> None:
    factories.make_prediction(alice, input={"prompt": "p", "image": "data:image/png;base64," + "A" * 1000})
    page = boss.get(f"/admin/members/{alice.pk}/")
    (row,) = page.context["predictions"]
    assert {"input", "output", "logs", "result"} <= row.get_deferred_fields()
    assert page.status_code == 200


def test_members_are_shown_with_what_is_their_own_whomever_they_act_for(boss: Client, alice: User) -> None:
    club = management.create(alice, "Studio Nord")
    credits.grant(club, 777 * MICRO)
    management.act_for(alice, club.pk)
    own = management.personal_account_of(alice)
    credits.grant(own, 31 * MICRO, reference="grant-own")
    Account.objects.filter(pk=own.pk).update(status="suspended")
    for page in (
        words_of(boss.get("/admin/members/", {"q": "alice"})),
        words_of(boss.get("/admin/accounts/user/", {"q": "alice"})),
    ):
        assert "777" not in page and "uspended" in page
    assert "alice" in boss.get("/admin/accounts/user/", {"own": "suspended"}).content.decode()
    assert "alice@" not in boss.get("/admin/accounts/user/", {"own": "closed"}).content.decode()
    found = boss.get("/admin/members/", {"q": "grant-own"}).content.decode()
    assert f"/admin/members/{alice.pk}/" in found
    found = boss.get("/admin/members/", {"q": str(own.pk)}).content.decode()
    assert f"/admin/members/{alice.pk}/" in found


def test_who_sees_no_money_sees_none_in_the_list_of_members(alice: User, client_of: ClientOf) -> None:
    factories.give(alice, 4321)
    helper = factories.make_user("helga", is_staff=True)
    helper.user_permissions.set(Permission.objects.filter(codename="view_user"))
    page = words_of(client_of(User.objects.get(pk=helper.pk)).get("/admin/members/"))
    assert "alice" in page and "321" not in page and "alice@" not in page


def test_the_plan_of_new_organisations_is_one_that_there_is(boss: Client, alice: User) -> None:
    plan = Plan.objects.create(name="clubs")
    switched: dict[str, Any] = {**RULES, "switches_on": ["predictions", "organizations"]}
    assert boss.post("/admin/house/", {**switched, "organization_plan_id": "999"}).status_code == 422
    assert boss.post("/admin/house/", {**switched, "organization_plan_id": str(plan.pk)}).status_code == 302
    assert f'<option value="{plan.pk}" selected>clubs</option>' in boss.get("/admin/house/").content.decode()
    assert management.create(alice, "Studio Nord").plan == plan
    entry = AuditEntry.objects.get(action="house.change")
    assert entry.detail["after"]["organization_plan_id"] == plan.pk
    boss.post("/admin/house/", {**switched, "organization_plan_id": "", "organizations_owned": "1"})
    with pytest.raises(management.CannotDo):
        management.create(alice, "another")

"""What people see on the pages of an account and of the desks, where only the look was wrong before."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.apps import apps
from django.test import Client
from django.utils import timezone, translation

from accounts.models import OrganizationInvitation, User
from accounts.notifications import mail_preferences, notice_text, notices
from accounts.organizations import management
from accounts.site import maintenance_mode, site_rules
from accounts.staff import sanctions
from gallery.moderation import decisions
from tests import factories
from tests.support.picture_items import picture_item

pytestmark = pytest.mark.django_db

IN_THE_READERS_ZONE = r'<time datetime="[^"]+\+00:00" data-local="datetime">[^<]+</time>'


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_where_nothing_was_charged_no_table_by_day_stands_empty() -> None:
    html = signed_in(factories.make_user()).get("/account/usage/").content.decode()
    assert "Nothing was charged in this time." in html
    assert "By day" not in html


def test_the_page_that_stops_mails_is_laid_out_like_the_others() -> None:
    member = factories.make_user()
    notices.notify(member, "credits.granted", link="/account/", amount_micro=1, reason="")
    html = Client().get(
        f"/account/notices/stop/{mail_preferences.unsubscribe_token(member.pk, 'credits.granted')}/"
    )
    assert '<div class="account">' in html.content.decode()


def test_staff_read_why_a_member_was_warned_in_their_own_language() -> None:
    member, boss = factories.make_user(), factories.make_staff()
    sanctions.warn(member, boss, "copied work")
    html = signed_in(boss).get(f"/admin/members/{member.pk}/", headers={"Accept-Language": "zh-hans"})
    assert html.content.decode().count("· 抄袭") == 2
    assert "copied work" not in html.content.decode()


def test_the_end_of_an_invitation_is_told_in_the_readers_zone() -> None:
    owner = factories.make_user()
    account = management.create(owner, "Studio Nord")
    OrganizationInvitation.objects.create(
        account=account,
        email="x@example.org",
        digest="0" * 64,
        made_by=owner,
        expires_at=timezone.now() + timedelta(days=3),
    )
    html = signed_in(owner).get(f"/account/organizations/{account.pk}/").content.decode()
    assert re.search(f"until {IN_THE_READERS_ZONE}", html)


def test_the_end_of_a_maintenance_is_told_in_the_zone_of_who_comes_for_the_first_time() -> None:
    site_rules.change(maintenance=True, maintenance_until=timezone.now() + timedelta(minutes=30))
    assert maintenance_mode.is_on()
    assert re.search(f"Until about {IN_THE_READERS_ZONE}", Client().get("/gallery/").content.decode())


def test_where_one_is_signed_in_says_since_when_in_the_readers_zone() -> None:
    factories.make_user("vera")
    client = Client()
    client.post("/accounts/login/", {"login": "vera", "password": "correct horse"})
    assert re.search(f"since {IN_THE_READERS_ZONE}", client.get("/accounts/sessions/").content.decode())


def test_the_page_of_a_case_says_in_words_what_staff_did() -> None:
    boss, item = factories.make_staff(), picture_item(factories.make_user(), visibility="public")
    [case] = decisions.hide_directly([item], boss, "copied work")
    html = signed_in(boss).get(f"/admin/moderation/{case.pk}/").content.decode()
    assert '<span title="item.hide">hid a picture</span>' in html


def test_whoever_is_banned_reads_why_in_their_own_language() -> None:
    banned = factories.make_user("dora")
    sanctions.ban(banned, factories.make_staff(), "spam")
    client = Client(headers={"Accept-Language": "zh-hans"})
    closed = client.post(
        "/accounts/login/", {"login": "dora", "password": "correct horse"}, follow=True
    ).content.decode()
    assert "垃圾内容" in closed


def test_a_notice_writes_days_as_pages_do() -> None:
    until = datetime(2026, 11, 28, 12, tzinfo=UTC)
    muted = notices.notify(
        factories.make_user(), "sanction.mute_until", until_at=until.isoformat(), reason="spam"
    )
    assert "until 28 November 2026" in notice_text.for_notice(muted).line


def test_the_panel_names_its_parts_in_the_readers_language() -> None:
    with translation.override("zh-hans"):
        names = [
            str(apps.get_app_config(label).verbose_name) for label in ("accounts", "gallery", "predictions")
        ]
    assert names == ["账户", "画廊", "预测"]

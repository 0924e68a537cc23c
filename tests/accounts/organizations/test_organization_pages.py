"""Pages of an organisation lead on: to its last member, back from a wrong value, out of what a role may not see."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import Membership, User
from accounts.organizations import management
from tests.accounts.organizations.test_organizations import club_of

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User], Client]


def test_a_large_organisation_shows_all_its_members_page_by_page(alice: User, client_of: ClientOf) -> None:
    club = club_of(alice)
    people = [User(username=f"m{number:03}", email="") for number in range(250)]
    User.objects.bulk_create(people)
    Membership.objects.bulk_create(Membership(account=club, user=one, role="member") for one in people)
    client, address = client_of(alice), f"/account/organizations/{club.pk}/"
    seen: list[str] = []
    page, last = address, ""
    while page:
        html = client.get(page).content.decode()
        seen += re.findall(r'<span class="muted">(m\d{3})', html)
        more = re.search(r'href="([^"]+\?after=[^"]+)"', html)
        last, page = page, more[1] if more else ""
    assert seen == [one.username for one in people]
    after = last.partition("after=")[2]
    member = Membership.objects.get(account=club, user__username="m249")
    wrong = client.post(f"{address}limit/", {"number": member.pk, "month": "abc", "after": after})
    assert wrong.status_code == 422 and 'value="abc"' in wrong.content.decode(), (
        "on the page where they stand"
    )
    done = client.post(f"{address}role/", {"number": member.pk, "role": "billing", "after": after})
    assert done["Location"] == f"{address}?after={after}", "and one stays there"
    for nonsense in ("x", "aWQ6LTE", "9" * 60):
        assert client.get(f"{address}?after={nonsense}").status_code == 404


def test_the_address_of_a_page_that_says_what_is_wrong_can_be_opened_again(
    alice: User, bob: User, client_of: ClientOf
) -> None:
    club = club_of(alice)
    address = f"/account/organizations/{club.pk}/"
    client = client_of(alice)
    wrong = client.post(f"{address}invite/", {"email": "none", "role": "member"})
    assert wrong.status_code == 422
    assert client.get(f"{address}invite/")["Location"] == address
    assert client_of(bob).get(f"{address}invite/").status_code == 404


def test_a_member_at_a_page_of_its_money_is_told_where_to_act_for_another(
    alice: User, bob: User, client_of: ClientOf
) -> None:
    club = club_of(alice, member=bob)
    management.act_for(bob, club.pk)
    page = client_of(bob).get("/account/")
    assert page.status_code == 403 and 'href="/account/organizations/"' in page.content.decode()

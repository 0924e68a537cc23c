"""A banned member at every endpoint, future ones too, with their session, their token, and the links that they
shared. Nothing lets them in, nothing is told, nothing changes, and nothing breaks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts.models import Membership, User
from accounts.organizations import management
from accounts.staff import sanctions
from core.clock import after
from gallery.models import Closure, Item
from gallery.moderation.effects import ban_effects
from gallery.privacy import closure
from predictions.files import uploads
from tests import factories
from tests.runner.sampling import one_in, one_of, short_or_whole
from tests.security import private_data
from tests.security.private_data import Secrets
from tests.security.route_inventory import Route, named_in_source, routes, streams
from tests.security.test_access_everywhere import ACTIONS, Asker, _hers, said, shared

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(300)]


class Banned:
    """Alice, her open session and her token, each from before the ban."""

    def __init__(self) -> None:
        self.scene: Secrets = private_data.make()
        alice = self.scene.alice
        self.page, self.program = Asker(alice), Asker(alice, token=True)
        assert self.page.ask("GET", "/account/").status_code == 200
        assert self.program.ask("GET", "/api/me").status_code == 200
        sanctions.ban(alice, None, "Spam.")
        self.visitor = Asker(None)

    def addresses(self, route: Route) -> Iterator[str]:
        """One of hers of each kind that may stand there; a number where no test knows yet what does."""
        states = {self.scene.ids[name] for name in ("trashed", "hidden", "hidden_collection", "failed")}
        try:
            found = dict.fromkeys(_hers(route, self.scene))
            yield from (one for one in found if states.isdisjoint(one.split("/")))
        except (KeyError, AssertionError):
            yield re.sub(r"<[^>]*>", "1", route.path)


@pytest.fixture
def hers() -> Banned:
    return Banned()


def test_no_page_lets_her_session_in(hers: Banned) -> None:
    faults, asked, words = [], 0, hers.scene.words()
    form = urlencode(dict.fromkeys(named_in_source("POST"), hers.scene.ids["private"]))
    before = private_data.rows_of_others(hers.scene.bob)
    for route in routes():
        # Health says 503 here, where no engine runs.
        if route.is_api or streams(route) or route.name == "health":
            continue
        for address in shared(route, hers.addresses(route), 10):
            for method in one_of(("GET", "POST"), of=route.path):
                with transaction.atomic():
                    answer, other = (
                        asker.ask(method, address, form if method == "POST" else None, form=method == "POST")
                        for asker in (hers.page, hers.visitor)
                    )
                    transaction.set_rollback(True)
                asked += 1
                where = f"{route.key}: {method} {address}"
                if answer.status_code >= 500:
                    faults.append(f"{where} answers {answer.status_code}")
                elif answer.status_code != other.status_code:
                    faults.append(f"{where} answers {answer.status_code}, a visitor gets {other.status_code}")
                text, known = said(answer), said(other)
                leaked = [word for word in words if word in text and word not in known]
                if leaked:
                    faults.append(f"{where} reveals {leaked}")
    assert not faults, "\n".join(faults)
    assert asked > short_or_whole(20, 100)
    assert private_data.rows_of_others(hers.scene.bob) == before


def test_no_call_takes_her_token(hers: Banned) -> None:
    faults, asked = [], 0
    for route in routes():
        if not route.is_api:
            continue
        for address in shared(route, hers.addresses(route), 10):
            for method in one_in(2, ("GET", *ACTIONS), of=route.path):
                answer, other = hers.program.ask(method, address), hers.visitor.ask(method, address)
                asked += 1
                shut = answer.status_code in (401, 403, 405) or answer.status_code == other.status_code
                where = f"{route.key}: {method} {address} answers {answer.status_code}"
                if not shut or (answer.status_code >= 500 and answer.status_code != 501):
                    faults.append(f"{where}; a visitor gets {other.status_code}")
    assert not faults, "\n".join(faults)
    assert asked > short_or_whole(20, 100)


def test_what_she_handed_out_opens_for_nobody(alice: User, bob: User) -> None:
    item = factories.make_item(alice, visibility="public")
    link = factories.make_share_link(item)
    upload, run = factories.make_upload(alice), factories.make_prediction(alice, status="succeeded")
    owner, ends = upload.account.name, 4102444800
    signed = urlencode(
        {
            "owner": owner,
            "expiry": ends,
            "signature": uploads.signature(upload.account, upload.public_id, ends),
        }
    )
    urls = [
        f"/s/{link.token}/",
        f"/s/{link.token}/picture/full",
        f"/f/{item.output.token}/{item.output.name}",
        f"/v1/files/{upload.public_id}/download?{signed}",
        f"/v1/streams/{run.stream_token}",
        f"/replicate/v1/files/stream-{run.stream_token}",
    ]
    row = None
    for expected in (200, 404, 200):
        if expected == 404:
            row = sanctions.ban(alice, None, "Spam.")
        elif row is not None:
            sanctions.lift(row, None, "A mistake.")
        for url in urls:
            assert Client().get(url).status_code == expected, url
            assert Asker(bob).ask("GET", url).status_code == expected, url


def test_what_whoever_deleted_their_account_made_for_an_organisation_still_opens(
    alice: User, bob: User
) -> None:
    club = management.create(alice, "Studio Nord")
    Membership.objects.create(account=club, user=bob, role=Membership.Role.MEMBER)
    management.act_for(bob, club.pk)
    bob.refresh_from_db()
    item = factories.make_item(bob)
    upload, run = factories.make_upload(bob), factories.make_prediction(bob, status="succeeded")
    assert {item.account_id, upload.account_id, run.account_id} == {club.pk}
    ends = 4102444800
    signature = uploads.signature(club, upload.public_id, ends)
    urls = [
        f"/f/{item.output.token}/{item.output.name}",
        f"/v1/files/{upload.public_id}/download?"
        + urlencode({"owner": club.name, "expiry": ends, "signature": signature}),
        f"/v1/streams/{run.stream_token}",
    ]
    closure.request_closure(bob)
    Closure.objects.update(due_at=after(-1))
    while closure.run_once():
        pass
    bob.refresh_from_db()
    assert bob.erased_at is not None and not bob.is_active
    for url in urls:
        assert Client().get(url).status_code == 200, url


def test_her_public_pictures_stay_unless_the_moderator_hides_them(alice: User, bob: User) -> None:
    shown, unlisted = (
        factories.make_item(alice, visibility="public"),
        factories.make_item(alice, visibility="unlisted", published_at=timezone.now()),
    )
    private = factories.make_item(alice)
    hidden_before = factories.make_item(
        alice, visibility="public", hidden_at="2026-01-01T00:00Z", hidden_reason="Old."
    )
    his = factories.make_item(bob, visibility="public")
    first = sanctions.ban(alice, None, "Spam.")
    while ban_effects.run_once():
        pass
    assert Client().get(f"/gallery/{shown.public_id}/").status_code == 200
    sanctions.lift(first, None, "A mistake.")
    second = sanctions.ban(alice, None, "Spam again.", hide_public=True)
    while ban_effects.run_once():
        pass
    for item in (shown, unlisted):
        assert Client().get(f"/gallery/{item.public_id}/").status_code == 404
    assert Client().get(f"/gallery/{his.public_id}/").status_code == 200
    assert Item.objects.get(pk=private.pk).hidden_at is None
    sanctions.lift(second, None, "A mistake.")
    while ban_effects.run_once():
        pass
    for item in (shown, unlisted):
        assert Client().get(f"/gallery/{item.public_id}/").status_code == 200
    kept = Item.objects.get(pk=hidden_before.pk)
    assert kept.hidden_at is not None and kept.hidden_reason == "Old."


def test_signing_in_leads_to_the_page_that_says_why(alice: User) -> None:
    sanctions.ban(alice, None, "Spam.")
    answer: Any = Client().post(
        "/accounts/login/", {"login": "alice", "password": "correct horse"}, follow=True
    )
    assert answer.redirect_chain[-1][0].split("?")[0] == "/accounts/inactive/"
    assert not answer.wsgi_request.user.is_authenticated
    assert "Spam." in answer.content.decode()

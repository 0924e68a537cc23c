"""Other members' objects answer 404 everywhere: every page, every endpoint, every kind of object.

Each address is asked for in every run, by another member or with a member's token, with a share of the things that may
stand in it; by a visitor, in words, and with what can be no id a share of the addresses.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client

from accounts.models import ApiToken, User
from accounts.tokens import api_tokens
from predictions.api_dialects.common import rate_limits
from tests.runner.sampling import one_in
from tests.security import private_data
from tests.security.private_data import HUGE, MADE_UP, NO_NUMBER, Secrets
from tests.security.route_inventory import Route, named_in_source, noted_parameters, routes, streams
from tests.support.module_data import ModuleData, module_data

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(300)]
# URL parameters that hold nothing of a member's: everybody may know their values.
PUBLIC_PLACES = {
    "owner", "name", "slug", "tag", "size", "version_id", "section", "model_id", "username", "provider", "deed", "pk",
    "secret",
}  # fmt: skip
NUMBERS = {
    "number",
    "link_id",
    "token_id",
    "share_id",
    "comment_id",
    "member_id",
    "invitation_id",
    "session_id",
}
# What others may do with an open picture. All else that is done to somebody's things is its owner's.
SOCIAL = {
    "like", "comment", "report_item", "report_comment", "studio_vary", "api_like", "api_comments", "api_reports",
    "report_collection",
}  # fmt: skip
Case = TypeVar("Case")
ACTIONS = ("POST", "PUT", "PATCH", "DELETE")
NOT_THERE = {404, 405, 501}
ASKS_WHO = {401, 302, 204, *NOT_THERE}
BEFORE_LOOKING = {401, 405}
"""Said of a method or of who asks: whatever stands in the address is told the same, and need not be asked for too."""


alices = module_data(private_data.make)


@pytest.fixture
def scene(alices: ModuleData[Secrets], db: None) -> Secrets:
    return alices.again()


class Asker:
    """Somebody who asks for things: a member, a visitor, or a program with a member's token."""

    def __init__(self, user: User | None, *, token: bool = False) -> None:
        self.client = Client(raise_request_exception=False)
        self.headers: dict[str, str] = {}
        if user is not None and token:
            # All that a token may at all, so that it is the rows that are refused.
            plain = api_tokens.issue(user, "asks", scopes=ApiToken.Scope.values)[1]
            self.headers["Authorization"] = f"Bearer {plain}"
        elif user is not None:
            self.client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])

    def ask(self, method: str, address: str, body: Any = None, *, form: bool = False) -> Any:
        """The answer, as if nobody had asked before."""
        cache.clear()
        rate_limits.reset()
        if form:
            return self.client.generic(
                method, address, body or "", "application/x-www-form-urlencoded", headers=self.headers
            )
        data = json.dumps(body or {}) if method in ACTIONS else ""
        return self.client.generic(method, address, data, "application/json", headers=self.headers)


def said(answer: Any) -> str:
    """Body and headers in one text."""
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return f"{answer.headers}\n{answer.cookies}\n{body.decode('utf-8', 'replace')}"


class Walk:
    """Asks everywhere and notes what is not as it should be."""

    def __init__(self, scene: Secrets) -> None:
        self.scene = scene
        self.faults: list[str] = []
        self.words, self.ids = scene.words(), scene.secret_ids()
        self.asked = 0

    def note(self, fine: bool, what: str) -> None:
        if not fine:
            self.faults.append(what)

    def look(self, route: Route, method: str, address: str, answer: Any, named: Iterable[str]) -> str:
        """Check that a response reveals nothing private; returns its text."""
        self.asked += 1
        text = said(answer)
        where = f"{route.key}: {method} {address}"
        self.note(
            answer.status_code < 500 or answer.status_code == 501, f"{where} answers {answer.status_code}"
        )
        # The values of the request may be repeated: the caller knew them.
        named = " ".join(named)
        leaked = [word for word in self.words if word in text and word not in named]
        leaked += [one for one in self.ids if one in text and one not in named]
        self.note(not leaked, f"{where} reveals {leaked}")
        return text


def fits(scene: Secrets, route: Route) -> dict[str, list[str]]:
    """Alice's values for a URL parameter: every kind of object, since a page may mistake one for another."""
    ids = scene.ids
    return _known(scene) | {
        "public_id": list(ids.values()),
        "item_id": [ids[name] for name in ("private", "trashed", "hidden")],
        "collection_id": [ids["collection"], ids["hidden_collection"]],
        "prediction_id": [ids["prediction"], ids["failed"]],
        "training_id": [ids["prediction"]],
        "batch": [ids["batch"], ids["prediction"]],
        "message_id": [ids["delivery"]],
        "export_id": [ids["export"]],
        "reference": [ids["purchase"]],
        "token": list(scene.tokens.values()),
        **{place: [*_numbers(route, scene.numbers), HUGE] for place in NUMBERS},
    }


def _known(scene: Secrets) -> dict[str, list[str]]:
    """Values of the URL parameters that hold nothing of a member's."""
    model = scene.version.model
    found = {
        "owner": model.owner, "name": model.name, "username": "charlie", "size": "full", "slug": "x",
        "version_id": scene.version.pk, "section": "items-1", "model_id": model.ref, "tag": "openly",
        "provider": "stripe", "deed": "leave", "pk": "1", "secret": "never-was-one",
    }  # fmt: skip
    assert set(found) == PUBLIC_PLACES
    return {place: [value] for place, value in found.items()}


def _numbers(route: Route, numbers: dict[str, str]) -> list[str]:
    """The numbers of what a route is about: each kind counts from one."""
    kinds = {
        "preset": ["preset"],
        "token": ["token"],
        "link": ["link", "locked"],
        "share": ["link", "locked"],
        "comment": ["hidden_comment", "gone_comment", "private_comment"],
        "organization": ["organization"],
        "members": ["member"],
        "invitations": ["invitation"],
        "notices": ["notice"],
        "decisions": ["decision"],
        "sanction": ["sanction"],
        "sessions": ["session"],
    }
    if "sanction" in route.path:
        # A case's number may be that of a sanction of Bob's.
        del kinds["decisions"]
    # Everybody may report the comments under an open picture.
    kinds["comment"] += [] if route.name == "report_comment" else ["comment"]
    named = [name for kind, names in kinds.items() if kind in route.path for name in names]
    assert named or not NUMBERS & set(route.places), f"say which of Alice's numbers stands in {route.path}"
    return [numbers[name] for name in dict.fromkeys(named) if name in numbers] or [numbers["comment"]] * bool(
        named
    )


def made_up(scene: Secrets, route: Route) -> dict[str, list[str]]:
    """The same with ids that nobody has."""
    nobodys = {place: [NO_NUMBER if place in NUMBERS else MADE_UP] for place in fits(scene, route)}
    return nobodys | _known(scene)


def bobs(scene: Secrets, route: Route) -> dict[str, list[str]]:
    """The same with Bob's own."""
    own = scene.own
    return _known(scene) | {
        "public_id": [own[name] for name in ("item", "collection", "prediction", "upload")],
        "item_id": [own["item"]],
        "collection_id": [own["collection"]],
        "prediction_id": [own["prediction"]],
        "training_id": [own["prediction"]],
        "batch": [own["batch"]],
        "message_id": [own["delivery"]],
        "export_id": [own["export"]],
        "reference": [own["purchase"]],
        "token": [own["token"]],
        **dict.fromkeys(NUMBERS, _numbers(route, scene.own_numbers)),
    }


@dataclass(frozen=True)
class Question:
    """An address with something of Alice's in it, and the same address with what nobody has."""

    address: str
    named: tuple[str, ...]
    nobodys: str
    his: bool
    """Whether something of Bob's stands in it too."""


def questions(route: Route, scene: Secrets) -> Iterator[Question]:
    """A route with something of Alice's in it: all hers, or in one place hers and in the others Bob's."""
    hers, his, nobodys = fits(scene, route), bobs(scene, route), made_up(scene, route)
    kept = [place for place in route.places if place not in PUBLIC_PLACES]
    for place in [None, *kept] if len(kept) > 1 else [None]:
        around = his | _about(route, his) if place else {}
        asked = hers | _about(route, hers, len(kept)) if place is None else around | {place: hers[place]}
        nobody = dict(nobodys) if place is None else around | {place: nobodys[place]}
        like = next(address for address, _ in route.filled(nobody))
        for address, named in route.filled(asked):
            yield Question(address, named, like, bool(place))


def _about(route: Route, things: dict[str, list[str]], places: int = 2) -> dict[str, list[str]]:
    """Of an address with several places the first is tried with all kinds of things one at a time, beside Bob's own.

    Beside all of Alice's, and beside what is tried, stands what it is about: collections or pictures.
    """
    if places < 2 or "public_id" not in route.places:
        return {}
    kind = "collection_id" if "/collections/<slug:public_id>" in route.path else "item_id"
    return {"public_id": things[kind]}


def private(kind: bool | None = None) -> list[Route]:
    """The routes with a place for something that is a member's; of the API or not."""
    found = [route for route in routes() if set(route.places) - PUBLIC_PLACES]
    return [route for route in found if kind is None or route.is_api == kind]


def shared(route: Route, cases: Iterable[Case], share: int = 12) -> list[Case]:
    """The share of a route's cases that this run tries, chosen by number: ids are new each time."""
    return [case for _, case in one_in(share, enumerate(cases), lambda one: one[0], of=route.path)]


def methods(route: Route) -> tuple[str, ...]:
    return ("GET", *ACTIONS) if route.is_api else ("GET", "POST")


def test_every_place_of_an_address_is_known_here(scene: Secrets) -> None:
    unknown = {place for route in routes() for place in route.places if place not in fits(scene, route)}
    assert unknown == set(), (
        "say in fits() what of Alice's stands there, or in PUBLIC_PLACES that nobody's does"
    )
    assert len(private()) > 70


def walked(scene: Secrets, asker: Asker, among: list[Route], allowed: set[int]) -> Walk:
    """Ask for all of Alice's things: they are as little there as what nobody has, and stay as they are."""
    walk, before = Walk(scene), private_data.rows_of_others(scene.bob)
    known: dict[tuple[str, str], int] = {}
    for route in among:
        shut: set[str] = set()
        for one in shared(route, questions(route, scene)):
            for method in methods(route):
                if method in shut:
                    continue
                if (method, one.nobodys) not in known:
                    known[method, one.nobodys] = asker.ask(method, one.nobodys).status_code
                answer = asker.ask(method, one.address)
                walk.look(route, method, one.address, answer, one.named)
                status = answer.status_code
                elsewhere = status == 302 and "/login/" not in answer["Location"]
                # To take out of one's own what was never in it is done as soon as it is asked.
                fine = status in allowed or (one.his and status == 204)
                where = f"{route.key}: {method} {one.address} answers {status}"
                walk.note(fine and not elsewhere, where)
                nobodys = known[method, one.nobodys]
                walk.note(status == nobodys, f"{where}, for what nobody has {nobodys}")
                if status == nobodys and status in BEFORE_LOOKING:
                    shut.add(method)
    after = private_data.rows_of_others(scene.bob)
    for name, rows in before.items():
        changed = [pk for pk in {*rows, *after[name]} if rows.get(pk) != after[name].get(pk)]
        walk.note(not changed, f"{name}: of others' rows these have changed: {changed}")
    return walk


def test_another_member_finds_nothing_of_alices_on_any_page(scene: Secrets) -> None:
    walk = walked(scene, Asker(scene.bob), private(False), NOT_THERE)
    assert not walk.faults, "\n".join(walk.faults)


def test_a_visitor_finds_nothing_of_alices_anywhere(scene: Secrets) -> None:
    walk = walked(scene, Asker(None), one_in(4, private(), lambda route: route.path), ASKS_WHO)
    assert not walk.faults, "\n".join(walk.faults)


def test_another_members_token_opens_nothing_of_alices(scene: Secrets) -> None:
    walk = walked(scene, Asker(scene.bob, token=True), private(True), {*NOT_THERE, 400, 415, 422})
    assert not walk.faults, "\n".join(walk.faults)


# "Not there" for their owner too: trainings and deployments, which are not offered; signed looks at files; and the way
# out of a collection, which is for its editors.
NOT_OFFERED = (
    "/trainings/", "/streams/", "/stream-", "/download", "/f/", "/leave/",
    # A token is of one account, links in mails and receipts are keys, a copy is made in the background, and a session
    # of which the browser is gone is none.
    "/api/organizations/", "/api/sessions/", "/notices/stop/", "/receipt/", "/account/export/",
)  # fmt: skip


def test_alice_finds_what_others_do_not(scene: Secrets) -> None:
    """Otherwise the tests above would prove nothing."""
    page, program = Asker(scene.alice), Asker(scene.alice, token=True)
    form = dict.fromkeys(named_in_source("POST"), scene.ids["private"]) | {"username": "charlie"}
    shut = []
    for route in one_in(8, private(), lambda route: route.path):
        if streams(route) or any(one in route.path for one in NOT_OFFERED):
            continue
        asker, body = (program, None) if route.is_api else (page, urlencode(form))
        if not _opens(asker, route, _hers(route, scene), body):
            shut.append(route.path)
    assert not shut, "\n".join(shut)


def _hers(route: Route, scene: Secrets) -> list[str]:
    """A URL with all of Alice's objects, open or private."""
    items = [scene.open["public"], *fits(scene, route)["item_id"]]
    more = {
        "token": scene.opening,
        "item_id": items,
        "collection_id": [scene.open["collection"], scene.ids["collection"]],
        "public_id": [*scene.open.values(), *scene.ids.values()],
    }
    if route.name == "report_comment":
        more["number"] = [scene.numbers["comment"]]
    return [address for address, _ in route.filled(fits(scene, route) | more)]


def _opens(asker: Asker, route: Route, addresses: list[str], body: str | None) -> bool:
    """Whether any of these addresses of a route is there, by any method that it takes."""
    ways = list(methods(route))
    for address in addresses:
        for method in tuple(ways):
            with transaction.atomic():
                answer = asker.ask(method, address, body, form=body is not None and method in ACTIONS)
                transaction.set_rollback(True)
            if answer.status_code not in NOT_THERE:
                return True
            if answer.status_code == 405:
                ways.remove(method)
    return False


def _form(thing: str) -> tuple[int, bool]:
    """What is known of an id without a query."""
    return len(thing), thing.isdigit()


@contextmanager
def looked_for(thing: str) -> Iterator[list[str]]:
    """The statements that have a thing among their values."""
    found: list[str] = []

    def note(execute: Any, sql: str, params: Any, *more: Any) -> Any:
        if thing in sql or thing in str(params):
            found.append(sql)
        return execute(sql, params, *more)

    with connection.execute_wrapper(note):
        yield found


def asked_in_words(scene: Secrets, among: list[Route], asker: Asker, things: list[str]) -> Walk:
    """Lists and forms with Alice's ids in every parameter that any page reads, one of her things at a time.

    Where nothing is looked for with what was sent, other things of the same form can be found no more than that one.
    """
    walk = Walk(scene)
    wanted, sent = named_in_source("GET"), named_in_source("POST")
    before = private_data.rows_of_others(scene.bob)
    for route in one_in(6, among, lambda route: f"{route.path} {len(things)}"):
        # Health says 503 here, where no engine runs.
        if streams(route) or route.name == "health":
            continue
        address = next(address for address, _ in route.filled(bobs(scene, route)))
        idle: set[tuple[int, bool]] = set()
        for thing in shared(route, ["", *things]):
            if _form(thing) in idle:
                continue
            query = urlencode(dict.fromkeys(wanted, thing)) if thing else ""
            with noted_parameters() as read, looked_for(thing) as found:
                answer = asker.ask("GET", f"{address}?{query}")
            if not found:
                idle.add(_form(thing))
            walk.look(route, "GET", address, answer, [thing])
            # Who asks for no parameter answers alike, whatever is in it.
            if answer.status_code == 405 or (thing and read.isdisjoint({*wanted, "*"})):
                break
        idle = set()
        for thing in () if route.is_api else shared(route, things):
            if _form(thing) in idle:
                continue
            with transaction.atomic(), noted_parameters() as read, looked_for(thing) as found:
                answer = asker.ask("POST", address, urlencode(dict.fromkeys(sent, thing)), form=True)
                walk.look(route, "POST", address, answer, [thing])
                transaction.set_rollback(True)
            if not found:
                idle.add(_form(thing))
            if answer.status_code == 405 or read.isdisjoint({*sent, "*"}):
                break
    walk.note(before == private_data.rows_of_others(scene.bob), "rows have changed")
    return walk


def test_no_list_and_no_form_tells_another_member_of_alices_things(scene: Secrets) -> None:
    ids = scene.ids
    things = [ids[name] for name in ("private", "trashed", "collection", "failed", "batch", "upload")]
    things += [scene.numbers["preset"], f"http://testserver/v1/files/{ids['upload']}"]
    pages = [route for route in routes() if not route.is_api]
    walk = asked_in_words(scene, pages, Asker(scene.bob), things)
    assert not walk.faults, "\n".join(walk.faults)


@pytest.mark.parametrize("visitor", [True, False], ids=["a-visitor", "another-members-token"])
def test_no_list_tells_others_of_alices_things(scene: Secrets, visitor: bool) -> None:
    asker = Asker(None) if visitor else Asker(scene.bob, token=True)
    among = [route for route in routes() if visitor or route.is_api]
    walk = asked_in_words(scene, among, asker, [scene.ids["private"]])
    assert not walk.faults, "\n".join(walk.faults)


NO_IDS = ("x%00x", "%F0%9F%98%80", "%ED%A0%80", "x" * 3000)


def test_what_can_be_no_id_is_not_there(scene: Secrets) -> None:
    page, program, faults = Asker(scene.bob), Asker(scene.bob, token=True), []
    among = [route for route in routes() if route.places and not streams(route)]
    for route in one_in(12 if settings.ON_POSTGRES else 4, among, lambda route: route.path):
        asker, his = program if route.is_api else page, bobs(scene, route)
        ways = list(methods(route))
        for place in route.places:
            words = (HUGE,) if place in NUMBERS else NO_IDS
            for address, _ in shared(
                route, route.filled({**{one: his[one][:1] for one in his}, place: list(words)})
            ):
                for method in tuple(ways):
                    with transaction.atomic():
                        status = asker.ask(method, address).status_code
                        transaction.set_rollback(True)
                    if status >= 500 and status != 501:
                        faults.append(f"{route.key}: {method} {address[:90]} answers {status}")
                    if status == 405:
                        ways.remove(method)
    assert not faults, "\n".join(faults)


def test_what_is_open_is_still_its_owners_to_change(scene: Secrets) -> None:
    """A new deed is its owner's until SOCIAL says that it is everybody's."""
    page, program = Asker(scene.bob), Asker(scene.bob, token=True)
    before = private_data.rows_of_others(scene.bob)
    faults = []
    for route in private():
        if route.name in SOCIAL or route.name in ("report_comment", "studio_vary_price"):
            continue
        asker = program if route.is_api else page
        shown = {"public_id": list(scene.open.values()), "item_id": [scene.open["public"], scene.open["unlisted"]],
                 "collection_id": [scene.open["collection"]]}  # fmt: skip
        ways = list(ACTIONS if route.is_api else ("POST",))
        for address, named in shared(route, route.filled(fits(scene, route) | shown), 8):
            for method in tuple(ways):
                status = asker.ask(method, address).status_code
                if status == 405:
                    ways.remove(method)
                if status not in NOT_THERE and set(named) & set(scene.open.values()):
                    faults.append(f"{route.key}: {method} {address} answers {status}")
    after = private_data.rows_of_others(scene.bob)
    faults += [name for name in before if before[name] != after[name]]
    assert not faults, "\n".join(faults)

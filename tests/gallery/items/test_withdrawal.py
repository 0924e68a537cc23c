"""What was taken back is gone at once, for caches too: no "not modified", no part of a file, no picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts.models import User
from gallery.collections import curation, editors
from gallery.items import deletion, publication
from gallery.library import trash
from gallery.models import Collection, Item, ShareLink
from gallery.shares import link_passwords, share_links
from tests import factories
from tests.runner.sampling import one_in, short_or_whole
from tests.security.route_inventory import Route, routes, streams
from tests.support.picture_items import picture_item

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(300)]
PASSWORD = "a quiet red lamp"


class Scene:
    """A published picture of Alice's that is visible everywhere: gallery, link, collections, a collection's link."""

    def __init__(self) -> None:
        self.alice, self.bob = factories.make_user("alice", credit=10), factories.make_user("bob")
        self.item = picture_item(self.alice, "a green valley")
        publication.publish(self.item, title="Valley", tags=["valley"])
        self.item.refresh_from_db()
        self.kept = curation.create(self.alice, "Valleys")
        curation.add(self.kept, [self.item, picture_item(self.alice, "another", seed=2)], self.alice)
        curation.set_visibility(self.kept, "public")
        editors.invite(self.kept, "bob")
        self.link = share_links.share(self.item, self.alice)
        self.collection_link = share_links.share(self.kept, self.alice)
        self.locked = share_links.share(self.item, self.alice, password=PASSWORD)

    def addresses(self) -> Iterator[tuple[Route, str]]:
        """Where the picture, or a page about it alone, may be had."""
        item = self.item.public_id
        size = ["full", *one_in(3, ["small", "medium"])]
        fits = {"public_id": [item], "item_id": [item], "size": size, "token": [self.link.token]}
        collected = {"public_id": [self.kept.public_id], "collection_id": [self.kept.public_id]}
        for route in routes():
            places = set(route.places)
            if streams(route) or not places or route.name == "output_file":
                continue
            here = dict(fits)
            if {"token", "item_id"} <= places:
                here["token"] = [self.collection_link.token]
            elif {"public_id", "item_id"} <= places:
                here |= collected
            if places <= set(here):
                yield from ((route, address) for address, _ in route.filled(here))


def browser(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
    return client


def had(
    scene: Scene, client: Client, only: Callable[[str], bool] = lambda _: True, share: int = 1, of: str = ""
) -> dict[str, dict[str, str]]:
    """What a reader has in the cache: addresses with what would ask whether it is still as it was.

    Of all of them one in `share`; `of` is who asks for what.
    """
    found: dict[str, dict[str, str]] = {}
    addresses = enumerate(address for _route, address in scene.addresses() if only(address))
    for _, address in one_in(share, addresses, lambda one: one[0], of=of):
        answer: Any = client.get(address)
        if answer.status_code != 200:
            continue
        if answer.streaming:
            b"".join(answer.streaming_content)
        known = {"If-None-Match": answer.get("ETag"), "If-Modified-Since": answer.get("Last-Modified")}
        found[address] = {name: value for name, value in known.items() if value}
    return found


def still_there(client: Client, kept: dict[str, dict[str, str]]) -> list[str]:
    """Of these addresses those that answer anything but 404, asked in a share of all ways."""
    faults = []
    for number, (address, known) in enumerate(kept.items()):
        part = {"Range": "bytes=0-9"}
        ways: list[tuple[str, dict[str, str]]] = [("GET", {}), *([("GET", known)] if known else [])]
        # The sizes of a picture are sent by one view: the largest is asked for in every way.
        if not address.endswith(("/small", "/medium")):
            ways += [("HEAD", {}), ("GET", part), ("GET", {"If-None-Match": "*"})]
            ways += [("HEAD", known), ("GET", known | part)] if known else []
        for method, headers in one_in(3, ways, lambda way: f"{way[0]} {sorted(way[1])}", of=number):
            status = client.generic(method, address, headers=headers).status_code
            if status != 404:
                faults.append(f"{method} {address} answers {status} to {headers}")
    return faults


def _hide(scene: Scene) -> None:
    Item.objects.filter(pk=scene.item.pk).update(hidden_at=timezone.now())


def _delete(scene: Scene) -> None:
    deletion.delete(scene.item)


def _trash(scene: Scene) -> None:
    trash.move(factories.account_of(scene.alice), [scene.item])


WAYS: dict[str, Callable[[Scene], Any]] = {"hidden": _hide, "trashed": _trash, "deleted": _delete}


@pytest.mark.parametrize("way", WAYS)
def test_a_picture_that_is_no_longer_shown_is_gone_everywhere(way: str) -> None:
    scene = Scene()
    readers = [browser(None), browser(scene.bob)]
    caches = [had(scene, reader, share=2, of=f"{way} {who}") for who, reader in enumerate(readers)]
    pictures = [address for cache in caches for address, known in cache.items() if "If-None-Match" in known]
    # The gallery, its API, both links and the collection, in two sizes or three.
    assert len(pictures) >= short_or_whole(4, 16)
    WAYS[way](scene)
    faults = [
        fault for reader, cache in zip(readers, caches, strict=True) for fault in still_there(reader, cache)
    ]
    assert not faults, "\n".join(faults)


def test_a_picture_out_of_the_gallery_is_gone_from_there_at_once() -> None:
    scene = Scene()
    visitor = browser(None)
    cache = had(scene, visitor, lambda address: "/gallery/" in address or address.startswith("/report/"))
    assert len(cache) >= 8
    publication.unpublish(scene.item)
    faults = still_there(visitor, cache)
    assert not faults, "\n".join(faults)


def test_a_withdrawn_link_is_gone_with_its_pictures() -> None:
    scene = Scene()
    visitor = browser(None)
    cache = had(scene, visitor, lambda address: address.startswith("/s/"))
    assert len(cache) >= 8
    share_links.withdraw(scene.link)
    share_links.withdraw(scene.collection_link)
    faults = still_there(visitor, cache)
    assert not faults, "\n".join(faults)


def test_a_link_whose_time_is_over_gives_no_picture() -> None:
    scene = Scene()
    visitor = browser(None)
    cache = had(scene, visitor, lambda address: address.startswith("/s/"))
    ShareLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    faults = still_there(visitor, cache)
    assert not faults, "\n".join(faults)


def test_what_a_password_opened_is_shut_again_with_the_link_and_with_another_password() -> None:
    scene = Scene()
    visitor = browser(None)
    here = f"/s/{scene.locked.token}/"
    picture = f"{here}picture/full"
    assert visitor.get(picture).status_code == 404
    assert visitor.post(f"{here}open/", {"password": PASSWORD}).status_code == 302
    first: Any = visitor.get(picture)
    known = {"If-None-Match": first["ETag"]}
    b"".join(first.streaming_content)
    assert first.status_code == 200
    assert visitor.get(picture, headers=known).status_code == 304
    ShareLink.objects.filter(pk=scene.locked.pk).update(
        password=link_passwords.hash_password("another red lamp")
    )
    assert still_there(visitor, {picture: known}) == []
    assert b"picture/full" not in visitor.get(here).content


def test_an_editor_who_left_finds_nothing_of_the_collection() -> None:
    scene = Scene()
    curation.set_visibility(scene.kept, "private")
    bob = browser(scene.bob)
    cache = had(scene, bob, lambda address: address.startswith("/library/collections/"))
    own = f"/library/collections/{scene.kept.public_id}/"
    assert bob.get(own).status_code == 200
    assert len(cache) >= 3
    editors.remove(scene.kept, scene.bob)
    assert still_there(bob, cache | {own: {}}) == []
    assert bob.post(f"{own}move/", {"first": scene.item.public_id}).status_code == 404
    assert bob.post(f"{own}remove/", {"ids": [scene.item.public_id]}).status_code == 404
    assert scene.kept.entries.count() == 2


# Who sees which picture of a collection, as gallery/collections/querysets.py says. Bob's are in Alice's collection.
SEEN = {
    #              owner  editor reader guest
    "hers":        (True, True, False, True),
    "hers-open":   (True, True, True, True),
    "hers-hidden": (True, False, False, False),
    "hers-trash":  (False, False, False, False),
    "his":         (True, True, False, True),
    "his-open":    (True, True, True, True),
    "his-hidden":  (False, True, False, False),
    "his-trash":   (False, False, False, False),
}  # fmt: skip


def _of_kind(kind: str, alice: User, bob: User, seed: int) -> Item:
    user = alice if kind.startswith("hers") else bob
    item = picture_item(user, f"a {kind} hill", seed=seed)
    if kind.endswith("-open"):
        publication.publish(item, visibility="unlisted" if kind.startswith("his") else "public")
    moment = {"hidden": "hidden_at", "trash": "trashed_at"}.get(kind.rpartition("-")[2])
    if moment:
        Item.objects.filter(pk=item.pk).update(**{moment: timezone.now()})
    return item


def test_each_audience_sees_its_part_of_a_collection() -> None:
    alice, bob = factories.make_user("alice"), factories.make_user("bob")
    kept = curation.create(alice, "Hills")
    editors.invite(kept, "bob")
    items = {kind: _of_kind(kind, alice, bob, seed) for seed, kind in enumerate(SEEN)}
    for kind, item in items.items():
        curation.add(kept, [item], alice if kind.startswith("hers") else bob)
    Collection.objects.filter(pk=kept.pk).update(visibility="public", published_at=timezone.now())
    link = share_links.share(kept, alice)
    inside, program = f"/library/collections/{kept.public_id}/", f"/api/collections/{kept.public_id}/items"
    keepers = ((browser(alice), 0, alice), (browser(bob), 1, bob))
    faults = []
    lists: list[tuple[str, int, str]] = []
    """Of each list its address, the column of its reader, and what stands on it."""
    for client, path, column in (
        *((one, inside, column) for one, column, _user in keepers),
        (browser(None), f"/collections/{kept.public_id}/", 2),
        (browser(None), f"/api/gallery/collections/{kept.public_id}", 2),
        (browser(None), f"/s/{link.token}/", 3),
    ):
        lists.append((path, column, client.get(path).content.decode()))
    for _client, column, user in keepers:
        headers = {"Authorization": f"Bearer {factories.make_token(user)}"}
        listed = browser(None).get(program, headers=headers).content.decode()
        lists.append((f"{program} of {user}", column, listed))
    for kind, item in items.items():
        address = f"{item.public_id}/picture/medium"
        ways = [(client, f"{inside}{address}", column) for client, column, _user in keepers]
        ways += [(browser(None), f"/s/{link.token}/{address}", 3)]
        for client, path, column in ways:
            status = client.get(path).status_code
            if status != (200 if SEEN[kind][column] else 404):
                faults.append(
                    f"{kind}: {path} answers {status} to {('owner', 'editor', '', 'guest')[column]}"
                )
        for path, column, listed in lists:
            if (item.public_id in listed) != SEEN[kind][column]:
                faults.append(f"{kind}: {path} in the list: {not SEEN[kind][column]}")
    assert not faults, "\n".join(faults)

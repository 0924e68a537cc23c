"""Every page there is, in one list, with a scene behind it that has something to show on each.

For what is to hold on every page (test_every_page.py). A page that is missing here is found by
`test_pages.test_every_page_is_in_the_list`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.test import RequestFactory
from django.utils import timezone

from accounts.models import MICRO, User
from accounts.notifications import mail_preferences, notices
from accounts.organizations import management
from accounts.site import site_rules
from accounts.staff import sanctions
from config.middleware import error_pages
from gallery.collections import curation
from gallery.items import publication
from gallery.models import Case, Closure, Export, Item
from gallery.moderation import appeals, decisions
from gallery.shares import share_links
from gallery.social import abuse_reports, discussion, follows, likes
from predictions.catalogue import lookup
from predictions.models import Delivery
from tests import factories
from tests.accounts.billing.billing_rows import make_money
from tests.browser.conftest import Window
from tests.support.picture_items import picture_item

KIB = 1024
GUEST, MEMBER, STAFF = "", "alice", "boss"
# Widths and heights in pixels: every shape that the models make, some of them twice.
SHAPES = (
    (96, 64),
    (64, 96),
    (96, 96),
    (128, 54),
    (54, 128),
    (96, 72),
    (72, 96),
    (96, 54),
    (80, 64),
    (64, 80),
)
PASSWORD = "a quiet red lamp"


@dataclass(frozen=True)
class Place:
    """A page: its name in reports, its address with places for the scene's ids, who looks at it."""

    name: str
    path: str
    viewer: str = GUEST
    status: int = 200
    heaviest: int = 200 * KIB
    """Bytes that it may weigh without its pictures."""
    shift: float = 0.02
    """How much of it may move while it loads, as browsers count it."""
    rows: bool = False
    """It has rows of pictures, laid out anew for every width of the window."""


def _of(viewer: str, *places: tuple[str, str], **more: Any) -> tuple[Place, ...]:
    return tuple(Place(name, path, viewer, **more) for name, path in places)


PAGES: tuple[Place, ...] = (
    *_of(
        GUEST,
        ("home", "/"),
        ("gallery", "/gallery/"),
        ("gallery, found", "/gallery/?q=lighthouse"),
        ("gallery, nothing found", "/gallery/?q=zeppelin"),
        ("gallery of a tag", "/gallery/tag/{tag}/"),
        ("gallery of a member", "/gallery/by/{username}/"),
        ("gallery of a model", "/gallery/model/{owner}/{name}/"),
        ("gallery of the week", "/gallery/week/"),
        ("public collections", "/collections/"),
        ("public collection", "/collections/{collection}/"),
        ("shared collection", "/s/{shared_collection}/"),
        rows=True,
    ),
    *_of(
        GUEST,
        ("published picture", "/gallery/{published}/"),
        ("report a picture", "/report/{published}/"),
        ("report a collection", "/report/collection/{collection}/"),
        ("report a comment", "/report/comment/{comment}/"),
        ("comments", "/gallery/{published}/comments/"),
        ("shared picture", "/s/{shared}/"),
        ("shared picture of a collection", "/s/{shared_collection}/{published}/"),
        ("report a shared picture", "/s/{shared}/report/"),
        ("report a shared picture of a collection", "/s/{shared_collection}/{published}/report/"),
        ("share with a password", "/s/{locked}/"),
        ("log in", "/accounts/login/"),
        ("sign up", "/accounts/signup/"),
        ("closed account", "/accounts/inactive/"),
        ("forgotten password", "/accounts/password/reset/"),
        ("forgotten password, sent", "/accounts/password/reset/done/"),
        ("stop mails", "/account/notices/stop/{stop}/"),
        ("receipt of a deleted account", "/account/receipt/{receipt}/"),
        ("guide", "/docs/"),
        ("guide, long tables", "/docs/errors"),
        ("guide, a model", "/docs/models/{owner}/{name}"),
        ("guide, search", "/docs/search?q=webhook"),
    ),
    Place("share that has ended", "/s/{ended}/", status=404),
    Place("invitation that is used up", "/accounts/invitation/", status=410),
    Place("no such invitation", "/accounts/invitation/nothing/", status=404),
    Place("not found", "/nowhere/", status=404),
    *(
        Place(f"error {status}", f"/errors/{status}/", status=status)
        for status in (400, 403, 413, 429, 500, 503)
    ),
    Place("API reader", "/api/docs", heaviest=KIB * KIB),
    *_of(
        MEMBER,
        ("studio", "/studio/"),
        ("library", "/library/"),
        ("library, found", "/library/?q=lighthouse"),
        ("trash", "/library/trash/"),
        ("collections", "/library/collections/"),
        ("collection", "/library/collections/{collection}/"),
        ("gallery, signed in", "/gallery/"),
        ("gallery of those one follows", "/gallery/following/"),
        rows=True,
    ),
    *_of(
        MEMBER,
        ("picture", "/library/{item}/"),
        ("picture of a collection", "/library/collections/{collection}/{published}/"),
        ("published picture, signed in", "/gallery/{published}/"),
        ("prediction", "/p/{prediction}/"),
        ("share links", "/library/links/"),
        ("collection to choose", "/library/collections/pick/?item={item}"),
        ("earlier prompts", "/studio/prompts/"),
        ("account", "/account/"),
        ("account, filtered", "/account/?group=added&since=2026-01-01"),
        ("usage", "/account/usage/"),
        ("spending limits", "/account/limits/"),
        ("redeem a code", "/account/redeem/"),
        ("give credits", "/account/gifts/"),
        ("add credits", "/account/credits/"),
        ("receipt", "/account/credits/{purchase}/"),
        ("tokens", "/account/tokens/"),
        ("token", "/account/tokens/{token}/"),
        ("webhooks", "/account/webhooks/"),
        ("secret of webhooks", "/account/webhooks/secret/"),
        ("delivery", "/account/webhooks/{delivery}/"),
        ("notices", "/account/notices/"),
        ("notices by mail", "/account/notices/choices/"),
        ("everything along", "/account/export/"),
        ("organisations", "/account/organizations/"),
        ("organisation", "/account/organizations/{organization}/"),
        ("security", "/accounts/2fa/"),
        ("passkeys", "/accounts/2fa/webauthn/"),
        ("sessions", "/accounts/sessions/"),
        ("e-mail", "/accounts/email/"),
        ("other services", "/accounts/3rdparty/"),
        ("confirm that it is you", "/accounts/reauthenticate/"),
        ("decisions", "/account/decisions/"),
        ("decision", "/account/decisions/{decision}/"),
        ("decision about oneself", "/account/decisions/sanction/{sanction}/"),
        ("password", "/accounts/password/change/"),
        ("log out", "/accounts/logout/"),
    ),
    *_of(
        STAFF,
        ("operator's desk", "/admin/"),
        ("moderation", "/admin/moderation/"),
        ("moderation, appeals", "/admin/moderation/?tab=appeals"),
        ("moderation, waiting for review", "/admin/moderation/?tab=review"),
        ("moderation, closed", "/admin/moderation/?tab=closed"),
        ("case", "/admin/moderation/{case}/"),
        ("pictures of a member, for moderators", "/admin/moderation/members/{username}/"),
        ("operations", "/admin/operations/"),
        ("operations, a month", "/admin/operations/?period=month"),
        ("maintenance", "/admin/operations/maintenance/"),
        ("house rules", "/admin/house/"),
        ("announcements", "/admin/announcements/"),
        ("members", "/admin/members/"),
        ("members, found", "/admin/members/?q=alice"),
        ("member", "/admin/members/{member}/"),
        ("upstreams", "/admin/upstreams/"),
        ("list of the desk", "/admin/gallery/item/"),
        heaviest=KIB * KIB,
        # The admin's own scripts draw its lists: layout shifts there are judged less strictly than in the gallery.
        shift=0.1,
    ),
)


def make_scene() -> dict[str, str]:
    """Members, pictures of every shape, a collection, links, likes, comments, a failed delivery; the ids for PAGES."""
    alice = factories.make_user(MEMBER, credit=500)
    bob = factories.make_user("bob")
    factories.make_staff(STAFF)
    version = lookup.find_version("lucataco/flux-schnell-lora")
    items = [_item(alice, version, number) for number in range(len(SHAPES))]
    trashed = _item(alice, version, len(SHAPES))
    Item.objects.filter(pk=trashed.pk).update(trashed_at=timezone.now())
    for item in items[2:]:
        publication.publish(item, title="Fog", tags=["lighthouse"])
    published = items[2]
    likes.toggle(published, bob)
    follows.toggle(alice, bob)
    comment = discussion.write(published, bob, "So quiet.")
    publication.publish(_item(bob, version, 3), title="By the sea", tags=["sea"])
    kept = curation.create(alice, "Lighthouses")
    curation.add(kept, items, alice)
    curation.set_visibility(kept, "public")
    ended = share_links.share(items[0], alice)
    share_links.withdraw(ended)
    waiting = factories.make_prediction(alice, version)
    # One word that is longer than a line.
    failed = factories.make_prediction(alice, version, status="failed", error="W" * 150)
    delivery = Delivery.objects.create(
        account=failed.account, prediction=failed, event="completed", state="given_up", body="{}", attempts=1
    )
    factories.make_token(alice)
    site_rules.change(gifts=True)
    make_money(alice)
    boss = User.objects.get(username=STAFF)
    abuse_reports.report(published, abuse_reports.Reporter(bob), "copied", "It is mine.")
    [hidden] = decisions.hide_directly([items[1]], boss, "copied work")
    appeals.create(hidden, alice, "I painted it myself.")
    warning = sanctions.warn(alice, boss, "copied work", case=hidden.pk)
    notices.notify(alice, "credits.granted", link="/account/", amount_micro=5 * MICRO, reason="For the show")
    assert alice.account is not None
    Export.objects.create(user=alice, account=alice.account, state="failed")
    gone = Closure.objects.create(
        user=bob, account=factories.account_of(bob), due_at=timezone.now(), finished_at=timezone.now(),
        receipt={"pictures": 12, "ledger_rows_kept": 40},
    )  # fmt: skip
    return {
        "organization": str(management.create(alice, "Studio Nord").pk),
        "stop": mail_preferences.unsubscribe_token(alice.pk, "credits.granted"),
        "receipt": gone.reference,
        "case": str(Case.objects.get(item=published).pk),
        "decision": str(hidden.pk),
        "sanction": str(warning.pk),
        "item": items[0].public_id,
        "purchase": alice.account.purchases.get().reference,
        "published": published.public_id,
        "prediction": waiting.public_id,
        "comment": str(comment.pk),
        "collection": kept.public_id,
        "shared": share_links.share(items[0], alice, show_prompt=True).token,
        "shared_collection": share_links.share(kept, alice).token,
        "locked": share_links.share(items[0], alice, password=PASSWORD).token,
        "ended": ended.token,
        "tag": "lighthouse",
        "username": alice.username,
        "member": str(alice.pk),
        "owner": "lucataco",
        "name": "flux-schnell-lora",
        "token": str(alice.api_tokens.get().pk),
        "delivery": str(Delivery.objects.get(pk=delivery.pk).message_id),
    }


def _item(user: User, version: Any, number: int) -> Item:
    width, height = SHAPES[number % len(SHAPES)]
    prompt = f"a lighthouse in the fog{', a red balloon' * 6 * (number % 2)}, number {number}"
    values = {"prompt": prompt, "num_inference_steps": 4, "seed": number}
    prediction = factories.make_prediction(
        user,
        version,
        status="succeeded",
        input=values,
        output=["/f/x/out-0.webp"],
        metrics={"predict_time": 2.4},
    )
    return picture_item(user, prompt, prediction=prediction, width=width, height=height, seed=number)


def show(window: Window, place: Place, scene: dict[str, str]) -> int:
    """Open a page in a window of its viewer; the status of the answer."""
    path = place.path.format(**scene)
    made_up = path.startswith("/errors/")
    if made_up:
        answer = error_pages.error_page(RequestFactory().get(path), place.status, retry_after=12)
        window.page.route(
            f"**{path}",
            lambda route: route.fulfill(
                status=place.status, body=answer.content.decode(), content_type="text/html; charset=utf-8"
            ),
        )
    response = window.page.goto(f"{window.base}{path}")
    if made_up:
        # As long as anything is intercepted the browser keeps no files.
        window.page.unroute_all()
    return response.status if response else 0

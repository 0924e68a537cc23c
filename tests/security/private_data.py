"""Everything that a member may keep private, with a unique marker word in each."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from allauth.usersessions.models import UserSession
from django.apps import apps
from django.utils import timezone

from accounts.models import ApiToken, Notice, OrganizationInvitation, Purchase, Sanction, User
from accounts.organizations import management
from gallery.collections import curation, editors
from gallery.items import publication
from gallery.models import Case, Collection, Comment, Export, Item, Preset, Report, ShareLink
from gallery.shares import share_links
from predictions.files import uploads
from predictions.models import Delivery, Prediction, Version
from tests import factories
from tests.support.picture_items import picture_item

WORD = "quetzalwort"
"""In every text that only Alice may read."""
MADE_UP = "Zz9madeUpIdOfNobody22x"
NO_NUMBER = "987654321"
HUGE = str(2**70)
ROOMS = ("accounts", "gallery", "predictions")


@dataclass
class Secrets:
    """What Alice has and what Bob has, as ids."""

    alice: User
    bob: User
    version: Version
    items: dict[str, Item] = field(default_factory=dict)
    """`private`, `trashed`, `hidden`; and of all that have the address: `unlisted`, `public` without its prompt."""
    ids: dict[str, str] = field(default_factory=dict)
    """Ids of what does not exist for others, by kind."""
    numbers: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    """Tokens of share links that open nothing."""
    opening: list[str] = field(default_factory=list)
    """Tokens of links that open something: keys, which nobody else has."""
    open: dict[str, str] = field(default_factory=dict)
    """Ids of what everybody may see."""
    own: dict[str, str] = field(default_factory=dict)
    """Bob's own: `item`, `collection`, `prediction`, `token`, `upload`, `batch`, `delivery`."""
    own_numbers: dict[str, str] = field(default_factory=dict)

    def words(self) -> set[str]:
        """Texts that must be in no response to others, whatever the request."""
        outputs = [item.output for item in self.items.values()]
        return {
            WORD,
            self.alice.email,
            *(output.token for output in outputs),
            *ShareLink.objects.filter(created_by=self.alice).values_list("token", flat=True),
        }

    def secret_ids(self) -> set[str]:
        """Ids that no answer may name that was not asked with them."""
        return {*self.ids.values(), self.items["unlisted"].public_id}


def make() -> Secrets:
    """The scene. Bob and Charlie are members too; Bob has one of each kind himself."""
    alice = factories.make_user("alice", credit=100, email=f"{WORD}@example.net")
    bob = factories.make_user("bob", credit=1000)
    factories.make_user("charlie")
    version = factories.make_version()
    made = Secrets(alice, bob, version)
    _pictures(made)
    _collections(made)
    _people(made)
    _work(made, alice, made.ids, made.numbers, secret=True)
    _work(made, bob, made.own, made.own_numbers, secret=False)
    _reach(made, alice, made.ids, made.numbers, words=WORD)
    _reach(made, bob, made.own, made.own_numbers, words="Bob's")
    kept = curation.create(bob, "Bob's")
    curation.add(kept, [Item.objects.get(public_id=made.own["item"])], bob)
    link = share_links.share(kept, bob)
    said = Comment.objects.create(item=made.items["public"], user=bob, text="Bob's own.")
    made.own |= {"collection": kept.public_id, "token": link.token}
    made.own_numbers |= {"link": str(link.pk), "comment": str(said.pk)}
    return made


def _pictures(made: Secrets) -> None:
    alice = made.alice
    for number, name in enumerate(("private", "trashed", "hidden", "unlisted", "public")):
        words = f"{WORD} {name}" if name not in ("unlisted",) else "a plain hill"
        prediction = _prediction(alice, made.version, words, status="succeeded", output=["/f/x/out-0.webp"])
        secret = name in ("private", "trashed", "hidden")
        made.items[name] = picture_item(
            alice, words, prediction=prediction, seed=number, title=words if secret else "Open"
        )
        if secret:
            made.ids[name] = made.items[name].public_id
    for name in ("trashed", "hidden", "unlisted", "public"):
        publication.publish(
            made.items[name],
            title=f"{WORD} {name}" if name in made.ids else "Open",
            show_prompt=name != "public",
            tags=["openly"] if name not in made.ids else [WORD],
            visibility="unlisted" if name == "unlisted" else "public",
        )
        if name not in made.ids:
            made.open[name] = made.items[name].public_id
    Item.objects.filter(public_id=made.ids["trashed"]).update(trashed_at=timezone.now())
    Item.objects.filter(public_id=made.ids["hidden"]).update(
        hidden_at=timezone.now(), hidden_reason=f"{WORD} reason"
    )


def _prediction(user: User, version: Version, words: str, **fields: Any) -> Prediction:
    given = {"prompt": words, "negative_prompt": words, "seed": 7}
    return factories.make_prediction(user, version, input=given, logs=f"{words} logs", **fields)


def _collections(made: Secrets) -> None:
    alice, items = made.alice, list(made.items.values())
    private = curation.create(alice, f"{WORD} collection")
    curation.add(private, [made.items["private"], made.items["public"]], alice)
    shown = curation.create(alice, "Shown to all")
    curation.set_visibility(shown, "public")
    editors.invite(private, "charlie")
    # All but the unlisted one: where its owner shows it in a public collection, everybody may see it.
    rows = Item.objects.filter(pk__in=[item.pk for item in items], trashed_at=None).exclude(
        visibility="unlisted"
    )
    curation.add(shown, list(rows), alice)
    hidden = curation.create(alice, f"{WORD} hidden collection")
    curation.set_visibility(hidden, "public")
    Collection.objects.filter(pk=hidden.pk).update(hidden_at=timezone.now())
    Collection.objects.filter(pk=private.pk).update(description=f"{WORD} description")
    made.ids |= {"collection": private.public_id, "hidden_collection": hidden.public_id}
    made.open["collection"] = shown.public_id
    links = {name: share_links.share(made.items["private"], alice) for name in ("withdrawn", "ended")}
    share_links.withdraw(links["withdrawn"])
    ShareLink.objects.filter(pk=links["ended"].pk).update(expires_at=timezone.now() - timedelta(days=1))
    locked = share_links.share(private, alice, password="a quiet red lamp", show_prompt=True)
    made.opening = [share_links.share(thing, alice).token for thing in (made.items["private"], private)]
    made.tokens = {name: link.token for name, link in links.items()}
    made.numbers |= {"link": str(links["ended"].pk), "locked": str(locked.pk)}


def _people(made: Secrets) -> None:
    item, alice = made.items["public"], made.alice
    texts = {"comment": "Openly said.", "hidden_comment": f"{WORD} hidden", "gone_comment": f"{WORD} removed"}
    for name, text in texts.items():
        row = Comment.objects.create(item=item, user=alice, text=text)
        made.numbers[name] = str(row.pk)
    Comment.objects.filter(text__endswith="hidden").update(hidden_at=timezone.now())
    Comment.objects.filter(text__endswith="removed").update(removed_at=timezone.now())
    private = Comment.objects.create(item=made.items["private"], user=alice, text=f"{WORD} among myself")
    made.numbers["private_comment"] = str(private.pk)
    Item.objects.filter(pk__in=[item.pk, made.items["private"].pk]).update(comments=5)
    Report.objects.create(item=item, reason="other", words=f"{WORD} reported", reporter=alice)


def _work(made: Secrets, user: User, ids: dict[str, str], numbers: dict[str, str], *, secret: bool) -> None:
    words = f"{WORD} work" if secret else "bob's own"
    waiting = _prediction(user, made.version, words, batch=f"batchof{user.username}".ljust(26, "0"))
    _prediction(user, made.version, words, batch=waiting.batch)
    failed = _prediction(user, made.version, words, status="failed", error=f"{words} failed")
    delivery = Delivery.objects.create(
        account=failed.account, prediction=failed, event="completed", state="given_up", attempts=1,
        body=f'{{"error": "{words}"}}',
    )  # fmt: skip
    preset = Preset.objects.create(
        user=user, model=made.version.model, name=words, values={"prompt": f"{words} preset"}
    )
    sent = uploads.Sent(f"{words}.png", "image/png", {"width": 64, "height": 48})
    upload = uploads.keep(user, factories.account_of(user), sent, [factories.picture()])
    factories.make_token(user, words)
    ids |= {
        "prediction": waiting.public_id, "failed": failed.public_id, "batch": waiting.batch,
        "delivery": str(Delivery.objects.get(pk=delivery.pk).message_id), "upload": upload.public_id,
    }  # fmt: skip
    numbers |= {"preset": str(preset.pk), "token": str(ApiToken.objects.get(user=user).pk)}
    if not secret:
        ids["item"] = picture_item(user, words, seed=99).public_id


def _reach(made: Secrets, user: User, ids: dict[str, str], numbers: dict[str, str], *, words: str) -> None:
    """An organisation, notices, purchases, moderation decisions, a data export."""
    account = factories.account_of(user)
    club = management.create(user, f"{words} club")
    asked = OrganizationInvitation.objects.create(
        account=club, email=f"{words.lower().replace(chr(39), '')}@asked.example", digest=user.username, made_by=user,
        expires_at=timezone.now() + timedelta(days=1),
    )  # fmt: skip
    notice = Notice.objects.create(
        user=user, kind="credits.granted", params={"reason": words, "amount_micro": 1}
    )
    item = Item.objects.filter(user=user, hidden_at__isnull=False).first()
    decided = Case.objects.create(
        kind="report", item=item, user=user, account=account, about=words, decision="hide", told=f"{words} told",
        decided_at=timezone.now(),
    )  # fmt: skip
    warned = Sanction.objects.create(user=user, kind="warning", reason=f"{words} warned")
    copy = Export.objects.create(user=user, account=account)
    bought = Purchase.objects.create(
        account=account, user=user, credits=1_000_000, price=100, currency="usd", provider="stripe"
    )
    ids |= {"export": copy.public_id, "purchase": bought.reference}
    numbers |= {
        "organization": str(club.pk), "member": str(club.memberships.get().pk), "invitation": str(asked.pk),
        "notice": str(notice.pk), "decision": str(decided.pk), "sanction": str(warned.pk),
        "session": str(UserSession.objects.create(user=user, ip="203.0.113.7", session_key=words[:40]).pk),
    }  # fmt: skip


def rows_of_others(bob: User) -> dict[str, dict[Any, Any]]:
    """Every row of the product that is not Bob's, with all its columns."""
    found: dict[str, dict[Any, Any]] = {}
    for model in (one for room in ROOMS for one in apps.get_app_config(room).get_models()):
        rows = {row[model._meta.pk.attname]: row for row in model._default_manager.values()}
        found[model.__name__] = {
            pk: row for pk, row in rows.items() if not _is_bobs(row, model.__name__, bob)
        }
    return found


def _is_bobs(row: dict[str, Any], name: str, bob: User) -> bool:
    people = ("user_id", "follower_id", "reporter_id", "created_by_id", "added_by_id")
    own = (name == "User" and row["id"] == bob.pk) or (name == "Account" and row["id"] == bob.account_id)
    return own or row.get("account_id") == bob.account_id or any(row.get(key) == bob.pk for key in people)

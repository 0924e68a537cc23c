"""Rows that outlive an account, emptied of what they said of whoever went: words, names, addresses.

Money, times, decisions and their kinds stay: what is kept on purpose, why and how long, stands in `kept`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from datetime import timedelta

from allauth.account.models import EmailAddress
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, Q, QuerySet

from accounts import credits
from accounts.models import (
    Account,
    ApiToken,
    Gift,
    Invitation,
    Membership,
    Notice,
    NoticeChoice,
    OrganizationInvitation,
    Sanction,
    User,
)
from accounts.registration.email_addresses import spellings
from core.clock import Now
from gallery.models import (
    AccountDeed,
    Case,
    CollectionEditor,
    Preset,
    ReaderChoice,
    Report,
)

NAMING = {
    "organization.invited": "by",
    "organization.joined": "who",
}
"""Kinds of notices to others that name somebody, and by which of their params. Those of gifts are found by the gift."""
AT_ONCE = timedelta(seconds=5)
"""A gift and what is told of it are written in one transaction."""


def account(account: Account) -> None:
    """What tokens, gifts, findings and the panel's log say of an account, a member's or an organisation's."""
    tokens(Q(account=account))
    _gifts(account)
    cases(Q(account=account))
    log_of(Account, [account.pk])


def user(user: User, account: Account) -> None:
    """What the row of a member says of them, what other rows do, and the rows that are theirs alone."""
    _reports(user)
    cases(Q(user=user))
    _sanctions(user)
    _notices_of_others(user)
    addresses = {user.email, *EmailAddress.objects.filter(user=user).values_list("email", flat=True)} - {""}
    _invitations(user, {one for one in addresses if not _is_of_another(user, one)})
    log_of(User, [user.pk])
    log_of(EmailAddress, EmailAddress.objects.filter(user=user).values_list("pk", flat=True))
    for kind in (Preset, ReaderChoice, NoticeChoice, EmailAddress, CollectionEditor):
        kind._default_manager.filter(user=user).delete()
    tokens(Q(user=user) & ~Q(account=account))
    Membership.objects.filter(user=user).exclude(account=account).delete()
    # Both in the order of all, and before the name goes, which is a key: a payment of this moment that has the account
    # is yet to tell them of it, and would wait for the key.
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    User.objects.filter(pk=user.pk).update(
        username=_nobodys_name(user), email="", first_name="", last_name="", display_name="", is_active=False,
        password="!" + secrets.token_hex(20), last_login=None, language="", sign_up_key="", invitation=None,
        account=account, erased_at=Now(),
    )  # fmt: skip


def tokens(which: Q) -> None:
    """API tokens: their rows are named by the ledger, and say nothing more."""
    for token in ApiToken.objects.filter(which):
        ApiToken.objects.filter(pk=token.pk).update(
            name="", prefix="", networks=[], allowed_models=[], digest=f"gone-{secrets.token_hex(16)}"
        )
    log_of(ApiToken, ApiToken.objects.filter(which).values_list("pk", flat=True))


def cases(which: Q) -> None:
    """Titles, what was written to and fro, and what rules found; the decision, its kind and its times stay."""
    rows = Case.objects.filter(which)
    log_of(Case, rows.values_list("pk", flat=True))
    rows.update(about="", words="", told="", note="", wish={}, marks={})


def log_of(kind: type[Model], numbers: Iterable[int]) -> None:
    """What the panel's own log says beside the kind and number of a row."""
    some = [str(number) for number in numbers]
    about = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(kind))
    for start in range(0, len(some), 500):
        about.filter(object_id__in=some[start : start + 500]).update(object_repr="", change_message="")


def _gifts(account: Account) -> None:
    gifts = Gift.objects.filter(Q(giver=account) | Q(receiver=account))
    for gift in gifts.order_by("pk"):
        other = gift.receiver_id if gift.giver_id == account.pk else gift.giver_id
        # What the other one was told of it at that moment, by whatever name.
        about = Notice.objects.filter(
            user__memberships__account=other, kind__startswith="credits.gift", params__amount_micro=gift.amount,
            created_at__range=(gift.created_at - AT_ONCE, gift.created_at + AT_ONCE),
        )  # fmt: skip
        _take_from(about, ("name", "words"))
    worded = gifts.exclude(words="")
    credits.erase_gift_reasons(worded.values_list("reference", flat=True))
    worded.update(words="")


def _take_from(notices: QuerySet[Notice], params: Sequence[str]) -> None:
    for notice in notices:
        left = {name: value for name, value in notice.params.items() if name not in params}
        Notice.objects.filter(pk=notice.pk).update(params=left)


def _reports(user: User) -> None:
    for report in Report.objects.filter(reporter=user).exclude(words="").exclude(case=None):
        # A case begins with the words of the first who had any.
        Case.objects.filter(reports=report, words=report.words).update(words="")
    # Their reports of what is gone are gone; the cases stay.
    Case.objects.filter(opened_by=user, kind=Case.Kind.REPORT).exclude(user=user).update(words="")
    Report.objects.filter(reporter=user).update(words="", reporter_key="")


def _sanctions(user: User) -> None:
    rows = Sanction.objects.filter(user=user)
    log_of(Sanction, rows.values_list("pk", flat=True))
    rows.update(reason="", note="", lift_reason="")
    AccountDeed.objects.filter(user=user).update(reason="")


def _notices_of_others(user: User) -> None:
    """Nobody's inbox goes on naming them, nor telling what they wrote."""
    names: Sequence[str] = list({user.username, user.shown_name})
    for kind, param in NAMING.items():
        _take_from(Notice.objects.filter(kind=kind, **{f"params__{param}__in": names}), (param,))


def _is_of_another(user: User, address: str) -> bool:
    """Whether another account has the address too: what was sent there is not this one's to take away."""
    return EmailAddress.objects.filter(email__in=spellings(address)).exclude(user=user).exists()


def _invitations(user: User, addresses: set[str]) -> None:
    """Those that they made, the one that they came by if it was for them alone, those to an address of theirs."""
    Invitation.objects.filter(members=user).exclude(email="").update(email="", note="")
    OrganizationInvitation.objects.filter(made_by=user).delete()
    for address in addresses:
        same = spellings(address)
        OrganizationInvitation.objects.filter(email__in=same).delete()
        Invitation.objects.filter(email__in=same).update(email="", note="")
        Notice.objects.filter(user=None, mail_owed=False, address__in=same).update(address="")


def _nobodys_name(user: User) -> str:
    """What the row is called from now on: somebody may have signed up by that name, and must be in nobody's way."""
    name = f"deleted-{user.pk}"
    taken = User.objects.filter(username__iexact=name).exclude(pk=user.pk).exists()
    return f"{name}-{secrets.token_hex(4)}" if taken else name

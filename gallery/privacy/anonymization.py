"""Anonymisation of rows that outlive an erased account: names, texts and e-mail addresses are cleared.

Amounts, times, decisions and their kinds stay; what is kept, why and for how long is listed in `retention`.
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

NAME_PARAMS = {
    "organization.invited": "by",
    "organization.joined": "who",
}
"""Kinds of notices to others that name a user, and the parameter with the name. Those of gifts are found by the
gift."""
AT_ONCE = timedelta(seconds=5)
"""A gift and its notice are written in one transaction."""


def account(account: Account) -> None:
    """Clear the personal data of an account, a member's or an organisation's, in tokens, gifts, cases and the
    admin log."""
    tokens(Q(account=account))
    _gifts(account)
    cases(Q(account=account))
    clear_admin_log(Account, [account.pk])


def user(user: User, account: Account) -> None:
    """Clear the personal data of a member in their own row and in others', and delete the rows that are theirs
    alone."""
    _reports(user)
    cases(Q(user=user))
    _sanctions(user)
    _notices_of_others(user)
    addresses = {user.email, *EmailAddress.objects.filter(user=user).values_list("email", flat=True)} - {""}
    _invitations(user, {address for address in addresses if not _is_shared(user, address)})
    clear_admin_log(User, [user.pk])
    clear_admin_log(EmailAddress, EmailAddress.objects.filter(user=user).values_list("pk", flat=True))
    for kind in (Preset, ReaderChoice, NoticeChoice, EmailAddress, CollectionEditor):
        kind._default_manager.filter(user=user).delete()
    tokens(Q(user=user) & ~Q(account=account))
    Membership.objects.filter(user=user).exclude(account=account).delete()
    # Lock in the documented order, and before the username changes, which is a key: a payment processed at
    # this moment holds the account, is about to write a notice for the user, and would wait for the key.
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    User.objects.filter(pk=user.pk).update(
        username=_free_username(user), email="", first_name="", last_name="", display_name="", is_active=False,
        password="!" + secrets.token_hex(20), last_login=None, language="", sign_up_key="", invitation=None,
        account=account, erased_at=Now(),
    )  # fmt: skip


def tokens(which: Q) -> None:
    """Clear API tokens; their rows are referenced by the ledger."""
    for token in ApiToken.objects.filter(which):
        ApiToken.objects.filter(pk=token.pk).update(
            name="", prefix="", networks=[], allowed_models=[], digest=f"gone-{secrets.token_hex(16)}"
        )
    clear_admin_log(ApiToken, ApiToken.objects.filter(which).values_list("pk", flat=True))


def cases(which: Q) -> None:
    """Clear titles, texts and findings of cases; decision, kind and times stay."""
    rows = Case.objects.filter(which)
    clear_admin_log(Case, rows.values_list("pk", flat=True))
    rows.update(about="", words="", told="", note="", wish={}, marks={})


def clear_admin_log(kind: type[Model], numbers: Iterable[int]) -> None:
    """Clear what the admin log says of these rows beside their kind and key."""
    ids = [str(number) for number in numbers]
    entries = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(kind))
    for start in range(0, len(ids), 500):
        entries.filter(object_id__in=ids[start : start + 500]).update(object_repr="", change_message="")


def _gifts(account: Account) -> None:
    gifts = Gift.objects.filter(Q(giver=account) | Q(receiver=account))
    for gift in gifts.order_by("pk"):
        other = gift.receiver_id if gift.giver_id == account.pk else gift.giver_id
        # The other party's notice about it, under whatever name the user had then.
        related = Notice.objects.filter(
            user__memberships__account=other, kind__startswith="credits.gift", params__amount_micro=gift.amount,
            created_at__range=(gift.created_at - AT_ONCE, gift.created_at + AT_ONCE),
        )  # fmt: skip
        _remove_params(related, ("name", "words"))
    with_text = gifts.exclude(words="")
    credits.erase_gift_reasons(with_text.values_list("reference", flat=True))
    with_text.update(words="")


def _remove_params(notices: QuerySet[Notice], params: Sequence[str]) -> None:
    for notice in notices:
        left = {name: value for name, value in notice.params.items() if name not in params}
        Notice.objects.filter(pk=notice.pk).update(params=left)


def _reports(user: User) -> None:
    for report in Report.objects.filter(reporter=user).exclude(words="").exclude(case=None):
        # A case starts with the text of its first report that has one.
        Case.objects.filter(reports=report, words=report.words).update(words="")
    # Reports about deleted content are gone; their cases stay.
    Case.objects.filter(opened_by=user, kind=Case.Kind.REPORT).exclude(user=user).update(words="")
    Report.objects.filter(reporter=user).update(words="", reporter_key="")


def _sanctions(user: User) -> None:
    rows = Sanction.objects.filter(user=user)
    clear_admin_log(Sanction, rows.values_list("pk", flat=True))
    rows.update(reason="", note="", lift_reason="")
    AccountDeed.objects.filter(user=user).update(reason="")


def _notices_of_others(user: User) -> None:
    """Remove their names and texts from other users' notices."""
    names: Sequence[str] = list({user.username, user.shown_name})
    for kind, param in NAME_PARAMS.items():
        _remove_params(Notice.objects.filter(kind=kind, **{f"params__{param}__in": names}), (param,))


def _is_shared(user: User, address: str) -> bool:
    """Whether another user has the address too: then what was sent there is not this user's to delete."""
    return EmailAddress.objects.filter(email__in=spellings(address)).exclude(user=user).exists()


def _invitations(user: User, addresses: set[str]) -> None:
    """Clear invitations that they sent, the one they joined by if it was personal, and those to their
    addresses."""
    Invitation.objects.filter(members=user).exclude(email="").update(email="", note="")
    OrganizationInvitation.objects.filter(made_by=user).delete()
    for address in addresses:
        same = spellings(address)
        OrganizationInvitation.objects.filter(email__in=same).delete()
        Invitation.objects.filter(email__in=same).update(email="", note="")
        Notice.objects.filter(user=None, mail_owed=False, address__in=same).update(address="")


def _free_username(user: User) -> str:
    """A new username for the row: a name that somebody might have taken must not collide."""
    name = f"deleted-{user.pk}"
    taken = User.objects.filter(username__iexact=name).exclude(pk=user.pk).exists()
    return f"{name}-{secrets.token_hex(4)}" if taken else name

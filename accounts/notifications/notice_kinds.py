"""Kinds of notices and their message templates. Add a kind here for every new notification.

Texts are templates over the notice's `params` (`%(name)s`), translated on reading. Amounts among the params are
integer micro-credits under names ending in `_micro`, times ISO 8601 in UTC under names ending in `_at`; both are
formatted in the reader's language and inserted under the name without that ending: `%(amount)s`, `%(due)s`.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Words = str | Promise


@dataclass(frozen=True)
class Kind:
    """A kind of notice: its title and its one-line text, positionally; the rest as named."""

    name: str
    title: Words
    """Title in the list of preferences: `Credits from staff`."""
    line: Words
    more: Words = ""
    """Text of the e-mail beside the line."""
    button: Words = ""
    """Label of the notice's link."""
    necessary: bool = False
    """Whether its e-mail cannot be declined: it concerns the account, its security or a decision on it."""
    mail: bool = True
    """Whether an e-mail is sent at all; otherwise it is for the inbox only."""


ALL: tuple[Kind, ...] = (
    Kind(
        "credits.granted",
        _("Credits given to me"),
        _("%(amount)s credits were added: %(reason)s"),
        button=_("See the statement"),
    ),
    Kind(
        "credits.low",
        _("Credits that run low"),
        _("%(account)s has only %(balance)s credits left."),
        more=_("When they are used up, new pictures have to wait until there are more."),
        button=_("See the balance"),
    ),
    Kind(
        "credits.gift",
        _("Credits that members give me"),
        _("%(name)s gave you %(amount)s credits."),
        button=_("See the statement"),
    ),
    Kind(
        "credits.gift.words",
        _("Credits that members give me, with words"),
        _("%(name)s gave you %(amount)s credits: %(words)s"),
        button=_("See the statement"),
    ),
    Kind(
        "credits.gift.sent",
        _("Credits that I gave"),
        _("You gave %(name)s %(amount)s credits."),
        mail=False,
    ),
    Kind(
        "credits.purchase",
        _("Credits that I bought"),
        _("Your payment arrived: %(amount)s credits were added."),
        button=_("See the receipt"),
        necessary=True,
    ),
    Kind(
        "credits.taken_back",
        _("A payment that was returned"),
        _("A payment was returned or disputed: %(amount)s credits were taken back."),
        _("Of what was bought with it, as much as was still there."),
        button=_("See the receipt"),
        necessary=True,
    ),
    Kind(
        "credits.owed",
        _("Credits that I owe for a returned payment"),
        _("A payment was returned or disputed: %(amount)s credits are still owed."),
        _("They had been used, given away or put on hold. The next credits to arrive pay them off."),
        button=_("See the receipt"),
        necessary=True,
    ),
    Kind(
        "credits.given_again",
        _("A payment that was not returned after all"),
        _("A payment was not returned after all: %(amount)s credits are yours again."),
        button=_("See the receipt"),
        necessary=True,
    ),
    Kind(
        "credits.plan",
        _("A new plan by a code"),
        _("Your plan is now %(plan)s."),
        mail=False,
    ),
    Kind(
        "sanction.warning",
        _("A warning from a moderator"),
        _("A moderator warned you: %(reason)s"),
        necessary=True,
        button=_("Read more"),
    ),
    Kind(
        "sanction.mute",
        _("Muted by a moderator"),
        _("You are muted: %(reason)s"),
        _(
            "You publish, share and comment nothing until it is lifted. Your pictures stay, and you can go on making "
            "them."
        ),
        button=_("Read more"),
        necessary=True,
    ),
    Kind(
        "sanction.mute_until",
        _("Muted by a moderator"),
        _("You are muted until %(until)s: %(reason)s"),
        _(
            "Until then you publish, share and comment nothing. Your pictures stay, and you can go on making them."
        ),
        button=_("Read more"),
        necessary=True,
    ),
    Kind(
        "sanction.ban",
        _("Banned by a moderator"),
        _("Your account is closed: %(reason)s"),
        _(
            "Nobody can sign in to it or use its tokens. What was still being made was called off, and not charged."
        ),
        button=_("Appeal"),
        necessary=True,
    ),
    Kind(
        "sanction.ban_until",
        _("Banned by a moderator"),
        _("Your account is closed until %(until)s: %(reason)s"),
        _(
            "Until then nobody can sign in to it or use its tokens. What was still being made was called off, and not "
            "charged."
        ),
        button=_("Appeal"),
        necessary=True,
    ),
    Kind(
        "sanction.warning_lifted",
        _("A warning taken back"),
        _("A warning was taken back: %(reason)s"),
        necessary=True,
    ),
    Kind(
        "sanction.mute_lifted",
        _("No longer muted"),
        _("You may publish, share and comment again: %(reason)s"),
        necessary=True,
    ),
    Kind(
        "sanction.ban_lifted",
        _("A ban lifted"),
        _("Your account is open again: %(reason)s"),
        _("Your tokens work as before. Please sign in again."),
        necessary=True,
    ),
    Kind(
        "export.ready",
        _("Copies of what is mine"),
        _("The copy of everything that is yours is ready. It stays for seven days."),
        button=_("Download it"),
        necessary=True,
    ),
    Kind(
        "export.failed",
        _("Copies of what is mine"),
        _("The copy of everything that is yours could not be made. Ask for it again."),
        button=_("Ask again"),
        necessary=True,
    ),
    Kind(
        "export.no_room",
        _("Copies of what is mine"),
        _("The server has no room at present for the copy of everything that is yours. Nothing was changed."),
        _("Ask for it again later: this was no try of yours."),
        button=_("Ask again"),
        necessary=True,
    ),
    Kind(
        "account.suspended",
        _("An account that is suspended"),
        _("The account %(name)s is suspended: %(reason)s"),
        _("Nothing new can be made or bought with it. What it has stays."),
        necessary=True,
    ),
    Kind(
        "account.reopened",
        _("An account that is open again"),
        _("The account %(name)s is open again: %(reason)s"),
        necessary=True,
    ),
    Kind(
        "account.guessed",
        _("Wrong passwords for my account"),
        _(
            "Someone tried %(n)s wrong passwords on your account within an hour, on devices you haven't used here."
        ),
        _(
            "None of them got in. You can sign in as usual on devices you've used here before; elsewhere, if you're "
            "asked to wait, reset your password by e-mail. If you use it on other sites too, change it anyway."
        ),
        _("See the sign-ins"),
        necessary=True,
    ),
    Kind(
        "account.codes_guessed",
        _("Wrong codes for my account"),
        _("Someone entered your password, then wrong codes until no more were accepted."),
        _("If that wasn't you, someone knows your password. Change it now."),
        _("See the sign-ins"),
        necessary=True,
    ),
    Kind(
        "account.closing",
        _("My account's end"),
        _("Your account will be deleted on %(due)s, with everything in it."),
        _("Until then you can sign in and call it off. Nothing new can be made meanwhile."),
        _("Call it off"),
        necessary=True,
    ),
    Kind(
        "account.kept",
        _("My account's end"),
        _("Your account stays. Nothing was removed."),
        necessary=True,
    ),
    Kind(
        "account.closed",
        _("My account's end"),
        _("Your account is deleted."),
        _("The receipt says how much of what was removed."),
        _("See the receipt"),
        necessary=True,
    ),
    Kind(
        "entrance.invitation",
        _("An invitation"),
        _("You are invited to make pictures here."),
        _("The link is for this address alone, and good for one account."),
        button=_("Create an account"),
        necessary=True,
    ),
    Kind(
        "moderation.hidden",
        _("Something of mine was hidden"),
        _("A moderator hid %(what)s: %(reason)s"),
        _("Only you can see it now. If that was wrong, you may appeal once."),
        button=_("Read it, or appeal"),
        necessary=True,
    ),
    Kind(
        "moderation.removed",
        _("Something of mine was removed"),
        _("A moderator removed %(what)s for good: %(reason)s"),
        _("If that was wrong, you may appeal once."),
        button=_("Read it, or appeal"),
        necessary=True,
    ),
    Kind(
        "moderation.sensitive",
        _("A picture of mine was marked as sensitive"),
        _("A moderator marked %(what)s as sensitive: others see it blurred until they ask for it"),
        button=_("Read more"),
    ),
    Kind(
        "moderation.restored",
        _("Something of mine is shown again"),
        _("A moderator shows %(what)s again."),
        button=_("Read more"),
        necessary=True,
    ),
    Kind(
        "moderation.published",
        _("A picture of mine was looked at"),
        _("A moderator looked at %(what)s: it is public now."),
        button=_("Read more"),
    ),
    Kind(
        "moderation.refused",
        _("A picture of mine was not published"),
        _("A moderator did not publish %(what)s: %(reason)s"),
        _("Only you can see it now, by no share link either. If that was wrong, you may appeal once."),
        button=_("Read it, or appeal"),
        necessary=True,
    ),
    Kind(
        "moderation.appeal_right",
        _("My appeal was granted"),
        _("Your appeal was granted: the decision on %(what)s was taken back."),
        button=_("Read more"),
        necessary=True,
    ),
    Kind(
        "moderation.upheld",
        _("My appeal was turned down"),
        _("Your appeal on %(what)s was turned down: %(reason)s"),
        button=_("Read more"),
        necessary=True,
    ),
    Kind(
        "report.acted",
        _("What I reported, and a moderator acted upon"),
        _("You reported %(what)s on %(reported)s. A moderator looked at it, and acted. Thank you."),
    ),
    Kind(
        "report.left",
        _("What I reported, and a moderator left as it is"),
        _("You reported %(what)s on %(reported)s. A moderator looked at it, and left it as it is."),
        button=_("See it"),
    ),
    Kind(
        "organization.invited",
        _("Organisations"),
        _("%(by)s invites you to the organisation %(name)s."),
        _("You make pictures on its balance, and they stand in its library. The link lasts for two weeks."),
        _("Join"),
        necessary=True,
    ),
    Kind(
        "organization.joined",
        _("Who joins my organisations"),
        _("%(who)s joined %(name)s."),
        button=_("See the members"),
    ),
    Kind(
        "organization.removed",
        _("Organisations"),
        _(
            "You are no member of %(name)s any more. Your tokens for it are revoked; what you made stays there."
        ),
        necessary=True,
    ),
    Kind(
        "organization.closing",
        _("Organisations"),
        _("The organisation %(name)s will be deleted on %(due)s, with its pictures and its balance."),
        _("Until then an owner can call it off."),
        _("See the organisation"),
        necessary=True,
    ),
    Kind(
        "organization.kept",
        _("Organisations"),
        _("The organisation %(name)s stays. Nothing was removed."),
        button=_("See the organisation"),
        necessary=True,
    ),
    Kind(
        "organization.closed",
        _("Organisations"),
        _("The organisation %(name)s is deleted."),
        _("The receipt says how much of what was removed."),
        _("See the receipt"),
        necessary=True,
    ),
)
BY_NAME = {kind.name: kind for kind in ALL}

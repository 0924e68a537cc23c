"""Labels of audit log actions, for people. An action that is not listed is displayed as stored."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

LABELS: dict[str, Promise] = {
    "user.warn": _("warned a member"),
    "user.unwarn": _("took a warning back"),
    "user.mute": _("muted a member"),
    "user.unmute": _("lifted a mute"),
    "user.ban": _("banned a member"),
    "user.unban": _("lifted a ban"),
    "user.hide_pictures": _("hid all public pictures of a member"),
    "user.show_pictures": _("showed a member's pictures again"),
    "staff.sign_in": _("signed in"),
    "item.allow": _("let a picture stand"),
    "item.hide": _("hid a picture"),
    "item.restore": _("showed a picture again"),
    "item.remove": _("decided that a picture is removed"),
    "item.take_out": _("removed a picture for good"),
    "item.publish": _("let a picture be published"),
    "item.refuse": _("refused to publish a picture"),
    "item.uphold": _("left a decision on a picture as it was"),
    "comment.allow": _("let a comment stand"),
    "comment.hide": _("hid a comment"),
    "comment.restore": _("showed a comment again"),
    "comment.uphold": _("left a decision on a comment as it was"),
    "collection.allow": _("let a collection stand"),
    "collection.hide": _("hid a collection"),
    "collection.restore": _("showed a collection again"),
    "collection.uphold": _("left a decision on a collection as it was"),
    "case.allow": _("decided a case: allowed"),
    "case.hide": _("decided a case: hidden"),
    "case.remove": _("decided a case: removed"),
    "case.restore": _("decided an appeal: restored"),
    "case.uphold": _("decided an appeal: it stands"),
    "evidence.open": _("opened sealed evidence"),
    "auditentry.export": _("took a copy of the audit log"),
    "upload.take_out": _("removed a sent file for good"),
    "evidence.forget": _("evidence was forgotten when its time was over"),
    "announcement.make": _("made an announcement"),
    "announcement.withdraw": _("withdrew an announcement"),
    "demo.make": _("made a month of demonstration data"),
    "house.change": _("changed the house rules"),
    "invitation.make": _("made an invitation"),
    "invitation.revoke": _("revoked an invitation"),
    "user.end_sessions": _("ended all sessions of a user"),
    "user.remove_second_factor": _("removed a user's second factor"),
    "codes.make": _("made a batch of codes"),
    "maintenance.begin": _("began maintenance"),
    "maintenance.end": _("ended maintenance"),
    "model.import": _("imported a model"),
    "plan.add": _("made a plan"),
    "plan.change": _("changed a plan"),
    "price.add": _("set a price"),
    "purchase.refund": _("paid a purchase back"),
    "purchase.not_opened": _("an order came to no payment page"),
    "purchase.refund_failed": _("could not pay a purchase back"),
    "purchase.paid_otherwise": _("paid a purchase back by another way"),
    "account.suspend": _("suspended an account"),
    "account.reopen": _("ended the suspension of an account"),
    "codes.again": _("took a batch of codes again"),
    "upstream.pause": _("paused an upstream"),
    "upstream.resume": _("resumed an upstream"),
    "prompt_rule.add": _("made a rule for prompts"),
    "prompt_rule.change": _("changed a rule for prompts"),
    "blocked_picture.lift": _("let a removed picture be sent and made again"),
    "credits.grant": _("granted credits"),
    "credits.adjust": _("adjusted a balance"),
    "codes.revoke": _("withdrew a batch of codes"),
    "code.revoke": _("withdrew a code"),
    "pack.add": _("made a pack of credits"),
    "pack.change": _("changed a pack of credits"),
}
_VERBS: dict[str, Promise] = {
    "add": _("added: %(kind)s"),
    "change": _("changed: %(kind)s"),
    "delete": _("deleted: %(kind)s"),
    "act": _("did something to: %(kind)s"),
    "export": _("took a copy of: %(kind)s"),
}


def label_for(action: str, kinds: dict[str, str] | None = None) -> str:
    """The action's label. `kinds` gives the names of models by `model_name`."""
    if action in LABELS:
        return str(LABELS[action])
    kind, _dot, verb = action.partition(".")
    if verb in _VERBS:
        return str(_VERBS[verb]) % {"kind": (kinds or {}).get(kind, kind)}
    if verb.startswith("undo_"):
        return str(_("took back: %(act)s")) % {
            "act": label_for(f"{kind}.{verb.removeprefix('undo_')}", kinds)
        }
    return action

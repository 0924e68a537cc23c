"""Template tags of moderation: reasons in the reader's language, and the owner's notice of a decision."""

from __future__ import annotations

from typing import Any

from django import template

from accounts.staff import action_labels
from gallery.models import Collection, Comment, Item
from gallery.moderation import appeals, reasons, review

register = template.Library()
register.filter("reason_shown", reasons.display)
register.filter("act_shown", action_labels.label_for)


@register.inclusion_tag("moderation/_standing.html")
def moderation_of(subject: Item | Collection | Comment) -> dict[str, Any]:
    """For the owner: why a moderator hid it or refused to publish it, and the state of the appeal."""
    waiting = isinstance(subject, Item) and subject.review == Item.Review.WAITING
    refused = isinstance(subject, Item) and subject.review == Item.Review.REFUSED
    hidden = subject.hidden_at is not None and not refused
    case = None
    if hidden:
        case = appeals.hiding_decision(subject)
    elif refused and isinstance(subject, Item):
        case = review.refusal(subject)
    reason = getattr(subject, "hidden_reason", "") or (case.told if case is not None else "")
    appeal = appeals.against(case) if case is not None else None
    return {
        "thing": subject,
        "hidden": hidden,
        "waiting": waiting,
        "refused": refused,
        "is_item": isinstance(subject, Item),
        "is_collection": isinstance(subject, Collection),
        "case": case,
        "reason": reasons.display(reason),
        "appeal": appeals.state(appeal),
        "answer": reasons.display(appeal.told) if appeal is not None else "",
    }

"""Notices to members about decisions, in their own language."""

from __future__ import annotations

from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.notifications import notices
from gallery.models import Case
from gallery.moderation import reasons, upload_cases


def describe(case: Case) -> str:
    """What a case is about, addressed to its owner: `your picture “Fog”`. In the active language."""
    name = case.about if len(case.about) <= 60 else f"{case.about[:59]}…"
    if case.sanction_id is not None:
        return _("the measure against your account")
    if case.comment_id is not None:
        return _("your comment “%(name)s”") % {"name": name}
    if case.collection_id is not None:
        return _("your collection “%(name)s”") % {"name": name}
    if upload_cases.is_upload_case(case):
        return _("your file “%(name)s”") % {"name": name}
    if case.marks.get("all"):
        return _("all your public pictures")
    return _("your picture “%(name)s”") % {"name": name}


def notify(case: Case, kind: str, reason: str = "") -> None:
    """Notify the member whom a case is about, with a link to the decision. In the decision's transaction."""
    user: User = case.user
    with translation.override(user.language or None):
        about = describe(case)
    notices.notify(
        user,
        f"moderation.{kind}",
        link=reverse("decision", args=[case.parent_id or case.pk]),
        what=about,
        reason=reasons.for_user(reason, user),
    )

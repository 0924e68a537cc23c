"""Context of the case panel beside the grid: reports, member, history, and what each decision leads to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.db.models import Count, Sum
from django.utils import timezone
from django.utils.dateformat import format as formatted
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from accounts.credits import amounts
from accounts.models import Sanction, User
from accounts.staff import sanctions
from gallery.models import Case, Item, Report, ShareLink
from gallery.moderation import cases, decisions, reasons, upload_cases
from gallery.moderation.effects import bulk_hide
from gallery.moderation.staff_pages import case_lists, case_tiles
from predictions.models import Prediction
from predictions.models.prediction import LIVE

SAME_NETWORK = timedelta(days=30)
_LAST = 4


@dataclass(frozen=True)
class Line:
    """One line of a member's history."""

    tone: str
    words: str
    aside: str = ""


def context(case: Case, moderator: User) -> dict[str, Any]:
    """All that the panel shows of a case."""
    item = case_tiles.picture_of(case) if case.comment is None else case.comment.item
    ends = sanctions.consequences(case.user)
    own = case.user_id == moderator.pk
    reports = Report.objects.filter(case=case).select_related("reporter").order_by("id")
    return {
        "case": case,
        "tile": case_tiles.CaseTile(case, ""),
        "title": case_tiles.title(case),
        "count_words": _count_text(case),
        "open_words": _("open %(age)s") % {"age": case_tiles.age(case.opened_at)},
        "item": item,
        "facts": _item_facts(item) if item is not None else [],
        # Nobody learns who reported them, moderators included.
        "reports": [] if own else list(reports[:20]),
        "found": case.marks.get("found", []),
        "member": case.user,
        "joined": day(case.user.date_joined),
        "pictures": case_lists.capped_count(Item.objects.filter(user=case.user_id)),
        "standing": _sanction_badge(case.user),
        "history": history(case),
        "follows": decision_effects(case, ends),
        "ends": ban_effects_text(case.user, ends),
        "reasons": reasons.choices(),
        "suggested": reasons.suggested(case.parent.reason if case.parent is not None else case.reason),
        "may_decide": moderator.has_perm("gallery.decide_case"),
        "may_remove": moderator.has_perm("gallery.remove_item")
        and (case.item_id is not None or upload_cases.is_upload_case(case)),
        "may_sanction": sanctions.may_sanction(moderator, case.user),
        "may_ban_now": case.decision in decisions.ADVERSE
        and sanctions.may_sanction(moderator, case.user)
        and sanctions.ban_of(case.user) is None,
        "own": own,
        "above": not own and not sanctions.outranks(moderator, case.user),
        "sent": upload_cases.is_upload_case(case),
        "same_again": _decided_it(case, moderator),
        "deeds": bulk_hide.for_user(case.user),
    }


def _count_text(case: Case) -> str:
    if case.kind == Case.Kind.REPORT and case.count:
        return ngettext("%(n)d report", "%(n)d reports", case.count) % {"n": case.count}
    return ""


def _decided_it(case: Case, moderator: User) -> bool:
    """Whether the appeal is against this moderator's own decision."""
    if case.parent is not None:
        return case.parent.decided_by_id == moderator.pk
    return case.sanction is not None and case.sanction.made_by_id == moderator.pk


def day(at: datetime) -> str:
    """A date, without the year where it is the current one: `18 November`."""
    local = timezone.localtime(at)
    if local.year != timezone.localtime().year:
        return date_format(local, pgettext("format of a day", "j F Y"))
    return date_format(local, pgettext("format of a day of this year", "j F"))


def _item_facts(item: Item) -> list[str]:
    views = ShareLink.objects.filter(item=item).aggregate(sum=Sum("views"))["sum"] or 0
    facts = []
    if item.published_at is not None and item.visibility != Item.Visibility.PRIVATE:
        text = _("Public since %(day)s") if item.visibility == "public" else _("Unlisted since %(day)s")
        facts.append(text % {"day": day(item.published_at)})
    else:
        facts.append(_("Private"))
    facts.append(ngettext("%(n)s like", "%(n)s likes", item.likes) % {"n": f"{item.likes:,}"})
    if views:
        facts.append(ngettext("%(n)s view by link", "%(n)s views by link", views) % {"n": f"{views:,}"})
    facts.append(item.model.ref.partition("/")[2])
    return facts


def _sanction_badge(user: User) -> tuple[str, str]:
    """A badge for the member's sanctions: tone and label; an empty label where there is nothing to show."""
    for row in sanctions.in_force(user):
        if row.kind == Sanction.Kind.BAN:
            return "danger", _("banned")
        return "warning", _("muted")
    number = sanctions.warnings(user)
    label = ngettext("%(n)d warning", "%(n)d warnings", number) % {"n": number}
    return ("warning", label) if number else ("", "")


def history(case: Case) -> list[Line]:
    """The member's past sanctions and cases, open cases, related sign-ups and queued predictions."""
    user = case.user
    lines = [
        _sanction_line(row) for row in Sanction.objects.filter(user=user).select_related("made_by")[:_LAST]
    ]
    former = (
        Case.objects.filter(user=user, decided_at__isnull=False, kind__in=cases.OPEN_KINDS)
        .exclude(pk=case.pk)
        .order_by()
        .values_list("decision")
        .annotate(n=Count("pk"))
    )
    counts = dict(former)
    hidden = counts.get(Case.Decision.HIDE, 0) + counts.get(Case.Decision.REMOVE, 0)
    if hidden:
        text = ngettext("%(n)d case before: hidden", "%(n)d cases before: hidden", hidden) % {"n": hidden}
        lines.append(Line("warning", text))
    if counts.get(Case.Decision.ALLOW):
        allowed = counts[Case.Decision.ALLOW]
        text = ngettext("%(n)d case before: allowed", "%(n)d cases before: allowed", allowed)
        lines.append(Line("quiet", text % {"n": allowed}))
    others = Case.objects.filter(user=user, decided_at__isnull=True, kind__in=cases.OPEN_KINDS).exclude(
        pk=case.pk
    )
    number = others.order_by().values("pk")[:100].count()
    if number:
        text = ngettext("%(n)d other case is open", "%(n)d other cases are open", number) % {"n": number}
        lines.append(Line("warning", text, _("now")))
    lines += _same_network(user)
    queued = Prediction.objects.filter(user=user, status__in=LIVE).order_by().values("pk")[:1000].count()
    if queued:
        text = ngettext("%(n)d prediction now in the queue", "%(n)d predictions now in the queue", queued)
        lines.append(Line("quiet", text % {"n": queued}, _("now")))
    return lines


def _same_network(user: User) -> list[Line]:
    if not user.sign_up_key:
        return []
    span = (user.date_joined - SAME_NETWORK, user.date_joined + SAME_NETWORK)
    rows = User.objects.filter(sign_up_key=user.sign_up_key, date_joined__range=span).exclude(pk=user.pk)
    number = rows.order_by().values("pk")[:100].count()
    if not number:
        return []
    text = ngettext(
        "%(n)d more sign-up from the same network", "%(n)d more sign-ups from the same network", number
    )
    newest = rows.order_by("-date_joined").values_list("date_joined", flat=True)[0]
    return [Line("quiet", text % {"n": number}, short_day(newest))]


def _sanction_line(row: Sanction) -> Line:
    text = {
        Sanction.Kind.WARNING: _("Warned: %(reason)s"),
        Sanction.Kind.MUTE: _("Muted: %(reason)s"),
        Sanction.Kind.BAN: _("Banned: %(reason)s"),
    }[Sanction.Kind(row.kind)] % {"reason": reasons.display(row.reason)}
    if row.lifted_at is not None:
        text = _("%(what)s (lifted)") % {"what": text}
    by = row.made_by.shown_name if row.made_by is not None else "–"
    tone = "quiet" if row.lifted_at else "danger" if row.kind == Sanction.Kind.BAN else "warning"
    return Line(tone, text, f"{short_day(row.created_at)}, {by}")


def short_day(at: datetime) -> str:
    """A short date: `17 Nov`."""
    return formatted(timezone.localtime(at), pgettext("format of a short day", "j M"))


def ban_effects_text(user: User, ends: dict[str, int]) -> str:
    """What a ban ends, with numbers, as the end of a sentence; empty where it ends nothing."""
    parts = []
    sessions = _sessions(user)
    credentials = [
        ngettext("%(n)d session", "%(n)d sessions", sessions) % {"n": sessions} if sessions else "",
        ngettext("%(n)d token", "%(n)d tokens", ends.get("tokens", 0)) % {"n": ends.get("tokens", 0)}
        if ends.get("tokens")
        else "",
    ]
    credentials = [part for part in credentials if part]
    if credentials:
        parts.append(_("ends %(what)s") % {"what": _(" and ").join(credentials)})
    work = ends.get("waiting", 0) + ends.get("running", 0)
    if work:
        text = ngettext("cancels %(n)d prediction", "cancels %(n)d predictions", work) % {"n": work}
        if ends.get("held_micro"):
            text = _("%(cancels)s and returns %(credits)s") % {
                "cancels": text,
                "credits": amounts.with_unit(ends["held_micro"]),
            }
        parts.append(text)
    if ends.get("webhooks"):
        hooks = ends["webhooks"]
        parts.append(ngettext("drops %(n)d webhook", "drops %(n)d webhooks", hooks) % {"n": hooks})
    return _(", ").join(parts)


def _sessions(user: User) -> int:
    if not apps.is_installed("allauth.usersessions"):
        return 0
    model = apps.get_model("usersessions", "UserSession")
    return int(model._default_manager.filter(user=user).order_by().values("pk")[:100].count())


def decision_effects(case: Case, ends: dict[str, int]) -> list[tuple[str, str]]:
    """What each decision leads to, as pairs of verb and sentence."""
    ban = ban_effects_text(case.user, ends)
    banned = _("also closes the account; the member may appeal.")
    if ban:
        banned = _("also %(what)s; the member may appeal.") % {"what": ban}
    if case.kind == Case.Kind.APPEAL:
        return _appeal_effects(case)
    if upload_cases.is_upload_case(case):
        take_away = _("ends its use at once, only its sender ever saw it; they are told and may appeal.")
        return [(_("Take away"), take_away), (_("Ban"), banned)]
    if case.kind == Case.Kind.REVIEW:
        return [
            (_("Publish"), _("puts it into the gallery just as its owner wished, and tells them.")),
            (
                _("Refuse"),
                _("leaves it to its owner alone, by no share link either; they are told why and may appeal."),
            ),
            (_("Ban"), banned),
        ]
    hide = _(
        "takes it out of the gallery, search and share links at once; the author is told and may appeal."
    )
    if case.comment_id is not None:
        hide = _("takes the comment away at once; its author is told and may appeal.")
    elif case.collection_id is not None:
        hide = _(
            "takes its page and its share links away at once, the pictures stay; the author is told and may appeal."
        )
    return [(_("Hide"), hide), (_("Ban"), banned)]


def _appeal_effects(case: Case) -> list[tuple[str, str]]:
    uphold = _("leaves everything as it is; the member is told why. They appeal once.")
    if case.sanction is not None:
        return [(_("Restore"), _("lifts it at once, and tells the member.")), (_("Uphold"), uphold)]
    parent = case.parent
    if parent is not None and parent.decision == Case.Decision.REFUSE:
        restore = _("publishes it as its owner wished.")
    elif parent is not None and parent.decision == Case.Decision.REMOVE:
        restore = _("lets the same picture be sent and made again. What was removed does not come back.")
    elif upload_cases.is_upload_case(case):
        restore = _("lets the member send it again. What was taken away does not come back.")
    elif case.marks.get("all"):
        restore = _("shows all pictures again that this decision hid, in the background.")
    else:
        restore = _("shows it again where it was shown before, and tells the author.")
    return [(_("Restore"), restore), (_("Uphold"), uphold)]

"""Admin of sanctions and the audit log: warn, mute and ban from the list of users, lift sanctions, export the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, cast

from django import forms
from django.apps import apps
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSplitDateTimeWidget, UnfoldBooleanSwitchWidget

from accounts.credits import amounts
from accounts.models import AuditEntry, Sanction, User
from accounts.staff import action_labels, audit_log, sanctions
from core import timezones
from core.admin.columns import choice_column, json_column, link_column, time_column
from core.admin.export import filtered_rows, keep_filters_in_button
from core.admin.forms import ReasonForm, ask_page
from core.admin.list_filters import NumberedDateFilter
from core.admin.model_admins import ReadOnlyAdmin
from core.http import csv_rows

Impose = Callable[[User, User, dict[str, Any]], object]


class UntilForm(ReasonForm):
    """Asks for a reason and an optional end."""

    until = forms.SplitDateTimeField(
        label=gettext_lazy("Until"),
        required=False,
        help_text=gettext_lazy("Empty: until it is lifted."),
        widget=UnfoldAdminSplitDateTimeWidget(),
    )

    def clean_until(self) -> datetime | None:
        """A moment in the future."""
        until: datetime | None = self.cleaned_data["until"]
        if until is not None and until <= timezone.now():
            raise forms.ValidationError(_("This lies in the past."))
        if until is not None and not timezones.is_valid_day(until):
            raise forms.ValidationError(timezones.INVALID_DAY)
        return until


class BanForm(UntilForm):
    """Asks also whether the members' public items are to be hidden."""

    hide_public = forms.BooleanField(
        label=gettext_lazy("Hide their public pictures too"),
        required=False,
        help_text=gettext_lazy("They come back when the ban is lifted."),
        widget=UnfoldBooleanSwitchWidget(),
    )


class SanctionActions:
    """Bulk actions of the user list for who may sanction; each asks for a reason, which the member reads."""

    def has_sanction_permission(self, request: HttpRequest) -> bool:
        """Staff who may decide cases or have the permission itself."""
        return any(request.user.has_perm(name) for name in sanctions.PERMISSIONS)

    @admin.action(description=gettext_lazy("Warn"), permissions=["sanction"])
    def warn(self, request: HttpRequest, users: QuerySet[User]) -> HttpResponse | None:
        """Warn, with a reason."""
        words = _("They read the reason. Nothing else changes.")
        return self._ask(request, users, "warn", _("Warn"), words, ReasonForm, _warn)

    @admin.action(
        description=gettext_lazy("Mute: publishes, shares and comments nothing"), permissions=["sanction"]
    )
    def mute(self, request: HttpRequest, users: QuerySet[User]) -> HttpResponse | None:
        """Mute, with a reason and perhaps an end."""
        words = _("They publish, share and comment nothing, and go on making pictures. They read the reason.")
        return self._ask(request, users, "mute", _("Mute"), words, UntilForm, _mute)

    @admin.action(description=gettext_lazy("Lift the mute"), permissions=["sanction"])
    def unmute(self, request: HttpRequest, users: QuerySet[User]) -> HttpResponse | None:
        """Lift all their mutes."""
        return self._ask(request, users, "unmute", _("Lift the mute"), "", ReasonForm, _unmute)

    @admin.action(description=gettext_lazy("Ban: no sign-in, no API"), permissions=["sanction"])
    def ban(self, request: HttpRequest, users: QuerySet[User]) -> HttpResponse | None:
        """Ban: no sign-in and no API. The form lists the consequences first."""
        return self._ask(request, users, "ban", _("Ban"), _ban_consequences(users), BanForm, _ban)

    @admin.action(description=gettext_lazy("Lift the ban"), permissions=["sanction"])
    def unban(self, request: HttpRequest, users: QuerySet[User]) -> HttpResponse | None:
        """Lift the ban."""
        words = _("Their tokens work as before; they sign in again.")
        return self._ask(request, users, "unban", _("Lift the ban"), words, ReasonForm, _unban)

    def _ask(
        self,
        request: HttpRequest,
        users: QuerySet[User],
        action: str,
        title: str,
        words: str,
        form_class: type[ReasonForm],
        impose: Impose,
    ) -> HttpResponse | None:
        form = form_class(request.POST if "answered" in request.POST else None)
        if not form.is_valid():
            return ask_page(
                cast(Any, self),
                request,
                form,
                title=f"{title}: {_short_names(users)}",
                words=words,
                button=title,
                chosen=users,
                action=action,
            )
        changed, left = 0, 0
        for user in users:
            try:
                changed += impose(user, cast(User, request.user), form.cleaned_data) is not False
            except sanctions.NotAllowed:
                left += 1
            except sanctions.Already:
                continue
        message = ngettext("%(n)d user changed.", "%(n)d users changed.", changed) % {"n": changed}
        if left:
            message += " " + ngettext(
                "%(n)d is staff, or you: an administrator decides there.",
                "%(n)d are staff, or you: an administrator decides there.",
                left,
            ) % {"n": left}
        messages.add_message(request, messages.SUCCESS if changed else messages.WARNING, message)
        return None


def _short_names(users: QuerySet[User]) -> str:
    """The first few user names, for the title."""
    names = list(users.values_list("username", flat=True)[: _MAX_NAMES + 1])
    return ", ".join([*names[:_MAX_NAMES], *(["…"] if len(names) > _MAX_NAMES else [])])


def _warn(user: User, by: User, data: dict[str, Any]) -> object:
    return sanctions.warn(user, by, data["reason"])


def _mute(user: User, by: User, data: dict[str, Any]) -> object:
    return sanctions.mute(user, by, data["until"], data["reason"])


def _unmute(user: User, by: User, data: dict[str, Any]) -> bool:
    rows = [row for row in sanctions.in_force(user) if row.kind == Sanction.Kind.MUTE]
    return sum(sanctions.lift(row, by, data["reason"]) for row in rows) > 0


def _ban(user: User, by: User, data: dict[str, Any]) -> object:
    return sanctions.ban(user, by, data["reason"], until=data["until"], hide_public=data["hide_public"])


def _unban(user: User, by: User, data: dict[str, Any]) -> bool:
    return sanctions.unban(user, by, data["reason"])


_MAX_USERS_COUNTED = 20
_MAX_NAMES = 5


def _ban_consequences(users: QuerySet[User]) -> str:
    """The consequences of banning these users, in one paragraph; zero counts are left out."""
    totals: dict[str, int] = {}
    for user in users[:_MAX_USERS_COUNTED]:
        for name, number in sanctions.consequences(user).items():
            totals[name] = totals.get(name, 0) + number
    work, held = totals.get("waiting", 0) + totals.get("running", 0), totals.get("held_micro", 0)
    tokens, hooks, public = (totals.get(name, 0) for name in ("tokens", "webhooks", "public_items"))
    parts = [
        ngettext("%(n)d token ends.", "%(n)d tokens end.", tokens) % {"n": tokens} if tokens else "",
        ngettext("%(n)d prediction is called off.", "%(n)d predictions are called off.", work) % {"n": work}
        if work
        else "",
        _("%(held)s credits on hold go back.") % {"held": amounts.display(held)} if held else "",
        ngettext("%(n)d webhook is dropped.", "%(n)d webhooks are dropped.", hooks) % {"n": hooks}
        if hooks
        else "",
        ngettext("%(n)d picture of theirs is public.", "%(n)d pictures of theirs are public.", public)
        % {"n": public}
        if public
        else "",
        _("No sign-in and no API from now on. They read the reason."),
    ]
    return " ".join(part for part in parts if part)


class InForceFilter(admin.SimpleListFilter):
    """Filter by whether a sanction is in force."""

    title = gettext_lazy("in force")
    parameter_name = "now"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", _("in force")), ("no", _("lifted"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() in {"yes", "no"}:
            return queryset.filter(lifted_at__isnull=self.value() == "yes")
        return queryset


@admin.register(Sanction)
class SanctionAdmin(ReadOnlyAdmin):
    """Warnings, mutes and bans. They are lifted with a reason and never deleted."""

    list_display = ("when", "member", "kind_label", "reason", "case", "made_by", "until_column", "lifted")
    list_filter = (InForceFilter, "kind", "created_at")
    list_select_related = ("user", "made_by")
    search_fields = ("user__username", "reason", "=case")
    fields = (
        "member", "kind", "reason", "note", "case", "made_by", "created_at", "until", "hides", "lifted_at",
        "lifted_by", "lift_reason",
    )  # fmt: skip
    actions = ("lift",)
    when = time_column("created_at", gettext_lazy("since"))
    member = link_column("user", gettext_lazy("member"))
    kind_label = choice_column(
        "kind", gettext_lazy("kind"), {"warning": "info", "mute": "warning", "ban": "danger"}
    )
    until_column = time_column("until", gettext_lazy("until"))
    lifted = time_column("lifted_at", gettext_lazy("lifted"))

    def has_lift_permission(self, request: HttpRequest) -> bool:
        """The same permissions as for sanctions."""
        return any(request.user.has_perm(name) for name in sanctions.PERMISSIONS)

    @admin.action(description=gettext_lazy("Lift, with a reason"), permissions=["lift"])
    def lift(self, request: HttpRequest, rows: QuerySet[Sanction]) -> HttpResponse | None:
        """Ask for a reason, then lift the selected sanctions."""
        form = ReasonForm(request.POST if "answered" in request.POST else None)
        if not form.is_valid():
            title = _("Lift")
            words = _("They read the reason.")
            return ask_page(
                self, request, form, title=title, words=words, button=title, chosen=rows, action="lift"
            )
        lifted = 0
        for row in rows.select_related("user"):
            try:
                lifted += sanctions.lift(row, cast(User, request.user), form.cleaned_data["reason"])
            except sanctions.NotAllowed:
                continue
        words = ngettext("%(n)d sanction lifted.", "%(n)d sanctions lifted.", lifted) % {"n": lifted}
        self.message_user(request, words, messages.SUCCESS if lifted else messages.WARNING)
        return None


CSV_MAX_ROWS = 100_000


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """The audit log, read-only: database triggers refuse changes too, even an administrator's."""

    ordering = ("-number",)
    list_display = ("number", "when", "who", "what", "subject", "case", "reason")
    list_filter = (("at", NumberedDateFilter), "subject_kind")
    list_select_related = ("actor", "account")
    search_fields = (
        "=action", "actor_name__iexact", "=subject_id", "subject_name__iexact", "=case", "account__name__iexact",
    )  # fmt: skip
    search_help_text = gettext_lazy("Who, what (user.ban), whom, an account, or a case's number")
    allowed_lookups = ("actor__id__exact", "account__id__exact", "case__exact", "case", "action__exact")
    fields = (
        "number", "at", "actor", "actor_name", "what", "action", "subject_kind", "subject_id", "subject_name",
        "account", "case", "reason", "detail_column", "previous", "digest",
    )  # fmt: skip
    actions_list = ("download",)
    when = time_column("at", gettext_lazy("when"))
    detail_column = json_column("detail", gettext_lazy("detail"))

    @display(description=gettext_lazy("by"))
    def who(self, entry: AuditEntry) -> str:
        return entry.actor_name or _("the house")

    @display(description=gettext_lazy("what"))
    def what(self, entry: AuditEntry) -> str:
        return capfirst(action_labels.label_for(entry.action, model_labels()))

    @display(description=gettext_lazy("of"))
    def subject(self, entry: AuditEntry) -> str:
        return entry.subject_name or entry.subject_id

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """The list; its CSV button carries the search and the filters."""
        return keep_filters_in_button(super().changelist_view(request, extra_context), request, "csv/")

    @action(description=gettext_lazy("CSV"), url_path="csv", icon="download", permissions=["view"])
    def download(self, request: HttpRequest) -> HttpResponseBase:
        """The filtered list as CSV, newest first, with formulas escaped. The export itself is written to the log."""
        listed = filtered_rows(self, request)
        if listed is None:
            return HttpResponseRedirect(reverse("admin:accounts_auditentry_changelist"))
        # Bounded before this export is logged, so that the file holds what the list showed.
        rows = listed.order_by("-number").filter(number__lte=audit_log.newest())
        audit_log.write(
            cast(User, request.user), "auditentry.export", detail={"filters": dict(request.GET.lists())}
        )
        head = ("number", "at", "by", "act", "words", "kind", "id", "name", "account", "case", "reason")
        return csv_rows.download("audit-log", head, _csv_rows(rows))


def model_labels() -> dict[str, str]:
    """Verbose names of all models by `model_name`, which audit entries store as their kind."""
    return {str(model._meta.model_name): str(model._meta.verbose_name) for model in apps.get_models()}


def _csv_rows(rows: QuerySet[AuditEntry]) -> Iterator[tuple[csv_rows.Cell, ...]]:
    names = model_labels()
    for row in rows[:CSV_MAX_ROWS].iterator(chunk_size=500):
        yield (
            row.number, row.at.isoformat(), row.actor_name, row.action, action_labels.label_for(row.action, names),
            row.subject_kind, row.subject_id, row.subject_name, row.account_id, row.case, row.reason,
        )  # fmt: skip

"""Admin of upstreams: adding and changing them, their keys and routes.

Their state is shown on a page of its own, `operations.upstream_health`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.admin import TabularInline
from unfold.decorators import display

from accounts.credits import amounts
from accounts.staff import audit_log
from core.admin.columns import time_column, value_column
from core.admin.decorators import permission_check
from core.admin.model_admins import BaseAdmin
from predictions.admin.upstream_forms import AtLeastOneKey, KeyForm, RouteForm, UpstreamForm
from predictions.models import Upstream, UpstreamKey, UpstreamRoute
from predictions.providers import kinds
from predictions.upstreams import circuits, health_report, run_records, setup

STATE_LABELS = {"closed": "success", "open": "danger", "probing": "warning", "off": "default"}


def state_of(key: UpstreamKey) -> tuple[str, str]:
    """The key of the state and its label; `off` for keys that are switched off."""
    if not key.enabled:
        return "off", _("switched off")
    return key.state, str(key.get_state_display())


class KeyInline(TabularInline):
    """Keys with their states. A secret can be entered and is never shown."""

    model = UpstreamKey
    form = KeyForm
    formset = AtLeastOneKey
    fields = (
        "label",
        "new_secret",
        "ends_with",
        "enabled",
        "weight",
        "in_flight_limit",
        "state_text",
        "next_probe",
    )
    readonly_fields = ("ends_with", "state_text", "next_probe")
    extra = 0
    min_num = 1
    can_delete = False
    hide_title = True
    next_probe = time_column("open_until", gettext_lazy("next probe"))

    @display(description=gettext_lazy("ends with"))
    def ends_with(self, key: UpstreamKey) -> str:
        return f"…{key.hint}" if key.hint else "–"

    @display(description=gettext_lazy("state"))
    def state_text(self, key: UpstreamKey) -> str:
        return state_of(key)[1] if key.pk else "–"


class RouteInline(TabularInline):
    """Routes: the models that it serves where not all, their names there, and their cost."""

    model = UpstreamRoute
    form = RouteForm
    fields = ("model", "enabled", "their_name", "their_version", "cost", "cost_unit", "rest_until")
    readonly_fields = ("rest_until",)
    autocomplete_fields = ("model",)
    extra = 0
    tab = True
    hide_title = True


@admin.register(Upstream)
class UpstreamAdmin(BaseAdmin):
    """Upstreams. Unneeded ones are switched off, not deleted: runs refer to them."""

    form = UpstreamForm
    list_display = ("name", "url", "state_label", "priority", "weight", "serves", "in_flight_limit", "cap")
    list_filter = ("enabled", "paused")
    search_fields = ("name", "url")
    ordering = ("priority", "name")
    inlines = (KeyInline, RouteInline)
    actions = ("pause", "resume", "probe")
    fieldsets = (
        (
            None,
            {"fields": ("name", "kind", "url", "enabled", "paused", "serves_all", "idempotent", "day_cap")},
        ),
        (
            gettext_lazy("Order and limits"),
            {
                "fields": (
                    "priority",
                    "weight",
                    "in_flight_limit",
                    "requests_per_second",
                    "connect_s",
                    "read_s",
                )
            },
        ),
        (gettext_lazy("Files and webhooks"), {"fields": ("files", "webhooks")}),
    )
    cap = value_column("day_cap", gettext_lazy("most a day"), amounts.display)
    has_act_permission = permission_check("predictions.change_upstream")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Upstream]:
        rows: QuerySet[Upstream] = super().get_queryset(request)
        return rows.prefetch_related("keys", "routes")

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """The name cannot change, because predictions and logs hold it; nor the kind, which its jobs depend on."""
        return ("name", "kind") if obj is not None else ()

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """With the kind, where there are several."""
        return self.list_display if len(kinds.PROVIDERS) < 2 else ("name", "kind", *self.list_display[1:])

    def get_fieldsets(
        self, request: HttpRequest, obj: Model | None = None
    ) -> list[tuple[Any, dict[str, Any]]]:
        """Without the kind where there is only one, and without settings that the upstream's kind does not have."""
        excluded = set(setup.missing_settings(obj.kind)) if isinstance(obj, Upstream) else set()
        if len(kinds.PROVIDERS) < 2:
            excluded.add("kind")
        fieldsets = []
        for title, options in super().get_fieldsets(request, obj):
            names = tuple(name for name in options["fields"] if name not in excluded)
            if names:
                fieldsets.append((title, {**options, "fields": names}))
        return fieldsets

    @display(
        description=gettext_lazy("state"),
        label={"on": "success", "paused": "warning", "off": "default", "resting": "danger"},
    )
    def state_label(self, upstream: Upstream) -> tuple[str, str]:
        if not upstream.enabled:
            return "off", _("switched off")
        if upstream.paused:
            return "paused", _("paused")
        used = [key for key in upstream.keys.all() if key.enabled]
        if not any(key.state == UpstreamKey.State.CLOSED for key in used):
            return "resting", _("resting") if used else _("no key")
        return "on", _("in use")

    @display(description=gettext_lazy("serves"))
    def serves(self, upstream: Upstream) -> str:
        if upstream.serves_all:
            return _("the whole catalogue")
        count = sum(route.enabled for route in upstream.routes.all())
        return ngettext("%(n)d model", "%(n)d models", count) % {"n": count}

    def save_model(self, request: HttpRequest, obj: Upstream, form: UpstreamForm, change: bool) -> None:
        """A changed cap takes effect at once."""
        super().save_model(request, obj, form, change)
        if change and "day_cap" in form.changed_data:
            run_records.uncap(obj.pk)

    @admin.action(description=gettext_lazy("Pause: nothing new starts there"), permissions=["act"])
    def pause(self, request: HttpRequest, chosen: QuerySet[Upstream]) -> None:
        """Let what runs run, and start nothing new."""
        for upstream in chosen:
            set_paused(self, request, upstream, True)

    @admin.action(description=gettext_lazy("Resume"), permissions=["act"])
    def resume(self, request: HttpRequest, chosen: QuerySet[Upstream]) -> None:
        """Let new work start again."""
        for upstream in chosen:
            set_paused(self, request, upstream, False)

    @admin.action(description=gettext_lazy("Try resting keys now"), permissions=["act"])
    def probe(self, request: HttpRequest, chosen: QuerySet[Upstream]) -> None:
        """Let resting keys be tried at once."""
        probe(self, request, [key for upstream in chosen for key in upstream.keys.all()])


def probe(model_admin: BaseAdmin, request: HttpRequest, keys: Iterable[UpstreamKey]) -> None:
    """Let the resting ones of these keys be tried at once; each is logged."""
    tried = sum(_probe(model_admin, request, key) for key in keys)
    text = ngettext("%(n)d key is tried now.", "%(n)d keys are tried now.", tried) % {"n": tried}
    model_admin.message_user(request, text, messages.SUCCESS if tried else messages.WARNING)


def _probe(model_admin: BaseAdmin, request: HttpRequest, key: UpstreamKey) -> bool:
    with transaction.atomic(), audit_log.gathered():
        tried = circuits.probe_now(key.pk)
        if tried:
            model_admin.log_change(request, key, "Tried now.")
    return tried


def set_paused(model_admin: BaseAdmin, request: HttpRequest, upstream: Upstream, paused: bool) -> None:
    """Pause or resume an upstream; the message has the number of predictions in flight there."""
    if upstream.paused == paused:
        return
    upstream.paused = paused
    upstream.save(update_fields=["paused"])
    model_admin.log_change(request, upstream, "Paused." if paused else "Resumed.")
    if not paused:
        words = _("%(name)s takes new work again.") % {"name": upstream.name}
    else:
        words = _("%(name)s takes no new work; %(n)d predictions are still in flight there.") % {
            "name": upstream.name, "n": health_report.in_flight(upstream),
        }  # fmt: skip
    model_admin.message_user(request, words, messages.SUCCESS)


@admin.register(UpstreamKey)
class UpstreamKeyAdmin(BaseAdmin):
    """Keys of all upstreams, with the states of their circuits. They are added on their upstream's page."""

    form = KeyForm
    list_display = (
        "label",
        "upstream",
        "ends_with",
        "state_label",
        "next_probe",
        "error_kind",
        "last_error_at",
    )
    list_filter = ("state", "enabled", "upstream")
    list_select_related = ("upstream",)
    search_fields = ("label", "upstream__name")
    ordering = ("upstream__priority", "upstream__name", "id")
    actions = ("probe",)
    readonly_fields = (
        "upstream", "ends_with", "state_text", "failures", "next_probe", "rest_until", "error_kind", "error",
        "last_error_at", "ok_at",
    )  # fmt: skip
    fieldsets = (
        (None, {"fields": ("upstream", "label", "ends_with", "new_secret", "enabled", "weight", "in_flight_limit")}),
        (
            gettext_lazy("State"),
            {
                "fields": (
                    "state_text", "failures", "next_probe", "rest_until", "error_kind", "error", "last_error_at",
                    "ok_at",
                )
            },
        ),
    )  # fmt: skip
    next_probe = time_column("open_until", gettext_lazy("next probe"))
    last_error_at = time_column("error_at", gettext_lazy("last error at"))
    has_act_permission = permission_check("predictions.change_upstreamkey")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: UpstreamKey, form: KeyForm, change: bool) -> None:
        """Save only the form's columns, since the circuit's state may have changed meanwhile."""
        obj.save(update_fields=setup.KEY_COLUMNS)

    @display(description=gettext_lazy("ends with"))
    def ends_with(self, key: UpstreamKey) -> str:
        return f"…{key.hint}" if key.hint else "–"

    @display(description=gettext_lazy("state"), label=STATE_LABELS)
    def state_label(self, key: UpstreamKey) -> tuple[str, str]:
        return state_of(key)

    @display(description=gettext_lazy("state"))
    def state_text(self, key: UpstreamKey) -> str:
        return state_of(key)[1]

    @admin.action(description=gettext_lazy("Try resting keys now"), permissions=["act"])
    def probe(self, request: HttpRequest, chosen: QuerySet[UpstreamKey]) -> None:
        """Let resting keys be tried at once."""
        probe(self, request, chosen)


@admin.register(UpstreamRoute)
class UpstreamRouteAdmin(BaseAdmin):
    """Routes of all upstreams, model by model."""

    form = RouteForm
    list_display = ("model", "upstream", "enabled", "their_name", "cost_column", "rest_until")
    list_filter = ("enabled", "upstream")
    list_select_related = ("upstream", "model")
    search_fields = ("model__owner", "model__name", "their_name", "upstream__name")
    ordering = ("model__position", "model_id", "upstream__priority", "id")
    readonly_fields = ("upstream", "model", "rest_until", "error")
    fields = (
        "upstream",
        "model",
        "enabled",
        "their_name",
        "their_version",
        "cost",
        "cost_unit",
        "rest_until",
        "error",
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @display(description=gettext_lazy("costs"))
    def cost_column(self, route: UpstreamRoute) -> str:
        if route.cost is None:
            return "–"
        return f"{amounts.display(route.cost)} / {route.get_cost_unit_display()}"

"""Maintenance mode: new work is refused with a message and an expected end, while work under way finishes.

Refusing is up to those who read `accounts.site.site_rules.current().maintenance`; here it is switched, and the
progress of draining shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from accounts.models import Site, User
from accounts.site import site_rules
from accounts.staff import audit_log
from core.admin.decorators import staff_permission_required
from core.http.pages import page
from predictions.dispatch.fair_share import IN_FLIGHT
from predictions.models import Delivery, Phase, Prediction

_LONGEST = timedelta(days=30)


@dataclass(frozen=True)
class MaintenanceStatus:
    """Whether the site is in maintenance, and what still has to finish."""

    on: bool
    state: QueueState
    until: datetime | None

    @property
    def overdue(self) -> bool:
        """Whether the announced end has passed: the site stays closed until somebody opens it."""
        return self.on and self.until is not None and self.until <= timezone.now()

    @property
    def left(self) -> int:
        """Predictions that have not ended."""
        return self.state.waiting + self.state.running

    @property
    def drained(self) -> bool:
        """Whether everything has ended, at upstreams too, and nothing new is accepted."""
        return self.on and self.state.drained


def maintenance_status() -> MaintenanceStatus:
    """The present state."""
    rules = site_rules.current()
    return MaintenanceStatus(rules.maintenance, queue_state(), rules.maintenance_until)


class MaintenanceForm(forms.Form):
    """The message for visitors and members in both languages, and the expected duration."""

    words_en = forms.CharField(label=gettext_lazy("Words (English)"), max_length=300, strip=True)
    words_zh = forms.CharField(label=gettext_lazy("Words (Chinese)"), max_length=300, strip=True)
    minutes = forms.IntegerField(
        label=gettext_lazy("Minutes, about"), min_value=1, max_value=_LONGEST // timedelta(minutes=1)
    )


@staff_permission_required("accounts.change_site")
@require_http_methods(["GET", "POST"])
def maintenance(request: HttpRequest) -> HttpResponse:
    """GET shows the form; POST begins maintenance, or with `end` ends it."""
    assert isinstance(request.user, User)
    if request.method == "POST" and "end" in request.POST:
        switch(request.user, on=False)
        messages.success(request, _("Open again: new work is taken."))
        return redirect("operations")
    form = MaintenanceForm(request.POST or None, initial=_initial())
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        switch(
            request.user,
            on=True,
            words_en=data["words_en"],
            words_zh=data["words_zh"],
            until=timezone.now() + timedelta(minutes=data["minutes"]),
        )
        messages.success(request, _("In maintenance: no new work is taken, what is under way ends."))
        return redirect("operations")
    context = {"form": form, "status": maintenance_status(), "rules": site_rules.current()}
    return page(request, "operations/maintenance.html", context, status=422 if form.errors else 200)


@staff_permission_required("predictions.view_usageday")
@require_GET
def draining(request: HttpRequest) -> HttpResponse:
    """The line with the progress of draining, which the page polls."""
    return page(request, "operations/_draining.html", {"maintenance": maintenance_status()})


def switch(
    actor: User, *, on: bool, words_en: str = "", words_zh: str = "", until: datetime | None = None
) -> None:
    """Begin or end maintenance; written to the audit log once."""
    with transaction.atomic():
        Site.objects.get_or_create(pk=1)
        before = Site.objects.select_for_update().get(pk=1)
        if before.maintenance == on and not on:
            return
        after = (
            {
                "maintenance": True,
                "maintenance_en": words_en,
                "maintenance_zh": words_zh,
                "maintenance_until": until,
            }
            if on
            else {"maintenance": False, "maintenance_until": None}
        )
        previous = {name: getattr(before, name) for name in after}
        rules = site_rules.change(**after)
        audit_log.write(
            actor,
            "maintenance.begin" if on else "maintenance.end",
            rules,
            detail={"before": previous, "after": after},
        )


def _initial() -> dict[str, object]:
    rules = site_rules.current()
    return {
        "words_en": rules.maintenance_en or "Darkroom is being looked after. Your pictures are safe.",
        "words_zh": rules.maintenance_zh or "Darkroom 正在维护，你的图片都在。",
        "minutes": 30,
    }


@dataclass(frozen=True)
class QueueState:
    """Work that still has to finish. `strays`: predictions that have ended here, but perhaps not at their provider."""

    waiting: int
    running: int
    strays: int
    webhooks: int

    @property
    def drained(self) -> bool:
        """Whether nothing is left that a restart could disturb; pending webhooks are kept and sent later."""
        return not (self.waiting or self.running or self.strays)


def queue_state() -> QueueState:
    """The present state: four counts over partial indexes."""
    return QueueState(
        Prediction.objects.filter(phase=Phase.WAITING).count(),
        Prediction.objects.filter(phase__in=IN_FLIGHT).count(),
        Prediction.objects.ended().filter(upstream_open=True).count(),
        Delivery.objects.filter(state=Delivery.State.OWED).count(),
    )

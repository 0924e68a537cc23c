"""Maintenance: new work is refused with words that say why and until when, while what is under way ends.

Who refuses is whoever asks `accounts.site.site_rules.current().maintenance`; here it is switched, and said how far the
queue has drained.
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
class Standing:
    """Whether the house is in maintenance, and what is still to end."""

    on: bool
    state: State
    until: datetime | None

    @property
    def overdue(self) -> bool:
        """Whether it was to be over by now: everybody is kept out until somebody opens the house again."""
        return self.on and self.until is not None and self.until <= timezone.now()

    @property
    def left(self) -> int:
        """Predictions that have not ended."""
        return self.state.waiting + self.state.running

    @property
    def drained(self) -> bool:
        """Whether everything has ended, at upstreams too, and nothing new comes."""
        return self.on and self.state.drained


def standing() -> Standing:
    """How it is now."""
    rules = site_rules.current()
    return Standing(rules.maintenance, state(), rules.maintenance_until)


class MaintenanceForm(forms.Form):
    """What visitors and members are told meanwhile, in both languages, and until when it will last."""

    words_en = forms.CharField(label=gettext_lazy("Words (English)"), max_length=300, strip=True)
    words_zh = forms.CharField(label=gettext_lazy("Words (Chinese)"), max_length=300, strip=True)
    minutes = forms.IntegerField(
        label=gettext_lazy("Minutes, about"), min_value=1, max_value=_LONGEST // timedelta(minutes=1)
    )


@staff_permission_required("accounts.change_site")
@require_http_methods(["GET", "POST"])
def maintenance(request: HttpRequest) -> HttpResponse:
    """GET asks for words and time; POST begins, or with `end` ends it."""
    assert isinstance(request.user, User)
    if request.method == "POST" and "end" in request.POST:
        switch(request.user, on=False)
        messages.success(request, _("Open again: new work is taken."))
        return redirect("operations")
    form = MaintenanceForm(request.POST or None, initial=_last())
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        switch(
            request.user,
            on=True,
            words_en=given["words_en"],
            words_zh=given["words_zh"],
            until=timezone.now() + timedelta(minutes=given["minutes"]),
        )
        messages.success(request, _("In maintenance: no new work is taken, what is under way ends."))
        return redirect("operations")
    context = {"form": form, "standing": standing(), "rules": site_rules.current()}
    return page(request, "operations/maintenance.html", context, status=422 if form.errors else 200)


@staff_permission_required("predictions.view_usageday")
@require_GET
def draining(request: HttpRequest) -> HttpResponse:
    """The line that says how far the queue has drained, for the page to ask for again."""
    return page(request, "operations/_draining.html", {"maintenance": standing()})


def switch(
    actor: User, *, on: bool, words_en: str = "", words_zh: str = "", until: datetime | None = None
) -> None:
    """Begin maintenance, or end it; either is put on record once."""
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
        was = {name: getattr(before, name) for name in after}
        rules = site_rules.change(**after)
        audit_log.write(
            actor,
            "maintenance.begin" if on else "maintenance.end",
            rules,
            detail={"before": was, "after": after},
        )


def _last() -> dict[str, object]:
    rules = site_rules.current()
    return {
        "words_en": rules.maintenance_en or "Darkroom is being looked after. Your pictures are safe.",
        "words_zh": rules.maintenance_zh or "Darkroom 正在维护，你的图片都在。",
        "minutes": 30,
    }


@dataclass(frozen=True)
class State:
    """What is still to end. `strays`: ended here, though a provider may still be working on them; `told`: webhooks that
    are owed.
    """

    waiting: int
    running: int
    strays: int
    told: int

    @property
    def drained(self) -> bool:
        """Whether nothing is left that a restart could disturb; webhooks that are owed are kept and sent later."""
        return not (self.waiting or self.running or self.strays)


def state() -> State:
    """How it stands now: four counts over partial indexes."""
    return State(
        Prediction.objects.filter(phase=Phase.WAITING).count(),
        Prediction.objects.filter(phase__in=IN_FLIGHT).count(),
        Prediction.objects.ended().filter(upstream_open=True).count(),
        Delivery.objects.filter(state=Delivery.State.OWED).count(),
    )

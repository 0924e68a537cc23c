"""The page with the state of every upstream, and the buttons for what an operator can do."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from accounts.credits import amounts
from core import crypto
from core.admin.cells import link, moment
from core.admin.decorators import staff_permission_required
from predictions.admin import run_history, upstreams
from predictions.models import Upstream, UpstreamKey, UpstreamRun
from predictions.upstreams import health_report, key_rotation

_STRAYS = 50


@staff_permission_required("predictions.view_upstream")
def health_page(request: HttpRequest) -> HttpResponse:
    """GET: the page. POST: one of the actions pause, resume, probe, ran and never, with the row's `pk`."""
    if request.method == "POST":
        return _run_action(request)
    report = health_report.overview()
    context = {
        **admin.site.each_context(request),
        "title": _("How the upstreams stand"),
        "upstreams": [_upstream_context(health) for health in report],
        "strays": _strays(request),
        "encryption": _encryption() if report else None,
        "may_act": request.user.has_perm("predictions.change_upstream"),
        "may_check": request.user.has_perm("predictions.change_upstreamrun"),
        "may_add": request.user.has_perm("predictions.add_upstream"),
    }
    return TemplateResponse(request, "operations/upstream_health.html", context)


def _run_action(request: HttpRequest) -> HttpResponse:
    name, pk = request.POST.get("act", ""), request.POST.get("pk", "")
    if name not in _ACTIONS or not (pk.isascii() and pk.isdigit() and len(pk) < 19):
        return HttpResponseBadRequest()
    permission, run = _ACTIONS[name]
    if not request.user.has_perm(permission):
        raise PermissionDenied
    run(request, int(pk))
    return redirect("upstreams_health")


def _pause(request: HttpRequest, pk: int, paused: bool = True) -> None:
    for upstream in Upstream.objects.filter(pk=pk):
        upstreams.set_paused(_model_admin(Upstream), request, upstream, paused)


def _resume(request: HttpRequest, pk: int) -> None:
    _pause(request, pk, paused=False)


def _probe(request: HttpRequest, pk: int) -> None:
    upstreams.probe(_model_admin(UpstreamKey), request, UpstreamKey.objects.filter(upstream=pk))


def _ran(request: HttpRequest, pk: int) -> None:
    run_history.settle_strays(
        _model_admin(UpstreamRun), request, list(health_report.strays().filter(pk=pk)), it_ran=True
    )


def _never(request: HttpRequest, pk: int) -> None:
    run_history.settle_strays(
        _model_admin(UpstreamRun), request, list(health_report.strays().filter(pk=pk)), it_ran=False
    )


_ACTIONS: dict[str, tuple[str, Any]] = {
    "pause": ("predictions.change_upstream", _pause),
    "resume": ("predictions.change_upstream", _resume),
    "probe": ("predictions.change_upstream", _probe),
    "ran": ("predictions.change_upstreamrun", _ran),
    "never": ("predictions.change_upstreamrun", _never),
}


def _model_admin(model: Any) -> Any:
    return admin.site._registry[model]


def _upstream_context(health: health_report.Health) -> dict[str, Any]:
    words, variant = _state(health)
    return {
        "name": link(health.upstream, health.upstream.name),
        "pk": health.upstream.pk,
        "url": health.upstream.url,
        "paused": health.upstream.paused,
        "enabled": health.upstream.enabled,
        "resting": any(key.key.state != UpstreamKey.State.CLOSED for key in health.keys),
        "state": words,
        "variant": variant,
        "figures": _figures(health),
        "keys": _keys(health),
        "routes": _routes(health),
        "margins": _margins(health),
    }


def _state(health: health_report.Health) -> tuple[str, str]:
    """The text of the state, and the colour of its label."""
    count = {"n": health.in_flight}
    return {
        "off": (_("switched off"), "default"),
        "draining": (_("paused, %(n)d still in flight") % count, "warning"),
        "drained": (_("paused, nothing in flight"), "warning"),
        "capped": (_("the most a day is spent"), "danger"),
        "keyless": (_("no key that can be used"), "danger"),
        "resting": (_("resting"), "danger"),
        "waiting": (_("asked to wait"), "warning"),
        "partly": (_("some keys rest"), "warning"),
        "well": (_("well"), "success"),
    }[health.standing]


def _figures(health: health_report.Health) -> list[tuple[str, str]]:
    cap = health.upstream.day_cap
    spent = amounts.display(health.spent)
    return [
        (_("In flight"), f"{health.in_flight} / {health.upstream.in_flight_limit}"),
        (_("Waiting for its models"), str(health.waiting)),
        (_("Answers of the last hour: median, slowest twentieth"), _speed(health.hour)),
        (_("Errors of the last hour"), _errors(health.hour)),
        (_("Answers of the last day: median, slowest twentieth"), _speed(health.day)),
        (_("Errors of the last day"), _errors(health.day)),
        (_("Spent today, and the most"), f"{spent} / {'–' if cap is None else amounts.display(cap)}"),
        (_("Lost starts to look after"), str(health.strays)),
    ]


def _speed(speed: health_report.Speed) -> str:
    return "–" if speed.p50_ms is None else f"{speed.p50_ms:,} / {speed.p95_ms:,} ms"


def _errors(speed: health_report.Speed) -> str:
    percent = speed.error_percent
    return "–" if percent is None else f"{percent:.1f} % ({speed.errors} / {speed.runs})"


def _keys(health: health_report.Health) -> dict[str, Any]:
    return {
        "headers": [
            _("Key"),
            _("State"),
            _("In flight"),
            _("Next probe"),
            _("Asked to wait until"),
            _("Last error"),
        ],
        "rows": [_key_row(key) for key in health.keys],
    }


def _key_row(health: health_report.KeyHealth) -> list[Any]:
    key = health.key
    words = upstreams.state_of(key)[1] if health.readable else _("cannot be read with DARKROOM_KEYS")
    # The first line; the whole response is on the key's own page.
    summary = Truncator(key.error.partition("\n")[0]).chars(200)
    error = f"{key.error_kind}: {summary}" if key.error_kind else "–"
    until = key.open_until if key.state == UpstreamKey.State.OPEN else key.probe_until
    return [
        _nowrap(link(key, f"{key.label} …{key.hint}")),
        _nowrap(words),
        f"{health.in_flight} / {health.limit}",
        _clock_time(until) if key.state != UpstreamKey.State.CLOSED else "–",
        _clock_time(health.asked_to_wait_until),
        format_html("{} · {}", error, moment(key.error_at)) if key.error_at else error,
    ]


def _routes(health: health_report.Health) -> dict[str, Any]:
    return {
        "headers": [_("Model"), _("Rests until"), _("What the service said")],
        "rows": [
            [route.model.ref, _clock_time(route.rest_until), route.error[:300]] for route in health.resting
        ],
    }


def _encryption() -> dict[str, Any]:
    """Which of DARKROOM_KEYS the stored secrets are encrypted with, and advice on what to do."""
    try:
        now = key_rotation.rotation()
    except crypto.NoMatchingKey as error:
        return {"figures": [], "advice": str(error)}
    figures = [
        (_("Keys in DARKROOM_KEYS"), now.keys),
        (_("Secrets encrypted with the newest"), now.newest),
        (_("Secrets encrypted with an older one"), now.older),
        (_("Secrets that fit none of them"), now.lost),
    ]
    return {"figures": figures, "advice": _advice(now)}


def _advice(now: key_rotation.Rotation) -> str:
    if now.lost:
        return _("Put the key that is missing back behind the newest, or enter the secret again.")
    if now.older:
        return _("Encrypt everything with the newest key: manage.py keys rotate")
    if now.keys > 1:
        return _("Nothing here needs the older keys any more; backups from before the change do.")
    if now.in_file:
        return _("To change it: manage.py keys rotate --add")
    return _(
        "To change it, put a fresh key in front (manage.py keys new), start anew, then: manage.py keys rotate"
    )


def _nowrap(text: str) -> str:
    return format_html('<span class="whitespace-nowrap">{}</span>', text)


def _clock_time(at: datetime | None) -> str:
    """A time in the reader's zone, to the second; a dash for none."""
    if at is None:
        return "–"
    local = timezone.localtime(at)
    return format_html('<time datetime="{}">{}</time>', local.isoformat(), f"{local:%H:%M:%S}")


def _margins(health: health_report.Health) -> dict[str, Any]:
    return {
        "headers": [_("Model"), _("Runs"), _("Cost"), _("Charged"), _("Margin"), _("Cost not known")],
        "rows": [
            [
                margin.model,
                margin.runs,
                amounts.display(margin.cost),
                amounts.display(margin.charged),
                amounts.display_change(margin.margin),
                margin.unknown or "–",
            ]
            for margin in health.margins
        ],
    }


def _strays(request: HttpRequest) -> list[dict[str, Any]]:
    if not request.user.has_perm("predictions.view_upstreamrun"):
        return []
    return [
        {
            "pk": run.pk,
            "prediction": link(run.prediction),
            "upstream": run.upstream.name,
            "key": run.key.label,
            "sent": moment(run.sent_at),
            "sought": f"{run.prediction.public_id}-{run.run}",
            "reserved": amounts.display(run.reserved),
        }
        for run in health_report.strays()[:_STRAYS]
    ]

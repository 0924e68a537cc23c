"""Creating and changing upstreams, validated: for the command line and the admin."""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.credits.amounts import NotAnAmount, parse
from core import crypto
from predictions.models import HostedModel, Upstream, UpstreamKey, UpstreamRoute
from predictions.providers import kinds
from predictions.providers.upstream import KIND_SETTINGS
from predictions.upstreams import allowed_hosts, circuits, invalidation, key_rotation, run_records

LONGEST_SECRET = 1000
KEY_COLUMNS = ("label", "enabled", "weight", "in_flight_limit", "secret", "hint")
"""Columns of a key that people change. Nothing else of an existing row is saved: its state belongs to `circuits`."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_THEIRS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")
_VERSION = re.compile(r"[A-Za-z0-9._-]{1,200}")
_BOUNDS: dict[str, tuple[float, float]] = {
    "priority": (-1_000_000, 1_000_000),
    "weight": (0, 1000),
    "in_flight_limit": (1, 10_000),
    "requests_per_second": (0.1, 1000),
    "connect_s": (0.1, 60),
    "read_s": (1, 600),
}


class BadSetting(ValueError):
    """A setting is invalid; `field` names it, the text is one sentence for people."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Cost:
    """The price of a model at the upstream."""

    micro: int
    unit: str = UpstreamRoute.Unit.RUN


@dataclass(frozen=True)
class UpstreamSettings:
    """Desired settings of an upstream. None leaves the present value, or the default of a new one."""

    url: str | None = None
    kind: str | None = None
    """A name in `kinds.PROVIDERS`. Immutable: another kind could not follow the work under way."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Columns of Upstream with their values; those that are None are left out."""
    cap: int | Literal["keep"] | None = "keep"
    """The most a day in micro-credits; None: no cap."""
    keys: Mapping[str, str] | None = field(default=None, repr=False)
    """Label and secret of every key that is used; others are switched off."""
    models: Sequence[str] | None = None
    """The `owner/name`s that it serves and no others; none at all means every model of the catalogue."""
    routes: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """By our `owner/name`: the name there, and the version there ("" the same, "-" by name)."""
    costs: Mapping[str, Cost] = field(default_factory=dict)


def apply(name: str, options: UpstreamSettings) -> tuple[Upstream, bool]:
    """Add or change an upstream; returns it, and whether it is new. Raises BadSetting, changing nothing."""
    if not _NAME.fullmatch(name):
        raise BadSetting("name", "A name has small letters, digits and hyphens, at most 40.")
    models = _models({*(options.models or ()), *options.routes, *options.costs})
    columns = _columns(options)
    with transaction.atomic():
        upstream = Upstream.objects.select_for_update().filter(name=name).first()
        is_new = upstream is None
        if upstream is None:
            upstream = _new_upstream(name, options)
        check_kind(upstream.kind, options.kind, columns)
        cap = upstream.day_cap
        for column, value in columns.items():
            setattr(upstream, column, value)
        upstream.save()
        _set_keys(upstream, options.keys)
        _set_routes(upstream, options, models)
    if upstream.day_cap != cap:
        run_records.uncap(upstream.pk)
    invalidation.touch(upstream.pk)
    return upstream, is_new


def _new_upstream(name: str, options: UpstreamSettings) -> Upstream:
    if not options.url:
        raise BadSetting("url", f"There is no upstream {name} yet; its address is needed.")
    if not options.keys:
        raise BadSetting("key", f"There is no upstream {name} yet; its key is needed.")
    kind = options.kind or kinds.DEFAULT
    if kind not in kinds.PROVIDERS:
        raise BadSetting("kind", f"{kind[:80]}: one of {', '.join(kinds.PROVIDERS)} is expected.")
    return Upstream(name=name, url=options.url, kind=kind)


def check_kind(kind: str, wanted: str | None, columns: Mapping[str, Any]) -> None:
    """Raises BadSetting where an upstream would change its kind, or get a setting that its kind does not have."""
    if wanted not in (None, kind):
        raise BadSetting(
            "kind", f"It is of the kind {kind}; add one of another kind under a name of its own."
        )
    plain = Upstream()
    for name in missing_settings(kind):
        if name in columns and columns[name] != getattr(plain, name):
            raise BadSetting(name, f"Upstreams of the kind {kind} have no such setting.")


def missing_settings(kind: str) -> list[str]:
    """Columns of Upstream that mean nothing for this kind."""
    known = kinds.PROVIDERS.get(kind)
    return [] if known is None else [name for name in KIND_SETTINGS if name not in known.settings]


def _columns(options: UpstreamSettings) -> dict[str, Any]:
    columns = {name: value for name, value in options.settings.items() if value is not None}
    for name, value in columns.items():
        check_number(name, value)
    if options.url is not None:
        columns["url"] = checked_url(options.url)
    if options.cap != "keep":
        columns["day_cap"] = options.cap
    if options.models is not None:
        columns["serves_all"] = not options.models
    return columns


def checked_url(url: str) -> str:
    """The address without a slash at its end. Raises BadSetting."""
    url = url.strip().rstrip("/")
    reason = allowed_hosts.objection(url) or allowed_hosts.resolved_objection(url)
    if reason:
        raise BadSetting("url", reason)
    return url


def check_number(name: str, value: Any) -> None:
    """Raises BadSetting where a number is out of its bounds; other settings pass."""
    low, high = _BOUNDS.get(name, (-math.inf, math.inf))
    if name in _BOUNDS and not (math.isfinite(value) and low <= value <= high):
        raise BadSetting(
            name, _("It must be from %(low)s to %(high)s.") % {"low": f"{low:g}", "high": f"{high:g}"}
        )


def checked_secret(secret: str) -> str:
    """A key that is valid in a header. Raises BadSetting, whose text never contains the key."""
    secret = secret.strip()
    if not secret:
        raise BadSetting("key", _("The key is empty."))
    if len(secret) > LONGEST_SECRET or not secret.isascii() or not secret.isprintable() or " " in secret:
        raise BadSetting(
            "key",
            _("A key has at most %(n)d letters, digits and signs, and no blanks.") % {"n": LONGEST_SECRET},
        )
    return secret


def put_key(upstream: Upstream, label: str, secret: str) -> UpstreamKey:
    """Add a key to an upstream, or replace the secret of the key with that label. A new secret resets the circuit."""
    secret = checked_secret(secret)
    label = " ".join(label.split())[:40] or "key"
    key = UpstreamKey.objects.filter(upstream=upstream, label=label).first()
    if key is None:
        key = UpstreamKey(upstream=upstream, label=label)
    elif _is_same(key, secret):
        return key
    seal(key, secret)
    key.save(update_fields=KEY_COLUMNS if key.pk else None)
    return key


def seal(key: UpstreamKey, secret: str) -> None:
    """Set the encrypted secret of a row about to be saved, and reset its circuit."""
    key.secret, key.hint = crypto.encrypt(secret), key_rotation.hint(secret)
    if key.pk:
        circuits.reset(key.pk)
        key.refresh_from_db(fields=circuits.COLUMNS)


def _is_same(key: UpstreamKey, secret: str) -> bool:
    try:
        return secrets.compare_digest(crypto.decrypt(key.secret), secret)
    except crypto.NoMatchingKey:
        return False


def _set_keys(upstream: Upstream, wanted: Mapping[str, str] | None) -> None:
    if wanted is None:
        return
    used = [put_key(upstream, label, secret).pk for label, secret in wanted.items()]
    UpstreamKey.objects.filter(upstream=upstream, pk__in=used).update(enabled=True)
    UpstreamKey.objects.filter(upstream=upstream).exclude(pk__in=used).update(enabled=False)


def _models(refs: set[str]) -> dict[str, HostedModel]:
    found = {}
    for ref in refs:
        owner, _slash, name = ref.partition("/")
        model = HostedModel.objects.filter(owner=owner, name=name).first()
        if model is None:
            raise BadSetting("model", f"The catalogue has no model {ref}.")
        found[ref] = model
    return found


def _set_routes(upstream: Upstream, options: UpstreamSettings, models: Mapping[str, HostedModel]) -> None:
    if options.models:
        rows = UpstreamRoute.objects.filter(upstream=upstream)
        rows.exclude(model__in=[models[ref] for ref in options.models]).update(enabled=False)
    elif options.models is not None:
        UpstreamRoute.objects.filter(upstream=upstream).update(enabled=True)
    for ref, model in models.items():
        changes: dict[str, Any] = {}
        if ref in (options.models or ()):
            changes["enabled"] = True
        if ref in options.routes:
            changes["their_name"], changes["their_version"] = options.routes[ref]
        if ref in options.costs:
            changes["cost"], changes["cost_unit"] = options.costs[ref].micro, options.costs[ref].unit
        UpstreamRoute.objects.update_or_create(upstream=upstream, model=model, defaults=changes)
        # Models that were reported as unknown there are tried again.
        circuits.retry_route(upstream.pk, model.pk)


def checked_name(name: str) -> str:
    """A model's name there. Raises BadSetting."""
    if not _THEIRS.fullmatch(name) or len(name) > 201:
        raise BadSetting("route", _("%(name)s: owner/name is expected.") % {"name": name[:80]})
    return name


def checked_version(version: str) -> str:
    """A version's id there, or `-`. Raises BadSetting."""
    if not _VERSION.fullmatch(version):
        raise BadSetting(
            "route", _("%(version)s: that has signs that no version has.") % {"version": version[:80]}
        )
    return version


def route(text: str) -> tuple[str, tuple[str, str]]:
    """Parse `OWNER/NAME=THEIR/NAME[:VERSION]`. Raises BadSetting."""
    ours, equals, theirs = text.partition("=")
    name, colon, version = theirs.partition(":")
    if not equals:
        raise BadSetting(
            "route", f"{text[:80]}: OWNER/NAME=THEIR/NAME or OWNER/NAME=THEIR/NAME:VERSION is expected."
        )
    return ours.strip(), (checked_name(name), checked_version(version) if colon else "")


def cost(text: str) -> tuple[str, Cost]:
    """Parse `OWNER/NAME=CREDITS[/UNIT]`; the unit is run, output or second. Raises BadSetting."""
    ours, equals, amount = text.partition("=")
    credits, slash, unit = amount.partition("/")
    if not equals or (slash and unit not in UpstreamRoute.Unit.values):
        raise BadSetting(
            "cost", f"{text}: OWNER/NAME=CREDITS is expected, with /run, /output or /second behind it."
        )
    return ours.strip(), Cost(amount_of("cost", credits), unit or UpstreamRoute.Unit.RUN.value)


def amount_of(name: str, credits: str) -> int:
    """Micro-credits of an amount that is not negative. Raises BadSetting."""
    try:
        micro = parse(credits)
    except NotAnAmount as error:
        raise BadSetting(name, str(error)) from None
    if micro < 0:
        raise BadSetting(name, _("It must not be negative."))
    return micro

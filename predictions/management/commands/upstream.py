"""`manage.py upstream NAME …`: add or change an upstream, for operators who keep their set-up as text."""

from __future__ import annotations

import os
from argparse import ArgumentParser, BooleanOptionalAction
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.credits import amounts
from core.db.checks import DATABASE_IS_OURS
from predictions.models import Upstream, UpstreamKey
from predictions.providers import kinds
from predictions.upstreams import health_check, health_report, setup

_OPTIONS = {
    "name": "NAME", "url": "--url", "key": "--key-env", "model": "--model", "route": "--route", "cost": "--cost",
    "day_cap": "--day-cap", "in_flight_limit": "--limit", "requests_per_second": "--rps", "connect_s": "--connect",
    "read_s": "--read",
}  # fmt: skip


class Command(BaseCommand):
    help = (
        "Add an upstream or change it. With --url it is described as a whole: without --model it then serves every "
        "model of the catalogue, and without --idempotent it counts as one that honours no idempotency keys. Without "
        "--url only what is named changes."
    )
    requires_system_checks = (DATABASE_IS_OURS,)

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        add("name", metavar="NAME", nargs="?", help="what it is called: small letters, digits and hyphens")
        add(
            "--kind",
            choices=list(kinds.PROVIDERS),
            help=f"which API it speaks, chosen when it is added; {kinds.DEFAULT} where none is named",
        )
        add("--url", help="its API's base with the version path, such as https://host/v1")
        add(
            "--key-env",
            dest="keys",
            action="append",
            metavar="VARIABLE",
            help="the variable of the environment that holds its key; once for each key, others are switched off",
        )
        add(
            "--model",
            dest="models",
            action="append",
            metavar="OWNER/NAME",
            help="a model that it serves, once for each",
        )
        add(
            "--route",
            dest="routes",
            action="append",
            default=[],
            metavar="OWNER/NAME=THEIR/NAME[:VERSION]",
            help="what a model is called there; the version - means whichever is newest there",
        )
        add(
            "--cost",
            dest="costs",
            action="append",
            default=[],
            metavar="OWNER/NAME=CREDITS[/UNIT]",
            help="what a model costs there for each run, output or second",
        )
        add(
            "--idempotent",
            action=BooleanOptionalAction,
            default=None,
            help="whether it honours Idempotency-Key",
        )
        add("--priority", type=int, metavar="N", help="the lowest number comes first")
        add("--weight", type=int, metavar="N", help="its share of the work among those of the same priority")
        add("--limit", dest="in_flight_limit", type=int, metavar="N", help="predictions there at once")
        add(
            "--rps",
            dest="requests_per_second",
            type=float,
            metavar="N",
            help="requests a second for each key",
        )
        add("--connect", dest="connect_s", type=float, metavar="SECONDS", help="time limit to connect")
        add("--read", dest="read_s", type=float, metavar="SECONDS", help="time limit for an answer")
        add("--files", choices=Upstream.Files.values, help="how input files reach it")
        add("--webhooks", action=BooleanOptionalAction, default=None, help="whether it is asked for webhooks")
        add("--day-cap", metavar="CREDITS", help="the most that it may cost a day (UTC), or `none`")
        switch = parser.add_mutually_exclusive_group()
        switch.add_argument("--off", action="store_true", help="switch it off: nothing new starts there")
        switch.add_argument("--on", action="store_true", help="switch it on again")
        pause = parser.add_mutually_exclusive_group()
        pause.add_argument("--pause", action="store_true", help="start nothing new there until --resume")
        pause.add_argument("--resume", action="store_true", help="go on after --pause")
        add(
            "--list",
            action="store_true",
            help="show every upstream, its keys' states and what it has in flight",
        )
        add(
            "--test",
            action="store_true",
            help="ask it a harmless question with each key; exit code 1 where one fails",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["list"]:
            self._list()
            return
        if not options["name"]:
            raise CommandError("Which upstream? Give its NAME, or --list.")
        try:
            if not options["test"] or _changes(options):
                upstream, is_new = setup.apply(options["name"], _options(options))
                self.stdout.write(f"{upstream.name} {'added' if is_new else 'changed'}: {_line(upstream)}")
        except setup.BadSetting as error:
            where = _OPTIONS.get(error.field, f"--{error.field.replace('_', '-')}")
            raise CommandError(f"{where}: {error}") from None
        if options["test"]:
            self._test(options["name"])

    def _list(self) -> None:
        for upstream in Upstream.objects.order_by("priority", "name"):
            self.stdout.write(f"{upstream.name}: {_line(upstream)}")
            for key in upstream.keys.order_by("pk"):
                self.stdout.write(f"  {_key_line(key)}")

    def _test(self, name: str) -> None:
        keys = UpstreamKey.objects.filter(upstream__name=name, enabled=True).order_by("pk")
        if not keys:
            raise CommandError(f"There is no upstream {name} with a key in use.")
        failed = 0
        for key in keys:
            error = health_check.check_now(key.provider_name)
            failed += error is not None
            self.stdout.write(f"{key.label}: " + ("well" if error is None else f"{error.kind}: {error}"))
        if failed:
            raise CommandError(f"{failed} of {len(keys)} keys cannot be used.")


def _changes(options: dict[str, Any]) -> bool:
    plain = ("url", "kind", "keys", "models", "routes", "costs", "off", "on", "pause", "resume", "day_cap")
    return any(options[name] for name in plain) or any(
        value is not None for value in _settings(options).values()
    )


def _options(options: dict[str, Any]) -> setup.UpstreamSettings:
    models = options["models"]
    if models is None and options["url"]:
        models = []
    return setup.UpstreamSettings(
        url=options["url"],
        kind=options["kind"],
        settings=_settings(options),
        keys=_keys(options["keys"]),
        models=models,
        routes=dict(setup.route(text) for text in options["routes"]),
        costs=dict(setup.cost(text) for text in options["costs"]),
        **_cap(options["day_cap"]),
    )


def _settings(options: dict[str, Any]) -> dict[str, Any]:
    names = (
        "priority",
        "weight",
        "in_flight_limit",
        "requests_per_second",
        "connect_s",
        "read_s",
        "files",
        "webhooks",
    )
    whole = bool(options["url"])
    idempotent = options["idempotent"]
    return {
        **{name: options[name] for name in names},
        "idempotent": False if idempotent is None and whole else idempotent,
        "enabled": False if options["off"] else True if options["on"] or whole else None,
        "paused": True if options["pause"] else False if options["resume"] else None,
    }


def _cap(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    return {"cap": None if text == "none" else setup.amount_of("day_cap", text)}


def _keys(variables: list[str] | None) -> dict[str, str] | None:
    if variables is None:
        return None
    found = {}
    for variable in variables:
        if not os.environ.get(variable, "").strip():
            raise setup.BadSetting("key", f"The variable {variable[:80]} is not set, or empty.")
        found[variable[:40]] = os.environ[variable]
    return found


def _line(upstream: Upstream) -> str:
    state = "off" if not upstream.enabled else "paused" if upstream.paused else "on"
    routes = upstream.routes.filter(enabled=True)
    serves = "every model" if upstream.serves_all else f"{routes.count()} models"
    cap = (
        ""
        if upstream.day_cap is None
        else f", at most {amounts.decimal_text(upstream.day_cap)} credits a day"
    )
    keys = upstream.keys.filter(enabled=True).count()
    kind = "" if upstream.kind == kinds.DEFAULT else f"{upstream.kind}, "
    return f"{kind}{upstream.url}, {state}, priority {upstream.priority}, {serves}, keys in use: {keys}{cap}"


def _key_line(key: UpstreamKey) -> str:
    state = "off" if not key.enabled else key.state
    next_probe = (
        f", next probe {key.open_until:%H:%M:%S} UTC" if key.open_until and key.state == "open" else ""
    )
    error = f", last error {key.error_kind}" if key.error_kind else ""
    in_flight = health_report.in_flight_of(key.provider_name)
    return f"{key.label} (…{key.hint}): {state}{next_probe}{error}, in flight {in_flight}"

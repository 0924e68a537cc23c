"""What a price that is not saved yet would have made of past requests. Reads a few of the newest; changes nothing."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from django.db.models import BigIntegerField, Count, F, IntegerField, OuterRef, Subquery, Sum
from django.db.models.fields.json import KeyTransform, compile_json_path  # type: ignore[attr-defined]
from django.db.models.functions import Coalesce

from predictions.models import HostedModel, Output, Prediction, Price, Status, UpstreamRun, Version
from predictions.pricing import calculator
from predictions.pricing.calculator import Delivered

NEWEST = 200
LARGEST_CHANGES = 8
_ASKED = (*calculator.COUNT_KEYS, "width", "height")


@dataclass(frozen=True)
class Line:
    """One past request: what it cost, and what it would have cost. `ceiling` None: it would have been refused."""

    public_id: str
    status: str
    given: dict[str, Any]
    old_ceiling: int
    old: int
    ceiling: int | None
    new: int
    cost: int | None
    """What upstreams took for it, where that is known."""
    timed: bool = True
    """Whether its provider said how long it took; by the second nothing but the least is charged where it did not."""

    @property
    def change(self) -> int:
        """By how much it would have been dearer."""
        return self.new - self.old


@dataclass
class Preview:
    """All of them, added up."""

    lines: list[Line] = field(default_factory=list)

    @property
    def old(self) -> int:
        """What they were charged."""
        return sum(line.old for line in self.lines)

    @property
    def new(self) -> int:
        """What they would have been charged."""
        return sum(line.new for line in self.lines)

    @property
    def dearer(self) -> int:
        """How many would have cost more."""
        return sum(line.change > 0 for line in self.lines)

    @property
    def cheaper(self) -> int:
        """How many would have cost less."""
        return sum(line.change < 0 for line in self.lines)

    @property
    def refused(self) -> int:
        """How many could not have been priced, and would have been refused."""
        return sum(line.ceiling is None for line in self.lines)

    @property
    def untimed(self) -> int:
        """How many gave something, and nobody said how long it took."""
        return sum(line.status == Status.SUCCEEDED and not line.timed for line in self.lines)

    @property
    def known(self) -> list[Line]:
        """Those of which it is known what upstreams took."""
        return [line for line in self.lines if line.cost is not None]

    @property
    def largest(self) -> list[Line]:
        """Those that change most."""
        changed = [line for line in self.lines if line.change or line.ceiling is None]
        return sorted(changed, key=lambda line: -abs(line.change))[:LARGEST_CHANGES]

    def margins(self) -> tuple[int, int, int] | None:
        """What upstreams took, and what was and would be left; of those where it is known, None where of none."""
        if not self.known:
            return None
        cost = sum(line.cost or 0 for line in self.known)
        return cost, sum(line.old for line in self.known) - cost, sum(line.new for line in self.known) - cost


class _Given(KeyTransform):
    """A value of the input as it was sent: SQLite takes the quotes off a text, after which "1024" is read as 1024."""

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        """With its quotes where it is a text, as PostgreSQL answers it by itself."""
        plain, params = super().as_sqlite(compiler, connection)
        given, given_params, names = self.preprocess_lhs(compiler, connection)
        place = (*given_params, compile_json_path(names))
        quoted = f"JSON_QUOTE(JSON_EXTRACT({given}, %s))"
        sql = f"(CASE WHEN JSON_TYPE({given}, %s) = 'text' THEN {quoted} ELSE {plain} END)"
        return sql, (*place, *place, *params)


def preview(model: HostedModel, price: Price) -> Preview:
    """The newest requests of a model that have ended, with this price."""
    names = sorted({*_ASKED, *(rule["input"] for rule in price.rules)})
    # Single values and not the whole input: it may carry a picture of megabytes.
    values = {f"given_{number}": _Given(name, "input") for number, name in enumerate(names)}
    newest = Prediction.objects.ended().filter(model=model, data_removed=False)
    keys = list(newest.order_by("-id").values_list("pk", flat=True)[:NEWEST])
    rows = (
        Prediction.objects.filter(pk__in=keys)
        .annotate(**values, pixels=_pixels(), files=_files(), cost=_cost())
        .order_by("-id")
        .values(
            "public_id", "status", "version_id", "metrics", "price_percent", "ceiling", "charge", "delivered", "pixels",
            "files", "cost", *values,
        )
    )  # fmt: skip
    versions = {version.pk: version for version in model.versions.select_related("model")}
    return Preview([_line(row, names, versions[row["version_id"]], price) for row in rows])


def _line(row: dict[str, Any], names: list[str], version: Version, price: Price) -> Line:
    given = {
        name: row[f"given_{number}"]
        for number, name in enumerate(names)
        if row[f"given_{number}"] is not None
    }
    new, ceiling, percent = 0, None, row["price_percent"]
    with contextlib.suppress(calculator.NoPrice):
        ceiling = calculator.ceiling(price, version, given, percent)
    if ceiling is not None and row["status"] == Status.SUCCEEDED:
        new = min(ceiling, calculator.charge(price, version, given, _delivered(row, version, given), percent))
    timed = calculator.seconds_of(row["metrics"] or {}) is not None
    return Line(
        row["public_id"],
        row["status"],
        given,
        row["ceiling"],
        row["charge"] or 0,
        ceiling,
        new,
        row["cost"],
        timed,
    )


def _delivered(row: dict[str, Any], version: Version, given: dict[str, Any]) -> Delivered:
    seconds: Fraction | None = calculator.seconds_of(row["metrics"] or {})
    if not version.gives_files:
        return Delivered(1, seconds=seconds)
    outputs = row["delivered"] if row["delivered"] is not None else row["files"]
    return Delivered(outputs, calculator.asked_outputs(version, given), row["pixels"] or 0, seconds)


def _pixels() -> Subquery:
    rows = Output.objects.filter(prediction=OuterRef("pk")).order_by().values("prediction")
    total = rows.annotate(n=Sum(F("file__width") * F("file__height"), output_field=BigIntegerField()))
    return Subquery(total.values("n"), output_field=BigIntegerField())


def _files() -> Coalesce:
    rows = Output.objects.filter(prediction=OuterRef("pk")).order_by().values("prediction")
    return Coalesce(Subquery(rows.annotate(n=Count("pk")).values("n"), output_field=IntegerField()), 0)


def _cost() -> Subquery:
    rows = UpstreamRun.objects.filter(prediction=OuterRef("pk"), cost__isnull=False).order_by()
    return Subquery(
        rows.values("prediction").annotate(n=Sum("cost")).values("n"), output_field=BigIntegerField()
    )

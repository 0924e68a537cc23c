"""Simulation of an unsaved price on recent predictions. Reads a few of the newest; changes nothing."""

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
"""Recent predictions that are recalculated."""
LARGEST_CHANGES = 8
"""Predictions that are listed, those that change most."""
_ASKED = (*calculator.COUNT_KEYS, "width", "height")


@dataclass(frozen=True)
class Line:
    """One past prediction: its cost, and its cost by the new price. `ceiling` None: it would have been refused."""

    public_id: str
    status: str
    inputs: dict[str, Any]
    old_ceiling: int
    old: int
    ceiling: int | None
    new: int
    cost: int | None
    """Upstream cost, where it is known."""
    timed: bool = True
    """Whether its provider reported the run time; a price per second charges only `least` where it did not."""

    @property
    def change(self) -> int:
        """By how much it would have cost more."""
        return self.new - self.old


@dataclass
class Preview:
    """All recalculated predictions, with totals."""

    lines: list[Line] = field(default_factory=list)

    @property
    def old(self) -> int:
        """Sum of what they were charged."""
        return sum(line.old for line in self.lines)

    @property
    def new(self) -> int:
        """Sum of what they would have been charged."""
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
        """How many would have been refused for want of a price."""
        return sum(line.ceiling is None for line in self.lines)

    @property
    def untimed(self) -> int:
        """How many succeeded without a reported run time."""
        return sum(line.status == Status.SUCCEEDED and not line.timed for line in self.lines)

    @property
    def known(self) -> list[Line]:
        """Those whose upstream cost is known."""
        return [line for line in self.lines if line.cost is not None]

    @property
    def largest(self) -> list[Line]:
        """Those that change most."""
        changed = [line for line in self.lines if line.change or line.ceiling is None]
        return sorted(changed, key=lambda line: -abs(line.change))[:LARGEST_CHANGES]

    def margins(self) -> tuple[int, int, int] | None:
        """Upstream cost, margin then, margin now, over those whose cost is known; None where there are none."""
        if not self.known:
            return None
        cost = sum(line.cost or 0 for line in self.known)
        return cost, sum(line.old for line in self.known) - cost, sum(line.new for line in self.known) - cost


class _InputValue(KeyTransform):
    """A value of the input as sent. SQLite drops the quotes of a text, so that "1024" would be read as 1024."""

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        """Keeps the quotes of a text, as PostgreSQL does by itself."""
        plain, params = super().as_sqlite(compiler, connection)
        column, column_params, names = self.preprocess_lhs(compiler, connection)
        place = (*column_params, compile_json_path(names))
        quoted = f"JSON_QUOTE(JSON_EXTRACT({column}, %s))"
        sql = f"(CASE WHEN JSON_TYPE({column}, %s) = 'text' THEN {quoted} ELSE {plain} END)"
        return sql, (*place, *place, *params)


def preview(model: HostedModel, price: Price) -> Preview:
    """The model's newest ended predictions, recalculated with this price."""
    names = sorted({*_ASKED, *(rule["input"] for rule in price.rules)})
    # Single values, not the whole input: it may contain images of megabytes.
    values = {f"input_{number}": _InputValue(name, "input") for number, name in enumerate(names)}
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
    inputs = {
        name: row[f"input_{number}"]
        for number, name in enumerate(names)
        if row[f"input_{number}"] is not None
    }
    new, ceiling, percent = 0, None, row["price_percent"]
    with contextlib.suppress(calculator.NoPrice):
        ceiling = calculator.ceiling(price, version, inputs, percent)
    if ceiling is not None and row["status"] == Status.SUCCEEDED:
        new = min(
            ceiling, calculator.charge(price, version, inputs, _delivered(row, version, inputs), percent)
        )
    timed = calculator.seconds_of(row["metrics"] or {}) is not None
    return Line(
        row["public_id"],
        row["status"],
        inputs,
        row["ceiling"],
        row["charge"] or 0,
        ceiling,
        new,
        row["cost"],
        timed,
    )


def _delivered(row: dict[str, Any], version: Version, inputs: dict[str, Any]) -> Delivered:
    seconds: Fraction | None = calculator.seconds_of(row["metrics"] or {})
    if not version.gives_files:
        return Delivered(1, seconds=seconds)
    outputs = row["delivered"] if row["delivered"] is not None else row["files"]
    return Delivered(outputs, calculator.requested_outputs(version, inputs), row["pixels"] or 0, seconds)


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

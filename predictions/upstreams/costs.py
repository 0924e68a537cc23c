"""What one run costs at an upstream: pure functions over a route's price and what the service itself says.

Micro-credits. A service's own figure counts first; it is read as US dollars, and a credit as a cent.
"""

from __future__ import annotations

import math
from typing import Any

from accounts.models import MICRO
from predictions.models import Prediction, UpstreamRoute, UpstreamRun
from predictions.pricing import calculator

Outcome = UpstreamRun.Outcome
Unit = UpstreamRoute.Unit

MICRO_OF_DOLLAR = 100 * MICRO
DEAREST_DOLLARS = 1_000.0
"""More than this for one run is no price but a mistake, and counts as not said."""
USUAL_S = 10
"""Seconds reserved for work that costs by the second."""
_LONGEST_S = 24 * 3600.0
_NAMES = ("cost", "total_cost", "amount", "usd", "price")


def reserve(route: UpstreamRoute | None, prediction: Prediction) -> int:
    """The most that a run is expected to cost before anybody knows; 0 where no price is given."""
    if route is None or not route.cost:
        return 0
    if route.cost_unit == Unit.OUTPUT:
        return route.cost * max(1, calculator.asked_outputs(prediction.version, prediction.input))
    return route.cost * USUAL_S if route.cost_unit == Unit.SECOND else route.cost


def cost(route: UpstreamRoute | None, outcome: str, metrics: dict[str, Any], delivered: int) -> int | None:
    """What an ended run cost; None where neither they nor the route say.

    By the run or output only successes cost; by the second also what failed or was called off there.
    """
    said = _said(metrics.get("upstream_cost"))
    if said is not None:
        return said
    if route is None or route.cost is None:
        return None
    if route.cost_unit == Unit.SECOND:
        took = _number(metrics.get("predict_time"))
        return None if took is None else math.ceil(min(took, _LONGEST_S) * route.cost)
    if outcome not in (Outcome.SUCCEEDED, Outcome.DROPPED):
        return 0
    return route.cost * max(1, delivered) if route.cost_unit == Unit.OUTPUT else route.cost


def _said(value: Any) -> int | None:
    if isinstance(value, dict):
        value = next((value[name] for name in _NAMES if name in value), None)
    dollars = _number(value)
    if dollars is None or dollars > DEAREST_DOLLARS:
        return None
    return round(dollars * MICRO_OF_DOLLAR)


def _number(value: Any) -> float | None:
    """A finite number that is not negative, also where it is written as text."""
    if isinstance(value, str) and len(value) <= 40:
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int) and value > 10**12:
        return None
    return float(value) if math.isfinite(value) and value >= 0 else None

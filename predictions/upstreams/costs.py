"""Cost of a run at an upstream, in micro-credits: pure functions of the route's price and the reported cost.

The service's own figure takes precedence; it is in US dollars, and a credit is a cent.
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
"""A reported cost of one run above this is taken as an error and ignored."""
USUAL_S = 10
"""Seconds reserved for work that costs by the second."""
_LONGEST_S = 24 * 3600.0
_NAMES = ("cost", "total_cost", "amount", "usd", "price")


def reserve(route: UpstreamRoute | None, prediction: Prediction) -> int:
    """The estimated maximum cost of a run before it starts; 0 where no price is configured."""
    if route is None or not route.cost:
        return 0
    if route.cost_unit == Unit.OUTPUT:
        return route.cost * max(1, calculator.requested_outputs(prediction.version, prediction.input))
    return route.cost * USUAL_S if route.cost_unit == Unit.SECOND else route.cost


def cost(route: UpstreamRoute | None, outcome: str, metrics: dict[str, Any], delivered: int) -> int | None:
    """The cost of an ended run; None where neither the service nor the route gives one.

    Per run or output only successes cost; per second failed and cancelled runs do too.
    """
    reported = _reported_cost(metrics.get("upstream_cost"))
    if reported is not None:
        return reported
    if route is None or route.cost is None:
        return None
    if route.cost_unit == Unit.SECOND:
        seconds = _number(metrics.get("predict_time"))
        return None if seconds is None else math.ceil(min(seconds, _LONGEST_S) * route.cost)
    if outcome not in (Outcome.SUCCEEDED, Outcome.DROPPED):
        return 0
    return route.cost * max(1, delivered) if route.cost_unit == Unit.OUTPUT else route.cost


def _reported_cost(value: Any) -> int | None:
    if isinstance(value, dict):
        value = next((value[name] for name in _NAMES if name in value), None)
    dollars = _number(value)
    if dollars is None or dollars > DEAREST_DOLLARS:
        return None
    return round(dollars * MICRO_OF_DOLLAR)


def _number(value: Any) -> float | None:
    """A finite, non-negative number, also from text."""
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

"""Times of demo data: days and nights, weekends and growth, drawn from one random generator."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts.site import site_rules

Sample = tuple[datetime, int, int, int]
"""Of the queue: when, how many waited, how many were running, milliseconds to start."""


def load(at: datetime) -> float:
    """How busy the world is, from 0 to 1: quiet in the small hours, busy in the afternoon and the evening."""
    hour = at.hour + at.minute / 60
    day = 0.5 - 0.5 * math.cos((hour - 3.5) / 24 * 2 * math.pi)
    evening = math.exp(-(((hour - 20) / 2.6) ** 2))
    return min(1.0, 0.08 + 0.62 * day**1.3 + 0.3 * evening)


@dataclass(frozen=True)
class ActivityTimes:
    """Times between the beginning and the end of a history."""

    rng: random.Random
    began: datetime
    end: datetime

    def one(self) -> datetime:
        """More by day than by night, more at weekends, more from week to week."""
        while True:
            share = self.rng.random()
            at = self.began + (self.end - self.began) * share
            grown = 0.55 + 0.45 * share
            weekend = 1.0 if at.weekday() >= 5 else 0.82
            if self.rng.random() < load(at) * grown * weekend:
                return at

    def series(self, count: int, recent: int) -> list[datetime]:
        """So many times: people make series. `recent`: how many more lie in the last hour, which a table shows."""
        found: list[datetime] = []
        while len(found) < count:
            at = self.one()
            found.append(at)
            while self.rng.random() < 0.45 and len(found) < count:
                at += timedelta(seconds=20 + self.rng.expovariate(1 / 60))
                if at < self.end - timedelta(minutes=2):
                    found.append(at)
        return found + [self.end - timedelta(minutes=self.rng.uniform(2, 62)) for _ in range(recent)]

    def months(self) -> list[datetime]:
        """The first moment of each month within, in the billing zone."""
        at = self.began.astimezone(site_rules.billing_zone())
        at = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        found = []
        while (at := (at + timedelta(days=32)).replace(day=1)) <= self.end:
            found.append(at)
        return found

    def queue_samples(self, every: timedelta, created: Sequence[datetime]) -> Iterator[Sample]:
        """How the queue stood, shaped by the hour and by the predictions `created` around then."""
        rng, at, drift = self.rng, self.began, 0.0
        starts = sorted(created)
        number = 0
        while at < self.end:
            before = number
            while number < len(starts) and starts[number] < at:
                number += 1
            drift = 0.86 * drift + rng.gauss(0, 0.06)
            rush = max(0.0, load(at) - 0.42 + drift)
            evening = math.exp(-(((at.hour + at.minute / 60 - 20.2) / 1.1) ** 2)) * 34
            waiting = max(0, round(46 * rush**1.4 + evening * (0.8 + drift) + 0.5 * (number - before)))
            running = min(28, 2 + round(30 * load(at)))
            yield at, waiting, running, int(900 + 620 * waiting * rng.uniform(0.85, 1.15))
            at += every

"""Tries are counted before they are looked at, and nothing that others do makes a count forgotten."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial

import pytest
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from accounts.auth import attempt_limits
from accounts.auth.attempt_limits import Limit, TooMany
from accounts.models import Throttle
from tests.runner.sampling import short_or_whole
from tests.support.races import together
from tests.support.source_rules import LAYERS, ROOT

pytestmark = pytest.mark.django_db
FIVE = Limit("alice", 5, 300)


def take(*limits: Limit, kind: str = "password") -> attempt_limits.CountedAttempt | int:
    """What was taken, or how many seconds one has to wait."""
    try:
        return attempt_limits.count_attempt(kind, limits or [FIVE])
    except TooMany as error:
        return error.wait_s


def passed(*limits: Limit, kind: str = "password") -> bool:
    return isinstance(take(*limits, kind=kind), attempt_limits.CountedAttempt)


def time_passes(seconds: int) -> None:
    for row in Throttle.objects.all():
        Throttle.objects.filter(pk=row.pk).update(ends_at=row.ends_at - timedelta(seconds=seconds))


def test_the_sixth_try_waits_until_the_window_of_the_first_ends() -> None:
    assert [passed() for _try in range(7)] == [True] * 5 + [False] * 2
    time_passes(100)
    waits = take()
    assert isinstance(waits, int) and 195 <= waits <= 200
    time_passes(200)
    assert passed() and Throttle.objects.get().count == 1


def test_each_who_tries_and_each_kind_of_try_has_a_count_of_its_own() -> None:
    for _try in range(5):
        take()
    assert passed(Limit("bob", 5, 300)) and passed(kind="code") and not passed()


def test_a_try_that_one_limit_refuses_counts_against_none() -> None:
    for _try in range(5):
        take()
    assert not passed(Limit("network", 9, 300), FIVE)
    taken = take(Limit("network", 9, 300))
    assert isinstance(taken, attempt_limits.CountedAttempt) and taken.counts == {"network": 1}


def test_what_was_right_is_given_back_but_only_into_its_own_window() -> None:
    taken = take()
    assert isinstance(taken, attempt_limits.CountedAttempt) and taken.counts == {"alice": 1}
    taken.give_back()
    assert Throttle.objects.get().count == 0
    late = take()
    time_passes(301)
    take()
    assert isinstance(late, attempt_limits.CountedAttempt)
    late.give_back()
    assert Throttle.objects.get().count == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_tries_at_once_no_more_pass_than_may() -> None:
    for names in (["alice"], ["bob", "network"], ["network", "carol"]):
        limits = [Limit(name, 5, 300) for name in names]
        done = together([partial(passed, *limits, kind=names[0]) for _try in range(12)])
        assert sorted(map(str, done)) == ["False"] * 7 + ["True"] * 5


def test_no_number_of_other_keys_makes_a_count_forgotten() -> None:
    for _try in range(5):
        take()
    for number in range(short_or_whole(11_000, 50_000)):
        cache.set(f"credentials-{number}", (True, False), 3600)
    ends_at, many = timezone.now() + timedelta(hours=1), short_or_whole(10_000, 500_000)
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH RECURSIVE made(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM made WHERE n < %s) "
            "INSERT INTO accounts_throttle (what, who, count, ends_at) "
            "SELECT 'password', 'made up ' || n, 1, %s FROM made",
            [many, ends_at],
        )
    cache.clear()
    attempt_limits.prune()
    assert not passed() and Throttle.objects.count() == many + 1


def test_counts_go_when_their_time_is_over_and_never_before() -> None:
    take()
    take(Limit("long", 5, 3600))
    time_passes(301)
    assert attempt_limits.prune() is False
    assert Throttle.objects.count() == 1 and passed()


def test_a_row_tells_nobody_who_tried() -> None:
    take(Limit("user 7 network 203.0.113.7", 5, 300))
    row = Throttle.objects.get()
    assert len(row.who) == 64 and "203" not in str(row)


def test_nothing_counts_in_the_cache_that_everybody_fills() -> None:
    """A count there is driven out by whatever strangers make: `core.cache.counters` and this module are for
    counting.
    """
    files = [path for folder in LAYERS for path in (ROOT / folder).rglob("*.py")]
    found = [
        str(path.relative_to(ROOT))
        for path in files
        if re.search(r"(?<!counters\.)\bcache\.(incr|decr)\(", path.read_text())
    ]
    assert files and found == []

"""Fair-share dispatch: which waiting prediction gets a free slot.

The limits of accounts, tokens and providers are kept exactly. Choice and claim happen under one lock (an advisory
transaction lock on PostgreSQL; an IMMEDIATE transaction on SQLite), because counts inside an UPDATE are not rechecked
under READ COMMITTED. Call `choose` inside the transaction that claims.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import Case, Count, F, Min, Q, When

from accounts.models import Account, ApiToken
from accounts.site import account_limits
from core.clock import Now
from core.db.prepared import PreparedValues
from predictions.dispatch import provider_lookup, routing
from predictions.dispatch.priority import Priorities
from predictions.models import HostedModel, Phase, Prediction, Upstream, UpstreamRun
from predictions.providers.base import Provider
from predictions.providers.provider_names import provider_name

_LOCK = 0x6461726B726F6F6D & 0x7FFFFFFFFFFFFFFF
SUSPECT_FROM = 2
"""Starts without an answer after which a prediction is suspected of killing its workers and runs alone."""
REFUSAL_MEMORY = timedelta(seconds=30)
"""How long other upstreams are preferred over one that declined a prediction."""
_SUSPECT_FIELDS = ("account_id", "user_id", "token_id", "model_id", "provider")
"""Columns read of suspects: inputs, results and logs may be megabytes, and all other workers wait for this lock."""
IN_FLIGHT = (Phase.CLAIMED, Phase.RUNNING, Phase.RESULT, Phase.COLLECTING)


@dataclass(frozen=True)
class Choice:
    """One prediction to be claimed, and the provider that gets it."""

    prediction_id: int
    provider: str


@dataclass
class _Lane:
    """The waiting predictions of one user for one model, oldest first; an API token with a limit has its own lane."""

    account_id: int
    user_id: int
    model_id: int
    pinned: str
    head: int
    token_id: int | None = None
    """The token's id, where the token has a limit of its own."""
    excludes_limited_tokens: bool = False
    """Whether tokens with limits exist, whose predictions are in other lanes and must be excluded here."""
    later: list[int] | None = None

    def move_on(self, most: int) -> None:
        """Advance `head` to the next prediction, or to 0.

        The database is queried only from the second prediction of a lane on.
        """
        if self.later is None:
            rows = _waiting().filter(account_id=self.account_id, user_id=self.user_id, model_id=self.model_id)
            rows = rows.filter(provider=self.pinned, start_attempts__lt=SUSPECT_FROM, pk__gt=self.head)
            if self.token_id is not None:
                rows = rows.filter(token_id=self.token_id)
            elif self.excludes_limited_tokens:
                rows = rows.exclude(token__in_flight_limit__gt=0)
            self.later = list(rows.order_by("pk").values_list("pk", flat=True)[:most])
        self.head = self.later.pop(0) if self.later else 0


@dataclass
class _Load:
    """What is in flight and the limits: by account, by account and user, by token with a limit of its own."""

    accounts: dict[int, int]
    users: dict[tuple[int, int], int]
    limits: dict[int, int]
    priorities: Priorities = field(default_factory=lambda: Priorities({}))
    tokens: dict[int, int] = field(default_factory=dict)
    token_limits: dict[int, int] = field(default_factory=dict)

    def rank(self, lane: _Lane) -> tuple[int, int, int]:
        """Sort key: fewest in flight less the plan's boost; within the account its users in turn; then the oldest."""
        in_flight = self.accounts[lane.account_id]
        ahead = in_flight - self.priorities.of(lane.account_id, in_flight, lane.head)
        return ahead, self.users[lane.account_id, lane.user_id], lane.head

    def is_full(self, lane: _Lane) -> bool:
        """Whether its account, or its token, has reached its in-flight limit."""
        if self.accounts[lane.account_id] >= self.limits[lane.account_id]:
            return True
        token_id = lane.token_id
        return token_id is not None and self.tokens.get(token_id, 0) >= self.token_limits[token_id]

    def add(self, account_id: int, user_id: int, token_id: int | None) -> None:
        self.accounts[account_id] += 1
        self.users[account_id, user_id] += 1
        if token_id in self.token_limits:
            self.tokens[token_id] = self.tokens.get(token_id, 0) + 1


def choose(most: int, *, closed: Collection[str] = ()) -> list[Choice]:
    """The predictions that get the free slots, at most `most`: fewest in flight first, then the oldest.

    Inside a transaction only. `closed`: names of upstreams that get nothing now.
    """
    _lock()
    providers = provider_lookup.all_providers()
    slots = _slots(providers, closed)
    models = _models()
    suspects = _suspects(slots, models)
    chosen = [choice for choice, _row in suspects]
    if not slots.has_any():
        return chosen
    token_limits = _token_limits()
    lanes = _lanes(by_token=bool(token_limits))
    if not lanes:
        return chosen
    in_flight, by_user = in_flight_counts()
    limits, priorities = _limits({lane.account_id for lane in lanes})
    load = _Load(in_flight, by_user, limits, Priorities(priorities, limits))
    if token_limits:
        load.tokens, load.token_limits = _in_flight_by_token(), token_limits
    for _choice, row in suspects:
        load.add(row.account_id, row.user_id, row.token_id)
    load.priorities.read_waiting_times(
        [lane.head for lane in lanes if load.priorities.ages(lane.account_id, in_flight[lane.account_id])]
    )
    refused = _refused_lately() if any(provider.is_remote for provider in providers) else {}
    return chosen + _fill(lanes, load, _Market(slots, models, refused), most - len(chosen))


@dataclass(frozen=True)
class _Market:
    """The free slots, the routing of each model by its key, and which providers declined which prediction lately."""

    slots: routing.Slots
    models: dict[int, routing.Wanted]
    refused: dict[int, set[str]]

    def serve(self, lane: _Lane) -> str | None:
        """Take a slot for the lane's first prediction: the provider's name, or None where it must wait."""
        wanted = self.models.get(lane.model_id)
        if wanted is None:
            return None
        provider = self.slots.find(wanted, lane.pinned, self.refused.get(lane.head, ()))
        if provider is None:
            return None
        if lane.pinned:
            self.slots.take_promised(provider.name)
        else:
            self.slots.take(provider.name)
        return provider.name


def _fill(lanes: list[_Lane], load: _Load, market: _Market, most: int) -> list[Choice]:
    """Serve lanes by rank until no slot is free or no lane may have one.

    Ranks in the heap may be out of date. A rank only grows, so a lane that comes up too early is pushed back with its
    present rank.
    """
    heap = [(load.rank(lane), number, lane) for number, lane in enumerate(lanes)]
    heapq.heapify(heap)
    chosen: list[Choice] = []
    while heap and len(chosen) < most:
        rank, number, lane = heapq.heappop(heap)
        if rank != load.rank(lane):
            heapq.heappush(heap, (load.rank(lane), number, lane))
            continue
        if load.is_full(lane):
            continue
        name = market.serve(lane)
        if name is None:
            continue
        chosen.append(Choice(lane.head, name))
        load.add(lane.account_id, lane.user_id, lane.token_id)
        if len(chosen) < most:
            lane.move_on(most)
        if lane.head:
            heapq.heappush(heap, (load.rank(lane), number, lane))
    return chosen


# Each of these runs at every claim, so each is compiled once.
_MODELS = PreparedValues(
    lambda: (
        HostedModel.objects.filter(enabled=True)
        .order_by()
        .values_list("pk", "owner", "name", "engine_last_resort")
    )
)
_OPEN = PreparedValues(
    lambda: (
        Prediction.objects.filter(upstream_open=True)
        .order_by()
        .values_list("provider")
        .annotate(n=Count("pk"))
    )
)
_RUNNING_SUSPECTS = PreparedValues(
    lambda: (
        Prediction.objects.filter(upstream_open=True, start_attempts__gte=SUSPECT_FROM)
        .exclude(phase=Phase.ENDED)
        .order_by()
        .values_list("provider")
        .distinct()
    )
)
# The oldest of each lane: what keeps it waiting keeps its lane waiting, but no other lane.
_SUSPECTS = PreparedValues(
    lambda: (
        _waiting()
        .filter(start_attempts__gte=SUSPECT_FROM)
        .order_by()
        .values_list("model_id", "provider")
        .annotate(head=Min("pk"))
    )
)
_LANES = PreparedValues(
    lambda: (
        _waiting()
        .filter(start_attempts__lt=SUSPECT_FROM)
        .order_by()
        .values_list("account_id", "user_id", "model_id", "provider")
        .annotate(head=Min("pk"))
    )
)
_PINNED = PreparedValues(
    lambda: (
        Prediction.objects.filter(phase=Phase.WAITING)
        .exclude(provider="")
        .order_by()
        .values_list("provider")
        .annotate(n=Count("pk"))
    )
)
# One subquery a phase: with an IN over four, SQLite's planner scans the whole table once most rows are in
# one phase.
_IN_FLIGHT = PreparedValues(
    lambda: _in_phase(IN_FLIGHT[0]).union(*(_in_phase(phase) for phase in IN_FLIGHT[1:]), all=True)
)
PLAN_LIMITS = PreparedValues(
    lambda: (
        Account.objects.filter(Q(plan__in_flight_limit__gt=0) | ~Q(plan__priority=0), plan__isnull=False)
        .order_by()
        .values_list("pk", "plan__in_flight_limit", "plan__priority")
    )
)
_ACCOUNT_LIMITS = PreparedValues(
    lambda: Account.objects.filter(in_flight_limit__gt=0).order_by().values_list("pk", "in_flight_limit")
)
_LIMITS_OF_TOKENS = PreparedValues(
    lambda: ApiToken.objects.filter(in_flight_limit__gt=0).order_by().values_list("pk", "in_flight_limit")
)


def _in_phase(phase: Phase) -> Any:
    rows = Prediction.objects.filter(phase=phase).order_by().values_list("account_id", "user_id")
    return rows.annotate(n=Count("pk"))


def _lock() -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _waiting() -> Any:
    return Prediction.objects.filter(phase=Phase.WAITING).filter(
        Q(not_before__isnull=True) | Q(not_before__lte=Now())
    )


def _models() -> dict[int, routing.Wanted]:
    return {pk: routing.Wanted(f"{owner}/{name}", bool(last)) for pk, owner, name, last in _MODELS.all()}


def _slots(providers: list[Provider], closed: Collection[str]) -> routing.Slots:
    taken = {str(name): int(n) for name, n in _OPEN.all()}
    upstreams = {provider.name for provider in providers if provider.is_remote}
    pinned = {str(name): int(n) for name, n in _PINNED.all()} if upstreams else {}
    promised = {name: n for name, n in pinned.items() if name in upstreams}
    key_states = routing.circuit_states(providers)
    slots = routing.Slots(providers, taken, promised=promised, key_states=key_states, full=closed)
    for (name,) in _RUNNING_SUSPECTS.all():
        if name not in upstreams:
            slots.exclude(name)
    return slots


def _suspects(slots: routing.Slots, models: dict[int, routing.Wanted]) -> list[tuple[Choice, Prediction]]:
    """Predictions that were started twice without an answer; they run alone.

    The engine is drained first and takes nothing beside one. At an upstream one cannot harm others: there, only one
    at a time is sent.
    """
    chosen: list[tuple[Choice, Prediction]] = []
    ids = [head for _model, _provider, head in _SUSPECTS.all()]
    rows = Prediction.objects.filter(pk__in=ids).only(*_SUSPECT_FIELDS).order_by("id") if ids else ()
    seen: set[str] = set()
    for row in rows:
        wanted = models.get(row.model_id)
        provider = slots.find(wanted, row.provider) if wanted is not None else None
        name = provider.name if provider is not None else row.provider or _engine_for(wanted)
        if not name or name in seen:
            continue
        seen.add(name)
        alone = provider is not None and (provider.is_remote or slots.is_idle(name))
        if alone:
            chosen.append((Choice(row.pk, name), row))
            if row.provider:
                slots.take_promised(name)
            else:
                slots.take(name)
        if provider is None or not provider.is_remote:
            slots.exclude(name)
    return chosen


def _engine_for(wanted: routing.Wanted | None) -> str:
    """Name of the engine that would run it; "" where an upstream may get it or nothing serves it."""
    if wanted is None:
        return ""
    first = next(iter(routing.eligible_providers(provider_lookup.all_providers(), wanted)), None)
    return "" if first is None or first.is_remote else first.name


def _refused_lately() -> dict[int, set[str]]:
    """Names of the upstream providers that declined a prediction within `REFUSAL_MEMORY`, by prediction id."""
    rows = UpstreamRun.objects.filter(
        upstream__in=Upstream.objects.filter(enabled=True),
        sent_at__gt=Now() - REFUSAL_MEMORY,
        outcome=UpstreamRun.Outcome.REFUSED,
    )
    refused: dict[int, set[str]] = defaultdict(set)
    for prediction_id, key_id in rows.order_by().values_list("prediction_id", "key_id"):
        refused[prediction_id].add(provider_name(key_id))
    return refused


def _lanes(*, by_token: bool) -> list[_Lane]:
    """Every lane with waiting predictions. `by_token`: tokens with limits have lanes of their own."""
    if not by_token:
        return [_Lane(*row) for row in _LANES.all()]
    limited = When(token__in_flight_limit__gt=0, then=F("token_id"))
    rows = (
        _waiting()
        .filter(start_attempts__lt=SUSPECT_FROM)
        .order_by()
        .annotate(limited=Case(limited, default=None))
    )
    lanes = rows.values_list("account_id", "user_id", "model_id", "provider", "limited").annotate(
        head=Min("pk")
    )
    return [
        _Lane(account, user, model, provider, head, token, excludes_limited_tokens=True)
        for account, user, model, provider, token, head in lanes
    ]


def in_flight_counts() -> tuple[dict[int, int], dict[tuple[int, int], int]]:
    """Predictions in flight, by account id and by (account id, user id)."""
    by_account: dict[int, int] = defaultdict(int)
    by_user: dict[tuple[int, int], int] = defaultdict(int)
    for account_id, user_id, count in _IN_FLIGHT.all():
        by_account[account_id] += count
        by_user[account_id, user_id] += count
    return by_account, by_user


def _in_flight_by_token() -> dict[int, int]:
    rows = Prediction.objects.filter(phase__in=IN_FLIGHT, token__in_flight_limit__gt=0).order_by()
    return dict(rows.values_list("token_id").annotate(n=Count("pk")))


def _limits(account_ids: set[int]) -> tuple[dict[int, int], dict[int, int]]:
    """In-flight limits of these accounts, and the priority boosts of those whose plan has one."""
    # Not filtered by account: a thousand ids in a query cost more than the few accounts with a limit of their own.
    plan_rows = PLAN_LIMITS.all()
    of_plans: dict[int, int] = {pk: limit for pk, limit, _priority in plan_rows if limit}
    limits_of_accounts: dict[int, int] = dict(_ACCOUNT_LIMITS.all())
    priorities = {pk: priority for pk, _limit, priority in plan_rows if priority and pk in account_ids}
    limits = {
        pk: account_limits.in_flight(limits_of_accounts.get(pk), of_plans.get(pk)) for pk in account_ids
    }
    return limits, priorities


def _token_limits() -> dict[int, int]:
    """In-flight limits of the tokens that have one; mostly there are none."""
    return dict(_LIMITS_OF_TOKENS.all())

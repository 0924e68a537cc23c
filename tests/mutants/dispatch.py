"""Faults in the choice of who is next."""

from __future__ import annotations

from tests.mutants import Mutant

DISPATCH = "predictions/dispatch/fair_share.py"
TESTS = (
    "tests/predictions/dispatch/test_dispatch_order.py",
    "tests/predictions/dispatch/test_dispatch_limits.py",
    "tests/predictions/lifecycle/test_lifecycle.py",
)
PLANS = (
    "tests/predictions/dispatch/test_priority_ageing.py",
    "tests/predictions/submit/test_plan_limits.py",
    *TESTS,
)
ROUTES = ("tests/predictions/dispatch/test_upstream_routing.py", "tests/predictions/upstreams", *TESTS)

MUTANTS = [
    Mutant(
        DISPATCH,
        "if self.accounts[lane.account_id] >= self.limits[lane.account_id]:",
        "if self.accounts[lane.account_id] > self.limits[lane.account_id]:",
        "An account has one more in flight than it may.",
        TESTS,
    ),
    Mutant(
        DISPATCH,
        "self.tokens.get(token_id, 0) >= self.token_limits[token_id]",
        "self.tokens.get(token_id, 0) > self.token_limits[token_id]",
        "A token has one more in flight than it may.",
        (TESTS[1], TESTS[0]),
    ),
    Mutant(
        DISPATCH,
        "return ahead, self.users[lane.account_id, lane.user_id], lane.head",
        "return ahead, 0, lane.head",
        "One user of an account is served to the end before the others.",
        TESTS,
    ),
    Mutant(
        DISPATCH,
        "        if rank != load.rank(lane):\n            heapq.heappush(heap, (load.rank(lane), number, lane))\n"
        "            continue\n",
        "",
        "Who was just served is served again before others.",
        TESTS,
    ),
    Mutant(
        DISPATCH,
        "    for _choice, row in suspects:\n        load.add(row.account_id, row.user_id, row.token_id)\n",
        "",
        "What is tried alone does not count towards its account's limit.",
        TESTS,
    ),
    Mutant(
        DISPATCH,
        "        Q(not_before__isnull=True) | Q(not_before__lte=Now())\n    )\n\n\ndef _models",
        "        Q(not_before__isnull=True) | Q(not_before__isnull=False)\n    )\n\n\ndef _models",
        "What is to wait after a refusal is tried at once.",
        TESTS,
    ),
    Mutant(
        DISPATCH,
        "HostedModel.objects.filter(enabled=True)",
        "HostedModel.objects.filter()",
        "Predictions of a model that was disabled are started.",
        TESTS,
    ),
    Mutant(
        DISPATCH,
        "provider=self.pinned, start_attempts__lt=SUSPECT_FROM, pk__gt=self.head",
        "start_attempts__lt=SUSPECT_FROM, pk__gt=self.head",
        "What must go to one upstream is counted in the lane of those that may go to any.",
        ROUTES,
    ),
    Mutant(
        DISPATCH,
        "alone = provider is not None and (provider.is_remote or slots.is_idle(name))",
        "alone = provider is not None",
        "What killed its workers runs beside others.",
        TESTS,
    ),
    Mutant(
        DISPATCH,
        "        if provider is None or not provider.is_remote:\n            slots.exclude(name)\n",
        "",
        "Others are started beside what has to run alone.",
        TESTS,
    ),
    Mutant(
        DISPATCH,
        "        outcome=UpstreamRun.Outcome.REFUSED,\n    )",
        "    )",
        "An upstream that took a prediction before is passed over for the next ones.",
        ROUTES,
    ),
    Mutant(
        DISPATCH,
        "account_limits.in_flight(limits_of_accounts.get(pk), of_plans.get(pk)) for pk",
        "account_limits.in_flight(None, None) for pk",
        "An account's own limit, and its plan's, counts for nothing.",
        PLANS,
    ),
    Mutant(
        DISPATCH,
        "    _lock()\n    providers",
        "    providers",
        "Workers of two machines give the same slot away.",
        TESTS[:2],
        on_postgres=True,
    ),
]

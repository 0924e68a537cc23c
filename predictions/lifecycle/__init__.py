"""State machine of predictions: the only writer of `status` and `phase`.

    starting ──► processing ──► succeeded | failed | canceled          (`status`, public)
    waiting ─► claimed ─► running ─► result ─► collecting ─► ended     (`phase`, internal)
Each function is one short transaction of conditional UPDATEs. What must follow (a wake-up) is written in the same
transaction, so a process may be killed between any two lines. A late worker does no harm: every write of a task
carries its claim, and a write that matches no row has no other effect either.
"""

from __future__ import annotations

from predictions.lifecycle.claims import (
    Claimed,
    begin,
    claim,
    claim_results,
    claim_starts,
    claim_strays,
    collect_later,
    give_up,
    leases_over,
    note_late_job,
    overdue_starts,
    pin,
    release,
    renew,
    renew_start,
    result_age,
    stray_closed,
    take_back,
    unclaim,
)
from predictions.lifecycle.completion import (
    cancel,
    erase,
    expire,
    fail,
    fail_running,
    fail_waiting,
    remove_data,
    succeed,
    turn_webhook_off,
)
from predictions.lifecycle.incremental_outputs import due as due_to_show
from predictions.lifecycle.incremental_outputs import show
from predictions.lifecycle.messages import FREE, free
from predictions.lifecycle.progress import (
    DuePoll,
    begin_finished,
    claim_polls,
    lost,
    note,
    poll_all_later,
    poll_later,
    poll_now,
    polled_rows,
    store_result,
)
from predictions.lifecycle.start_wakeups import anybody_waits

__all__ = [
    "FREE",
    "Claimed",
    "DuePoll",
    "anybody_waits",
    "begin",
    "begin_finished",
    "cancel",
    "claim",
    "claim_polls",
    "claim_results",
    "claim_starts",
    "claim_strays",
    "collect_later",
    "due_to_show",
    "erase",
    "expire",
    "fail",
    "fail_running",
    "fail_waiting",
    "free",
    "give_up",
    "leases_over",
    "lost",
    "note",
    "note_late_job",
    "overdue_starts",
    "pin",
    "poll_all_later",
    "poll_later",
    "poll_now",
    "polled_rows",
    "release",
    "remove_data",
    "renew",
    "renew_start",
    "result_age",
    "show",
    "store_result",
    "stray_closed",
    "succeed",
    "take_back",
    "turn_webhook_off",
    "unclaim",
]

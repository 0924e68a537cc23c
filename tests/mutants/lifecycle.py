"""Faults in what changes a prediction's status and phase."""

from __future__ import annotations

from tests.mutants import Mutant

CLAIMS, ENDING = "predictions/lifecycle/claims.py", "predictions/lifecycle/completion.py"
COMPILED, PROGRESS = "predictions/lifecycle/updates.py", "predictions/lifecycle/progress.py"
GROWING, STRAYS = "predictions/lifecycle/incremental_outputs.py", "predictions/lifecycle/strays.py"
LIFE = (
    "tests/predictions/lifecycle/test_lifecycle.py",
    "tests/predictions/lifecycle/test_conditional_updates.py",
)
SWEEP = ("tests/predictions/processes/test_sweep.py", *LIFE)

MUTANTS = [
    Mutant(
        ENDING,
        "        ended = _end(mine & where, Status.FAILED,",
        "        ended = _end(mine, Status.FAILED,",
        "The sweep fails what was renewed or begun since it was listed.",
        (*SWEEP, "tests/predictions/lifecycle/test_deadlines.py"),
    ),
    Mutant(
        ENDING,
        "            Q(public_id=public_id) & ~_HAS_RESULT,",
        "            Q(public_id=public_id),",
        "A cancel throws away a result that is stored.",
        LIFE,
    ),
    Mutant(
        ENDING,
        "    credits.settle(account_id, reference, charge)\n\n",
        "\n",
        "A hold is never released.",
        LIFE,
    ),
    Mutant(
        ENDING,
        "    charge = min(cost, prediction.ceiling)\n",
        "    charge = cost\n",
        "More is charged than was said when it was accepted.",
        (*LIFE, "tests/predictions/pricing"),
    ),
    Mutant(
        ENDING,
        '    if with_webhook:\n        outbox.enqueue(prediction_id, "completed")\n',
        "",
        "No webhook tells of an end.",
        (*LIFE, "tests/predictions/api_dialects/replicate/test_webhooks.py"),
    ),
    Mutant(
        ENDING,
        "filter(where, status__in=LIVE).update(",
        "filter(where).update(",
        "What has ended ends a second time, as something else.",
        LIFE,
    ),
    Mutant(
        ENDING,
        "    uploads.end_uses(prediction_id)\n",
        "",
        "Uploads that no prediction needs any more are never removed.",
        (
            "tests/predictions/files/test_upload_uses.py",
            "tests/predictions/api_dialects/replicate/test_output_files.py",
        ),
    ),
    Mutant(
        ENDING,
        "When(phase=Phase.WAITING, start_attempts=0, then=Value(Status.ABORTED.value))",
        "When(phase=Phase.WAITING, then=Value(Status.ABORTED.value))",
        "A cancel of what was begun before is told as one of what never was.",
        LIFE,
    ),
    Mutant(
        ENDING,
        "filter(pk=prediction_id, phase=Phase.ENDED, data_removed=False)",
        "filter(pk=prediction_id, data_removed=False)",
        "Data of a prediction can be removed while it runs.",
        (
            "tests/predictions/files/test_file_removal.py",
            *LIFE,
            "tests/predictions/api_dialects/replicate/test_status_extras.py",
        ),
    ),
    Mutant(
        COMPILED,
        "(pk=pk, phase=Phase.COLLECTING, claim=claim, status__in=LIVE)",
        "(pk=pk, phase=Phase.COLLECTING, status__in=LIVE)",
        "A late worker ends what another one has in hand.",
        LIFE,
    ),
    Mutant(
        CLAIMS,
        "Prediction.objects.filter(pk=prediction.pk, phase=phase, claim=claim)",
        "Prediction.objects.filter(pk=prediction.pk, phase=phase)",
        "A late worker lengthens the lease of another one's claim.",
        LIFE,
    ),
    Mutant(
        COMPILED,
        '            "upstream_open": True,\n            "not_before": None,',
        '            "not_before": None,',
        "What is being started takes no slot at its provider.",
        ("tests/predictions/dispatch/test_dispatch_order.py", *LIFE),
    ),
    Mutant(
        CLAIMS,
        '            start_attempts=F("start_attempts") - 1,\n',
        "",
        "A refusal counts as a start that stopped its worker: after a few the prediction is set aside.",
        (*LIFE, "tests/predictions/execution/test_retries.py"),
    ),
    Mutant(
        CLAIMS,
        "if hopeless or prediction.start_attempts >= MAX_STARTS:",
        "if hopeless or prediction.start_attempts > MAX_STARTS:",
        "What stops its workers is started once more than it may.",
        SWEEP,
    ),
    Mutant(
        CLAIMS,
        '    unsent: dict[str, Any] = {"provider": ""} if doubt == strays.Doubt.NEVER_SENT else {}',
        '    unsent: dict[str, Any] = {"provider": ""}',
        "A start whose answer was lost is sent to another upstream too.",
        (
            "tests/predictions/dispatch/test_upstream_routing.py",
            "tests/predictions/execution/test_retries.py",
            "tests/predictions/upstreams",
        ),
    ),
    Mutant(
        CLAIMS,
        "phase=Phase.COLLECTING, claim=claim, job_seen_at__gt=after(-COLLECT_PATIENCE)",
        "phase=Phase.COLLECTING, claim=claim",
        "A file that can never be had is asked for without end.",
        (
            "tests/predictions/execution/test_result_downloads.py",
            "tests/predictions/execution/test_retries.py",
            *LIFE,
        ),
    ),
    Mutant(
        PROGRESS,
        "            _running(prediction)\n            .filter(revision=prediction.revision)\n",
        "            _running(prediction)\n",
        "A late look overwrites what another watcher has written.",
        ("tests/predictions/execution/test_watcher.py", *LIFE),
    ),
    Mutant(
        GROWING,
        "pk=prediction.pk, phase=Phase.RUNNING, run=prediction.run, status__in=LIVE\n        )\n"
        "        # This write locks",
        "pk=prediction.pk\n        )\n        # This write locks",
        "A file of a growing list is shown after its prediction has ended.",
        ("tests/predictions/execution/test_partial_outputs.py",),
    ),
    Mutant(
        STRAYS,
        "return newest if newest is not None and newest.run == prediction.run else None",
        "return newest",
        "What became of an earlier run is taken for what became of this one.",
        ("tests/predictions/lifecycle/test_conditional_updates.py",),
    ),
]

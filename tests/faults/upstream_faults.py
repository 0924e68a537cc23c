"""The faults of an upstream and their ends: what the member sees and pays, what was started there, what is logged.

Each row is one prediction at one upstream with one key that honours no idempotency keys unless the row says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from django.conf import settings

from tests.runner.sampling import one_in

NOTHING = "Nothing was charged"
BAD_ANSWER = "could not be used|answer .*was lost|could not be followed"


@dataclass(frozen=True)
class Case:
    """One fault and its end."""

    prompt: str
    """What follows `fault:` in the prompt; several with blanks between them."""
    end: str = "succeeded"
    starts: tuple[int, ...] = (1,)
    """How often each run of the prediction was really started there."""
    outcomes: tuple[str, ...] = ("succeeded",)
    """What became of each start, as the operator's list of runs says; equal ones in a row once."""
    paid: int = 1
    """Credits captured."""
    says: str = ""
    """A pattern that the member's `error` holds."""
    verbatim: bool = False
    """Whether `error` is the model's own text, to which nothing is added."""
    operator: str = ""
    """A pattern that the runs' answers, the key's error or the log holds."""
    log: str = ""
    """An event that stands in the log."""
    idempotent: bool = False
    kind: str = ""
    """What the key's last error is told as."""
    opened: bool = False
    """Whether the circuit opened on the way."""
    called_off: int = 0
    """How many predictions the service was asked to cancel."""
    given: dict[str, Any] = field(default_factory=dict)
    upstream: dict[str, Any] = field(default_factory=dict)
    """Columns of the upstream's row."""

    def __str__(self) -> str:
        return self.prompt.replace(" fault:", " ") + (" idempotent" if self.idempotent else "")


def fails(prompt: str, says: str = NOTHING, **more: Any) -> Case:
    """A case that ends failed with the hold given back."""
    values: dict[str, Any] = {"end": "failed", "paid": 0, "says": says, "outcomes": ("failed",), **more}
    return Case(prompt, **values)


def refused_once(prompt: str, kind: str, **more: Any) -> Case:
    """Refused the first time, taken the second: nothing was started by what was refused."""
    return Case(prompt, outcomes=("refused", "succeeded"), kind=kind, **more)


def lost(prompt: str, started: int, **more: Any) -> Case:
    """An answer that was lost where nobody may ask again: failed, given back, and a stray to look after."""
    starts = (1,) if started else ()
    return fails(prompt, "lost", starts=starts, outcomes=("lost",), log="possible_stray", **more)


def repeated(prompt: str, **more: Any) -> Case:
    """The same, where the service honours the key: asked again under it, and started once."""
    return Case(prompt, idempotent=True, outcomes=("succeeded",), **more)


def unusable(prompt: str, says: str = NOTHING, **more: Any) -> Case:
    """Done there, and of no use: failed and given back, though the upstream may want its money."""
    return fails(prompt, says, outcomes=("succeeded",), **more)


SHORT = {"read_s": 1.0}
CREATE = [
    # The operator's fault: it waits, the circuit opens, and it continues once the key works again.
    refused_once("create-401*1", "key", opened=True),
    refused_once("create-401-openai*1", "key", opened=True),
    refused_once("create-401-zh*1", "key", opened=True),
    refused_once("create-403*1", "key", opened=True),
    refused_once("create-402*1", "quota", opened=True),
    refused_once("create-402-zh*1", "quota", opened=True),
    refused_once("create-429-quota*1", "quota", opened=True),
    refused_once("create-200-error*1", "quota", opened=True),
    # The same for ever: nobody can take it.
    fails("create-401", "in time", starts=(), outcomes=("refused",), kind="key", opened=True),
    # Asked to wait: it waits, and nothing counts as a failure.
    refused_once("create-429=2*1", "rate"),
    refused_once("create-429-bare*1", "rate"),
    refused_once("create-429-date*1", "rate"),
    refused_once("create-429-openai*1", "rate"),
    refused_once("create-429-zh*1", "rate"),
    refused_once("create-503*1", "transient"),
    # Whose fault is the caller's: ends at once, in words that help.
    fails("create-422", "num_outputs", starts=(), outcomes=("refused",)),
    fails("create-422-fastapi", "less than or equal to 4", starts=(), outcomes=("refused",)),
    fails("create-413", "larger than", starts=(), outcomes=("refused",)),
    fails("create-400-safety", "safety system", starts=(), outcomes=("refused",)),
    fails("create-400-sensitive-zh", "敏感词", starts=(), outcomes=("refused",)),
    # A gateway that has nobody behind it for the model: asked again, and believed the third time.
    refused_once("create-503-zh*2", "", log="start_found_nobody"),
    fails("create-503-zh", "no room for it at present", starts=(), outcomes=("refused",)),
    # The operator's address is not the API's: as with a wrong key.
    refused_once("create-redirect*1", "address", opened=True, operator="give the address of the API itself"),
    fails("create-redirect", "in time", starts=(), outcomes=("refused",), kind="address", opened=True),
    # Nobody there knows the model.
    fails("create-404", starts=(), outcomes=("refused",)),
    fails("create-422-version", starts=(), outcomes=("refused",)),
    # Sent, and nobody knows.
    lost("create-500", 0),
    lost("create-500-zh", 0),
    lost("create-502", 0),
    lost("create-504", 0),
    lost("create-500-after", 1),
    lost("create-drop", 0),
    lost("create-drop-after", 1),
    lost("create-hang", 0, upstream=SHORT),
    lost("create-hang-after", 1, upstream=SHORT),
    lost("create-snail", 1, upstream=SHORT),
    lost("create-short", 1),
    lost("create-garbage", 1),
    lost("create-html", 1),
    lost("create-empty", 1),
    lost("create-list", 1),
    lost("create-string", 1),
    lost("create-null", 1),
    lost("create-types", 1),
    lost("create-huge=66", 1),
    lost("create-bomb", 1),
    lost("create-deep", 1),
    lost("create-no-id", 1),
    lost("create-nan", 1),
    lost("create-bigint", 1),
    lost("create-utf8", 1),
    lost("create-laughs", 1),
    lost("create-500-secret", 0),
    repeated("create-500*1"),
    repeated("create-500-after*1"),
    repeated("create-drop*1"),
    repeated("create-drop-after*2"),
    repeated("create-hang-after*1", upstream=SHORT),
    repeated("create-short*1"),
    repeated("create-html*1"),
    repeated("create-no-id*1"),
    fails("create-drop-after", "lost", idempotent=True, outcomes=("lost",), kind="transient", opened=True),
    # Unusual, but sufficient.
    Case("create-thin"),
    Case("create-slow=0.3"),
    Case("create-images"),
    Case("create-images-b64"),
    Case("create-images", given={"num_outputs": 3}, paid=3),
    Case("create-surrogate"),
    Case("create-cookie"),
    fails("create-nul", "c d", verbatim=True),
]
GET = [
    Case("get-500*3"),
    Case("get-502*1"),
    Case("get-429=1*2"),
    Case("get-401*1"),
    Case("get-404*2"),
    Case("get-drop*2"),
    Case("get-hang*1", upstream=SHORT),
    Case("get-html*1"),
    Case("get-empty*1"),
    Case("get-types*1"),
    fails("get-deep*1", "nested deeper"),
    fails("get-huge=66*1", "larger than 64 MiB"),
    fails("get-laughs*1", "too many values"),
    fails("get-bomb*1", "larger than 64 MiB"),
    Case("get-garbage*1"),
    Case("get-short*1"),
    Case("get-redirect*1"),
    Case("get-nul*1"),
    fails("get-types", "could not be understood"),
    # It confirms that it stopped; how it had ended nobody can ask, and nobody need.
    fails("get-500", "longer than", called_off=1, outcomes=("canceled",)),
]
RUN = [
    fails("run-fail=out+of+luck", "out of luck", verbatim=True),
    fails("run-fail-object", "CUDA out of memory", verbatim=True),
    fails("run-fail-silent", "no reason"),
    fails("run-nsfw", "NSFW", verbatim=True),
    fails("run-cancel", "canceled", outcomes=("canceled",)),
    fails("run-abort", "canceled", outcomes=("canceled",)),
    unusable("run-null", "could not be used"),
    fails("run-forever", "longer than", called_off=1, outcomes=("canceled",)),
    fails("run-unknown-forever", "longer than", called_off=1, outcomes=("canceled",)),
    Case("run-unknown"),
    Case("run-steps=processing+starting+warming+succeeded"),
    Case("run-steps=succeeded+processing"),
    Case("run-hidden=2"),
    Case("run-logs=3"),
    Case("run-partial", given={"num_outputs": 2}, paid=2),
    Case("run-cost=0.25"),
]
OUTPUT = [
    Case("output-gone=1", given={"num_outputs": 3}, paid=2),
    Case("output-500*1"),
    Case("output-drop*1"),
    Case("output-short*1"),
    Case("output-short*2"),
    Case("output-gone*2"),
    Case("output-403*2"),
    unusable("output-short", "arrived incomplete"),
    unusable("output-500", "answering with errors"),
    Case("output-type"),
    Case("output-redirect"),
    Case("output-data"),
    Case("output-string"),
    Case("output-vanish=1"),
    unusable("output-gone", "gone"),
    unusable("output-403", "gone"),
    unusable("output-html", "not a readable picture"),
    unusable("output-empty"),
    unusable("output-bomb"),
    unusable("output-huge=161"),
    unusable("output-huge-said"),
    unusable("output-redirect-private"),
    unusable("output-redirect-loop", "gone"),
    unusable("output-private"),
    unusable("output-file"),
    unusable("output-nul"),
    unusable("output-many", "more than"),
    unusable("output-text"),
    unusable("output-number"),
    unusable("output-none"),
]
FEW = 8
EVERY = [*CREATE, *GET, *RUN, *OUTPUT]


def _kind_of_end(case: Case) -> tuple[object, ...]:
    """What of an end the rows say."""
    came = (case.end, case.starts, case.outcomes, case.paid, case.called_off)
    return (*came, case.idempotent, case.kind, case.opened, case.log, sorted(case.given))


_KINDS = [
    list(alike)
    for _kind, alike in groupby(sorted(EVERY, key=lambda one: repr(_kind_of_end(one))), _kind_of_end)
]
# The first that ends in each way, of which a third is enough on PostgreSQL; the others differ from it in what the
# upstream said and a member reads.
ENDS = one_in(3 if settings.ON_POSTGRES else 1, [alike[0] for alike in _KINDS], str)
OTHERS = one_in(15, [case for alike in _KINDS for case in alike[1:]], str)
TRIED = [[*ENDS, *OTHERS][start : start + FEW] for start in range(0, len(ENDS) + len(OTHERS), FEW)]
"""A few together: the database is emptied after each few."""

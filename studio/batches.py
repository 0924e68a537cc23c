"""Batches: one submit of the form that requests several predictions (several prompts, several seeds, or both).

All are accepted together or none is, under one id (`Prediction.batch`), for the total that the button shows.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from accounts.models import Account, User
from predictions import policy
from predictions.models import Prediction, Version
from predictions.models.prediction import new_public_id
from predictions.pricing import calculator
from predictions.submit import acceptance, checks, validation, work_request
from studio.form import field_values
from studio.form.controls import PROMPTS
from studio.lineage import Origin

LARGEST = 64
"""Predictions per submit."""
MOST_SEEDS = 16
EACH_LINE = "each_line"
"""Form field: each line of the prompt is a prompt of its own."""
SEED_COUNT = "seed_count"
"""Form field: how many seeds each prompt is run with, counting up from the form's own."""
RANDOM_SEEDS = 1_000_000
"""Upper bound of the first seed where the form has none."""


class NotABatch(Exception):
    """The form does not describe a valid batch: the field at fault, and a message for the user."""

    def __init__(self, field: str, sentence: str) -> None:
        self.field, self.sentence = field, sentence
        super().__init__(sentence)


@dataclass(frozen=True)
class Series:
    """What makes a form a batch, as far as it can be read; never raises."""

    lines: int = 1
    seeds: int = 1
    each_line: bool = False

    @property
    def count(self) -> int:
        """Predictions requested, also more than `LARGEST`; 1 where it is no batch."""
        return max(1, self.lines) * max(1, self.seeds)

    @property
    def is_one(self) -> bool:
        """Whether the form requests a single prediction."""
        return self.count == 1


def series(version: Version, form: Mapping[str, str]) -> Series:
    """Number of prompts and seeds in a form, for the price; an invalid number of seeds counts as one."""
    each_line = EACH_LINE in form
    raw = form.get(SEED_COUNT, "").strip()
    seeds = int(raw) if len(raw) <= 3 and raw.isascii() and raw.isdigit() else 1
    lines = len(_lines(_prompt(version, form)[1][: policy.MAX_TEXT])) if each_line else 1
    return Series(lines, max(1, seeds) if "seed" in version.properties else 1, each_line)


def count_of(version: Version, form: Mapping[str, str]) -> int:
    """How many predictions a form requests."""
    return series(version, form).count


def quote(
    version: Version, form: Mapping[str, str], account: Account, model_input: dict[str, Any] | None = None
) -> int:
    """The most that all of a form's predictions can cost the account, in micro-credits; this much is held.

    Raises refusals.ModelNotAvailable. `model_input`: the input of one of them, where it is not the form's own.
    """
    model_input = field_values.read(version, form) if model_input is None else model_input
    count = count_of(version, form)
    if 1 < count <= LARGEST and _prices_differ(version):
        try:
            return sum(
                checks.quote(version, input_, account) for input_ in _combined(version, form, model_input)
            )
        except NotABatch:
            # Submitting it will fail, with the reason.
            pass
    return checks.quote(version, model_input, account) * count


def _prices_differ(version: Version) -> bool:
    """Whether predictions of one batch may differ in price: where a price rule depends on prompt or seed."""
    try:
        rules = calculator.current_price(version.model).rules
    except calculator.NoPrice:
        return False
    return any(rule.get("input") in {"seed", *PROMPTS} for rule in rules if isinstance(rule, dict))


def inputs(version: Version, form: Mapping[str, str]) -> list[dict[str, Any]]:
    """One input per prediction: every prompt with every seed, prompt by prompt. Raises NotABatch."""
    return _combined(version, form, field_values.read(version, form))


def _combined(version: Version, form: Mapping[str, str], model_input: dict[str, Any]) -> list[dict[str, Any]]:
    prompts = _prompts(version, form)
    seeds = _seeds(version, form, model_input)
    if len(prompts) * len(seeds) > LARGEST:
        words = {"prompts": len(prompts), "seeds": len(seeds), "limit": LARGEST}
        raise NotABatch(
            SEED_COUNT if len(prompts) <= LARGEST else EACH_LINE,
            _("%(prompts)s prompts with %(seeds)s seeds each are too many: at most %(limit)s at once.")
            % words,
        )
    return [model_input | prompt | seed for prompt in prompts for seed in seeds]


def accept(
    account: Account, user: User, version: Version, form: Mapping[str, str], origin: Origin, address: str = ""
) -> list[Prediction]:
    """Submit all of a form's predictions, all or none. Raises NotABatch, and what `acceptance.accept_all`
    raises.

    `address`: this server's origin as the page sees it, under which URLs of our own files are recognised.
    """
    all_inputs = inputs(version, form)
    if len(all_inputs) > 1:
        _check_lines(version, all_inputs)
    return accept_each(account, user, version, [(model_input, origin) for model_input in all_inputs], address)


def accept_each(
    account: Account,
    user: User,
    version: Version,
    requests: Sequence[tuple[dict[str, Any], Origin]],
    address: str,
) -> list[Prediction]:
    """Submit one prediction per input, each with its origin: all or none, as one batch where there are several.

    Raises what `acceptance.accept_all` raises.
    """
    batch_id = new_public_id() if len(requests) > 1 else ""
    return acceptance.accept_all(
        [
            work_request.Request(
                account=account,
                user=user,
                version=version,
                input=model_input,
                source="web",
                batch=batch_id,
                origin=address,
                made_from=origin.item_id,
                made_how=origin.how,
            )
            for model_input, origin in requests
        ]
    )


def _prompt(version: Version, form: Mapping[str, str]) -> tuple[str, str]:
    """The name of the model's prompt field and its text; empty where it has none."""
    name = next((name for name in PROMPTS if name in version.properties), "")
    return name, form.get(name, "") if name else ""


def _lines(text: str) -> list[str]:
    """The non-blank lines; split at line feeds alone, so that other separators stay within their prompt."""
    return [line.strip() for line in text.replace("\r\n", "\n").split("\n") if line.strip()]


def _prompts(version: Version, form: Mapping[str, str]) -> list[dict[str, Any]]:
    """The inputs that each prompt sets; `[{}]` where the form has no list."""
    if EACH_LINE not in form:
        return [{}]
    name, text = _prompt(version, form)
    if not name:
        raise NotABatch(EACH_LINE, _("This model takes no prompt, so there is no list to make."))
    if len(text) > policy.MAX_TEXT:
        raise NotABatch(
            EACH_LINE, _("The list is too long: at most %(limit)s characters.") % {"limit": policy.MAX_TEXT}
        )
    lines = _lines(text)
    if len(lines) > LARGEST:
        words = {"lines": len(lines), "limit": LARGEST}
        raise NotABatch(EACH_LINE, _("The list has %(lines)s prompts: at most %(limit)s at once.") % words)
    if not lines:
        raise NotABatch(name, _("Write what the picture should show."))
    return [{name: line} for line in lines]


def _seeds(version: Version, form: Mapping[str, str], model_input: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The inputs that each seed sets; `[{}]` for one. Each starts after the seeds that the former's outputs
    use."""
    raw = form.get(SEED_COUNT, "").strip()
    if raw in ("", "1"):
        return [{}]
    if not (len(raw) <= 3 and raw.isascii() and raw.isdigit() and 1 <= int(raw) <= MOST_SEEDS):
        raise NotABatch(
            SEED_COUNT,
            _("Seeds: from 1 to %(limit)s. You gave %(value)s.") % {"limit": MOST_SEEDS, "value": raw[:40]},
        )
    if "seed" not in version.properties:
        raise NotABatch(SEED_COUNT, _("This model takes no seed, so each prompt is made once."))
    first = model_input.get("seed")
    if first is None:
        # Predictable where the price depends on it: the button shows what will be held.
        first = 0 if _prices_differ(version) else secrets.randbelow(RANDOM_SEEDS)
    elif not isinstance(first, int):
        raise NotABatch("seed", _("Seed takes a number. You gave %(value)s.") % {"value": str(first)[:40]})
    step = max(1, calculator.requested_outputs(version, dict(model_input)))
    return [{"seed": first + index * step} for index in range(int(raw))]


def _check_lines(version: Version, all_inputs: list[dict[str, Any]]) -> None:
    """Report an invalid prompt with its line number; other faults are left to `submit`."""
    name = next((name for name in PROMPTS if name in version.properties), "")
    first = {model_input.get(name): number for number, model_input in reversed(list(enumerate(all_inputs)))}
    prompts = list(dict.fromkeys(model_input.get(name) for model_input in all_inputs))
    if len(prompts) < 2:
        return
    for line, prompt in enumerate(prompts, start=1):
        model_input = all_inputs[first[prompt]]
        faults = [fault for fault in validation.check(version, model_input) if fault.field == f"input.{name}"]
        faults = faults or policy.limit_faults({name: prompt})
        if faults:
            raise NotABatch(
                EACH_LINE,
                _("Prompt %(line)s of the list: %(fault)s") % {"line": line, "fault": faults[0].description},
            )

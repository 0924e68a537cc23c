"""Every fault of an upstream: its end, its status, the ledger, how often it was started there, and the log."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Sequence
from io import StringIO

import pytest
from django.conf import LazySettings
from django.test import Client

from accounts.models import MICRO, User
from config.log_config import ScrubbingFormatter
from config.management.commands.audit import all_breaches
from predictions import lifecycle
from predictions.api_dialects.common import status_extras
from predictions.models import Prediction, UpstreamKey, UpstreamRun
from predictions.upstreams import configuration
from tests import factories
from tests.faults import upstream_faults
from tests.faults.upstream_faults import Case
from tests.faults.upstream_scenario import (
    PLANTED,
    UpstreamScenario,
    assert_unsaid,
    everything_stored,
    make_version,
)
from tests.loopback_upstream import Upstream
from tests.runner.sampling import one_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def service() -> Iterator[Upstream]:
    with Upstream() as there:
        yield there


@pytest.fixture
def written() -> Iterator[StringIO]:
    """Everything that is logged, as standard error would have it."""
    root, into = logging.getLogger(), StringIO()
    handler = logging.StreamHandler(into)
    handler.setFormatter(_formatter(root))
    root.addHandler(handler)
    yield into
    root.removeHandler(handler)


def _formatter(root: logging.Logger) -> logging.Formatter:
    (found,) = {one.formatter for one in root.handlers if isinstance(one.formatter, ScrubbingFormatter)}
    assert found is not None
    return found


@pytest.fixture
def world(service: Upstream, alice: User, settings: LazySettings) -> Iterator[UpstreamScenario]:
    settings.UPSTREAM_PRIVATE = ["127.0.0.1"]
    world = UpstreamScenario(service, alice, make_version())
    world.begin_anew()
    yield world
    configuration.reset()


def in_prompt(case: Case) -> str:
    return "a cat " + " ".join(f"fault:{words}" for words in case.prompt.split())


Ends = Callable[[Sequence[Case]], None]


# By number: `tests/runner/sqlite_only.txt` knows tests by their names, and which few are together changes with the
# commit.
@pytest.mark.parametrize("cases", upstream_faults.TRIED, ids=map(str, range(len(upstream_faults.TRIED))))
def test_faults_end_as_they_should(cases: Sequence[Case], end_as_they_should: Ends) -> None:
    end_as_they_should(cases)


@pytest.fixture
def end_as_they_should(
    world: UpstreamScenario,
    written: StringIO,
    capfd: pytest.CaptureFixture[str],
    bearer: Callable[[User], dict[str, str]],
) -> Ends:
    """A function that lets faults happen, one after another, and looks at all that came of them."""
    headers = bearer(world.member)

    def end(cases: Sequence[Case]) -> None:
        for case in cases:
            world.begin_anew()
            written.truncate(written.seek(0))
            try:
                _ends(case, world, written, capfd, headers)
            except BaseException as error:
                error.add_note(f"The fault was: {case}")
                raise
        assert_unsaid(PLANTED, stored=everything_stored())
        assert [str(one) for one in all_breaches(quick=True)] == []

    return end


def _ends(
    case: Case,
    world: UpstreamScenario,
    written: StringIO,
    capfd: pytest.CaptureFixture[str],
    headers: dict[str, str],
) -> None:
    key, before = world.add(idempotent=case.idempotent, **case.upstream), world.balance()
    prediction = world.work(world.ask(in_prompt(case), **case.given))
    member = Client().get(f"/v1/predictions/{prediction.public_id}", headers=headers)
    said, printed = written.getvalue(), "".join(capfd.readouterr())
    assert_unsaid(PLANTED, log=said, printed=printed, member=member.content.decode())
    _the_member_sees(case, prediction, member.json()["darkroom"]["notice"])
    _the_ledger_says(case, world, prediction)
    assert world.balance() == before - case.paid * MICRO
    assert world.starts(prediction) == list(case.starts)
    assert world.outcomes(prediction) == list(case.outcomes)
    assert world.canceled_there() == case.called_off
    _the_operator_sees(case, prediction, UpstreamKey.objects.get(pk=key.pk), said)


def _the_member_sees(case: Case, prediction: Prediction, notice: str | None) -> None:
    assert (prediction.status, prediction.upstream_open) == (case.end, False), prediction.error
    assert re.search(case.says, prediction.error or ""), prediction.error
    for inner in ("Traceback", "127.0.0.1", "loop", "\x00", "\n"):
        assert inner not in (prediction.error or "")
    if case.end == "failed":
        assert notice == lifecycle.FREE
        assert str(prediction.error).endswith(lifecycle.FREE) != case.verbatim
    if case.end == "succeeded":
        assert notice == (None if case.paid == prediction.ceiling / MICRO else status_extras.DELIVERED_ONLY)
        assert prediction.outputs.count() == max(case.paid, 1)
        assert prediction.error is None
    else:
        assert prediction.output is None
        assert len(prediction.error or "") < 1000


def _the_ledger_says(case: Case, world: UpstreamScenario, prediction: Prediction) -> None:
    captured, released = world.settled(prediction)
    held = case.given.get("num_outputs", 1)
    assert (captured, released) == (case.paid, held - case.paid)
    assert factories.account_of(world.member).held == 0


def _the_operator_sees(case: Case, prediction: Prediction, key: UpstreamKey, said: str) -> None:
    assert key.state == UpstreamKey.State.CLOSED or case.kind in ("key", "quota", "address", "transient")
    if case.kind:
        assert key.error_kind == case.kind
    assert ("upstream_circuit_opened" in said) == case.opened
    if case.log:
        assert case.log in said
    answers = " ".join(UpstreamRun.objects.filter(prediction=prediction).values_list("answer", flat=True))
    assert re.search(case.operator, f"{answers} {key.error} {said}")


def test_the_search_for_the_key_would_find_it(world: UpstreamScenario) -> None:
    world.ask(f"a cat {PLANTED}")
    with pytest.raises(AssertionError, match="planted key was found in stored"):
        assert_unsaid(PLANTED, stored=everything_stored())


def test_logs_are_cut_with_a_line_that_says_so(world: UpstreamScenario) -> None:
    world.add()
    prediction = world.work(world.ask("a cat fault:run-logs=3"))
    assert prediction.status == "succeeded"
    assert len(prediction.logs) < 1024**2 + 200
    assert "cut" in prediction.logs[-200:]


def test_a_success_after_a_cancel_is_dropped_and_reported_to_the_operator(world: UpstreamScenario) -> None:
    world.add()
    prediction = world.ask("a cat fault:run-stubborn fault:run-seconds=600")
    world.round()
    assert lifecycle.cancel(prediction.public_id).status == "canceled"
    world.round()
    (job,) = world.there.service.jobs.values()
    job.seconds = 0.0
    prediction = world.work(prediction)
    assert (prediction.status, world.settled(prediction)) == ("canceled", (0, 1))
    assert world.outcomes(prediction) == ["dropped"]
    assert prediction.outputs.count() == 0


@pytest.mark.parametrize(
    "fault", one_in(5, ["500*2", "drop*1", "drop-after*1", "429=1*1", "html*1", "deep*1", "empty*1"])
)
def test_a_cancel_reaches_the_service_also_where_it_first_fails(world: UpstreamScenario, fault: str) -> None:
    world.add()
    prediction = world.ask(f"a cat fault:run-forever fault:cancel-{fault}")
    world.round()
    lifecycle.cancel(prediction.public_id)
    prediction = world.work(prediction)
    assert (prediction.status, prediction.upstream_open) == ("canceled", False)
    assert (world.canceled_there(), world.outcomes(prediction)) == (1, ["canceled"])


def test_what_it_knows_nothing_of_any_more_is_failed_or_made_anew(world: UpstreamScenario) -> None:
    world.add()
    prediction = world.ask("a cat fault:run-forever")
    world.round()
    _long_ago(prediction)
    world.there.service.jobs.clear()
    prediction = world.work(prediction)
    assert (prediction.status, world.starts(prediction), world.settled(prediction)) == ("failed", [1], (0, 1))


def test_what_an_idempotent_service_forgot_is_made_anew_under_another_key(world: UpstreamScenario) -> None:
    world.add(idempotent=True)
    prediction = world.ask("a cat fault:run-seconds=600")
    world.round()
    _long_ago(prediction)
    world.there.service.jobs.clear()
    world.there.service.by_key.clear()
    world.round()
    world.round()
    for job in world.there.service.jobs.values():
        job.seconds = 0.0
    prediction = world.work(prediction)
    assert (prediction.status, world.starts(prediction), world.settled(prediction)) == (
        "succeeded",
        [1, 1],
        (1, 0),
    )


def _long_ago(prediction: Prediction) -> None:
    """It was accepted longer ago than a service may need until it shows what it took."""
    Prediction.objects.filter(pk=prediction.pk).update(job_instance=str(int(time.time()) - 300))

"""Circuit breakers: which keys get work, which rest, and which are probed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from predictions.models import UpstreamKey
from predictions.providers.base import AnswerLost, ErrorKind, ProviderError
from predictions.upstreams import alerts, circuits
from tests import factories
from tests.predictions.upstreams import upstream_rows
from tests.support import races

pytestmark = pytest.mark.django_db
State = UpstreamKey.State


@pytest.fixture
def key() -> UpstreamKey:
    return upstream_rows.make_upstream().keys.get()


def error(kind: ErrorKind = "transient", **fields: Any) -> ProviderError:
    return ProviderError("They said no.", permanent=False, refused=True, kind=kind, **fields)


def fail(key: UpstreamKey, *kinds: ErrorKind, **fields: Any) -> UpstreamKey:
    for kind in kinds:
        circuits.failed(key.provider_name, error(kind, **fields))
    return again(key)


def again(key: UpstreamKey) -> UpstreamKey:
    return UpstreamKey.objects.get(pk=key.pk)


def rest_is_over(key: UpstreamKey, **fields: Any) -> None:
    UpstreamKey.objects.filter(pk=key.pk).update(
        open_until=timezone.now() - timedelta(seconds=circuits.QUESTION_FIRST_S + 1), **fields
    )


def seconds_until(at: Any) -> float:
    return float((at - timezone.now()).total_seconds())


@pytest.mark.parametrize("kind", ["key", "quota", "address"])
def test_a_refused_key_rests_at_once(key: UpstreamKey, kind: ErrorKind) -> None:
    found = fail(key, kind)
    assert (found.state, found.error_kind, found.openings) == (State.OPEN, kind, 1)
    assert 3 < seconds_until(found.open_until) <= 5
    assert circuits.unavailable() == {key.provider_name}


def test_passing_trouble_opens_the_circuit_with_the_third_in_a_row(key: UpstreamKey) -> None:
    assert fail(key, "transient", "transient").state == State.CLOSED
    circuits.succeeded(key.provider_name)
    assert fail(key, "transient", "transient").state == State.CLOSED
    assert circuits.unavailable() == set()
    assert fail(key, "transient").state == State.OPEN
    assert circuits.unavailable() == {key.provider_name}


def test_a_lost_answer_is_passing_trouble(key: UpstreamKey) -> None:
    for _ in range(3):
        circuits.failed(key.provider_name, AnswerLost("No answer."))
    assert again(key).state == State.OPEN


@pytest.mark.parametrize("kind", ["safety", "bad_input", "permanent", "channel"])
def test_what_is_the_callers_fault_or_the_models_never_counts(key: UpstreamKey, kind: ErrorKind) -> None:
    found = fail(key, *[kind] * 10)
    assert (found.state, found.failures, found.error_kind) == (State.CLOSED, 0, "")


def test_too_many_requests_rest_the_key_for_as_long_as_it_was_asked(key: UpstreamKey) -> None:
    found = fail(key, "rate", retry_after=120.0)
    assert (found.state, found.failures) == (State.CLOSED, 0)
    assert 115 < seconds_until(found.rest_until) <= 120
    assert circuits.unavailable() == {key.provider_name}
    assert not circuits.claim_probe(key.provider_name)
    UpstreamKey.objects.filter(pk=key.pk).update(rest_until=timezone.now() - timedelta(seconds=1))
    assert circuits.unavailable() == set()


def test_nobody_can_ask_a_key_to_rest_for_ever(key: UpstreamKey) -> None:
    assert seconds_until(fail(key, "rate", retry_after=1e9).rest_until) <= 3600


def test_of_many_askers_one_may_try_a_resting_key(key: UpstreamKey) -> None:
    fail(key, "key")
    assert not circuits.claim_probe(key.provider_name)
    rest_is_over(key)
    assert circuits.key_states().half_open == {key.provider_name}
    assert [circuits.claim_probe(key.provider_name) for _ in range(5)] == [True] + [False] * 4
    assert circuits.unavailable() == {key.provider_name}


def test_a_probe_that_succeeds_closes_the_circuit_and_forgets(key: UpstreamKey) -> None:
    fail(key, "key")
    rest_is_over(key)
    circuits.claim_probe(key.provider_name)
    circuits.succeeded(key.provider_name)
    found = again(key)
    assert (found.state, found.failures, found.openings, found.open_until) == (State.CLOSED, 0, 0, None)
    assert circuits.unavailable() == set() and circuits.key_states().half_open == set()


def test_each_probe_that_fails_doubles_the_rest_up_to_a_minute(key: UpstreamKey) -> None:
    fail(key, "key")
    rests = []
    for _ in range(6):
        rest_is_over(key)
        assert circuits.claim_probe(key.provider_name)
        rests.append(round(seconds_until(fail(key, "transient").open_until)))
    assert rests == [10, 20, 40, 60, 60, 60]


def test_a_probe_that_hears_of_bad_input_has_found_the_key_well(key: UpstreamKey) -> None:
    fail(key, "transient", "transient", "transient")
    rest_is_over(key)
    circuits.claim_probe(key.provider_name)
    assert fail(key, "bad_input").state == State.CLOSED


def test_a_probe_whose_asker_died_can_be_claimed_by_the_next(key: UpstreamKey) -> None:
    fail(key, "key")
    rest_is_over(key)
    assert circuits.claim_probe(key.provider_name)
    UpstreamKey.objects.filter(pk=key.pk).update(probe_until=timezone.now() - timedelta(seconds=4))
    assert circuits.key_states().half_open == {key.provider_name}
    assert circuits.claim_probe(key.provider_name)


def test_a_success_that_was_sent_before_does_not_close_an_open_circuit(key: UpstreamKey) -> None:
    fail(key, "quota")
    circuits.succeeded(key.provider_name)
    assert again(key).state == State.OPEN


def test_a_question_answered_well_is_a_smaller_proof_than_work(key: UpstreamKey) -> None:
    fail(key, "transient", "transient", "transient")
    rest_is_over(key)
    circuits.claim_probe(key.provider_name)
    circuits.succeeded(key.provider_name, is_health_check=True)
    assert again(key).state == State.CLOSED
    found = fail(key, "transient")
    assert found.state == State.OPEN and 8 < seconds_until(found.open_until) <= 10


def test_five_troubles_in_a_minute_open_it_whatever_succeeded_between(key: UpstreamKey) -> None:
    user = factories.make_user()
    for _ in range(5):
        prediction = factories.make_prediction(user)
        key.runs.create(
            prediction=prediction, upstream=key.upstream, run=0, outcome="refused", error_kind="transient"
        )
    assert fail(key, "transient").state == State.OPEN


def test_paused_and_disabled_ones_take_nothing(key: UpstreamKey) -> None:
    for column in ("paused", "enabled"):
        upstream = upstream_rows.make_upstream(**{column: column == "paused"})
        assert upstream.keys.get().provider_name in circuits.unavailable()
    other = upstream_rows.make_key(key.upstream, enabled=False)
    assert other.provider_name in circuits.unavailable()
    assert key.provider_name not in circuits.unavailable()


def test_a_model_that_they_do_not_know_rests_alone(key: UpstreamKey) -> None:
    model = factories.make_model("acme", "unknown-there")
    circuits.rest_route(key.provider_name, model.pk, "No such model.")
    circuits.rest_route(key.provider_name, model.pk, "No such model.")
    assert circuits.key_states().resting_routes == {(key.provider_name, "acme/unknown-there")}
    assert circuits.unavailable() == set()


def test_what_they_said_is_kept_without_secrets(key: UpstreamKey) -> None:
    circuits.failed(
        key.provider_name,
        error("key", answer="bad key planted-up or r8_abcdefgh12345678 \x00 Bearer abcdefghij"),
    )
    kept = again(key).error
    assert "r8_" not in kept and "abcdefghij" not in kept and "\x00" not in kept and "They said no." in kept


def test_the_operator_is_told_once_and_again_when_it_heals(key: UpstreamKey, settings: Any) -> None:
    settings.ALERT_EMAILS = ["ops@example.org"]
    for _ in range(3):
        fail(key, "key")
        rest_is_over(key)
        circuits.claim_probe(key.provider_name)
        circuits.succeeded(key.provider_name)
    alerts.wait()
    subjects = [message.subject for message in mail.outbox]
    assert [subject.rsplit(" ", 1)[-1] for subject in subjects] == ["rests", "again"]
    assert key.upstream.name in subjects[0] and "They said no." in mail.outbox[0].body


def test_a_mail_server_that_is_away_stops_nothing(
    key: UpstreamKey, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ALERT_EMAILS, settings.EMAIL_HOST, settings.EMAIL_PORT = ["ops@example.org"], "127.0.0.1", 9
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    assert fail(key, "key").state == State.OPEN
    alerts.wait()
    assert "alert_not_mailed" in caplog.text


def test_without_upstreams_nobody_is_asked(django_assert_num_queries: Any) -> None:
    circuits.unavailable()
    with django_assert_num_queries(0):
        assert circuits.unavailable() == set()


@pytest.mark.django_db(transaction=True)
def test_of_many_processes_that_ask_at_once_one_may_probe() -> None:
    key = upstream_rows.make_upstream().keys.get()
    fail(key, "key")
    rest_is_over(key)
    assert sorted(races.together([lambda: circuits.claim_probe(key.provider_name)] * 12)) == [False] * 11 + [
        True
    ]


@pytest.mark.django_db(transaction=True)
def test_many_failures_at_once_open_it_once_and_tell_once(settings: Any) -> None:
    settings.ALERT_EMAILS = ["ops@example.org"]
    key = upstream_rows.make_upstream().keys.get()
    outcomes = races.together([lambda: circuits.failed(key.provider_name, error("key"))] * 12)
    assert outcomes == [None] * 12
    found = again(key)
    assert (found.state, found.openings) == (State.OPEN, 1)
    alerts.wait()
    assert len(mail.outbox) == 1

"""Models with text output: one string at the end, or streamed strings."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import MICRO, User
from gallery.models import Item
from predictions import lifecycle, tasks
from predictions.api_dialects.common import status_extras
from predictions.models import Delivery, Output, Prediction, Version
from predictions.providers.base import Update
from predictions.submit import acceptance, work_request
from tests import factories, fakes
from tests.fakes import FakeProvider

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = {"type": "string", "title": "Output"}
STRINGS = {
    "type": "array",
    "items": {"type": "string"},
    "x-cog-array-type": "iterator",
    "x-cog-array-display": "concatenate",
    "title": "Output",
}


@pytest.fixture
def speaker(db: None) -> Version:
    """A version that gives one text, a credit a run."""
    return factories.make_version(output_schema=TEXT, unit="run")


@pytest.fixture
def streamer(db: None) -> Version:
    """A version that streams strings, a credit a run."""
    return factories.make_version(output_schema=STRINGS, unit="run")


def begun(user: User, version: Version, **fields: Any) -> Prediction:
    request = work_request.Request(
        account=user.account, user=user, version=version, input={"prompt": "a cat"}, **fields
    )
    prediction = acceptance.accept(request)
    tasks.start()
    return prediction


def look(prediction: Prediction) -> Prediction:
    """What readers see after one more look of the watcher."""
    Prediction.objects.update(look_at="2020-01-01T00:00:00Z")
    fakes.watch_once()
    prediction.refresh_from_db()
    return prediction


def so_far(*strings: str) -> Update:
    return Update("processing", output=list(strings))


def test_a_text_is_shown_at_the_end_and_paid_for_once(
    alice: User, speaker: Version, provider: FakeProvider
) -> None:
    provider.updates = [Update("processing", output="half"), Update("succeeded", output="the whole answer")]
    prediction = begun(alice, speaker)
    assert look(prediction).output is None
    look(prediction)
    tasks.collect()
    prediction.refresh_from_db()
    assert (prediction.status, prediction.output, prediction.charge) == (
        "succeeded",
        "the whole answer",
        MICRO,
    )
    assert not Output.objects.exists() and not Item.objects.exists()


def test_strings_are_seen_as_they_come_and_each_look_is_a_revision(
    alice: User, streamer: Version, provider: FakeProvider
) -> None:
    provider.updates = [so_far(), so_far("a"), so_far("a"), so_far("a", " b", " c")]
    prediction = begun(alice, streamer)
    seen = [(look(prediction).output, prediction.revision) for _ in range(4)]
    assert [output for output, _ in seen] == [None, ["a"], ["a"], ["a", " b", " c"]]
    assert [revision - seen[0][1] for _, revision in seen] == [0, 1, 1, 2]


def test_what_was_seen_never_shrinks_nor_changes_its_order(
    alice: User, streamer: Version, provider: FakeProvider
) -> None:
    provider.updates = [so_far("a", "b"), so_far("a"), so_far("b", "a", "c"), so_far(), so_far("a", "b", "c")]
    prediction = begun(alice, streamer)
    outputs = [look(prediction).output for _ in range(5)]
    assert outputs == [["a", "b"]] * 4 + [["a", "b", "c"]]


def test_new_strings_are_told_to_the_webhook_where_it_asked(
    alice: User, streamer: Version, provider: FakeProvider
) -> None:
    provider.updates = [so_far("a")]
    begun(alice, streamer, webhook="https://example.org/hook", webhook_events=("output",))
    assert not Delivery.objects.exists()
    fakes.watch_once()
    assert [row.event for row in Delivery.objects.all()] == ["output"]


@pytest.mark.parametrize(
    ("asked", "told"), [(("output",), ["output"]), (("output", "completed"), ["completed"])]
)
def test_the_last_of_an_output_is_told_once(
    alice: User, speaker: Version, provider: FakeProvider, asked: tuple[str, ...], told: list[str]
) -> None:
    provider.updates = [Update("succeeded", output="an answer")]
    prediction = begun(alice, speaker, webhook="https://example.org/hook", webhook_events=asked)
    look(prediction)
    tasks.collect()
    assert [row.event for row in Delivery.objects.all()] == told


def test_what_came_before_a_cancel_stays_readable(
    alice: User, streamer: Version, provider: FakeProvider
) -> None:
    provider.updates = [so_far("a", "b")]
    prediction = look(begun(alice, streamer))
    ended = lifecycle.cancel(prediction.public_id)
    assert (ended.shown_status, ended.output) == ("canceled", ["a", "b"])


@pytest.mark.parametrize("output", [None, 5, ["a"], {"text": "a"}])
def test_a_result_that_is_not_what_the_model_promises_is_given_back(
    alice: User, speaker: Version, provider: FakeProvider, output: Any
) -> None:
    provider.updates = [Update("succeeded", output=output)]
    prediction = begun(alice, speaker)
    look(prediction)
    tasks.collect()
    prediction.refresh_from_db()
    assert prediction.status == "failed" and "schema" in str(prediction.error)
    assert factories.account_of(alice).balance == 100 * MICRO


def test_characters_that_no_database_keeps_are_left_out(
    alice: User, streamer: Version, provider: FakeProvider
) -> None:
    provider.updates = [so_far("a\x00b"), Update("succeeded", output=["a\x00b", "c"])]
    prediction = begun(alice, streamer)
    assert look(prediction).output == ["ab"]
    look(prediction)
    tasks.collect()
    prediction.refresh_from_db()
    assert prediction.output == ["ab", "c"]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("It broke.", "It broke. Nothing was charged."),
        ("It broke", "It broke. Nothing was charged."),
        ("图片坏了。", "图片坏了。 Nothing was charged."),
        ("It broke. Nothing was charged.", "It broke. Nothing was charged."),
        ("x" * 3000, f"{'x' * 2000}. Nothing was charged."),
        ("", "The run failed without a reason. Nothing was charged."),
    ],
)
def test_what_darkroom_itself_says_of_a_failure_ends_with_its_price(said: str, shown: str) -> None:
    assert lifecycle.free(said) == shown


@pytest.mark.parametrize("ours", [True, False])
def test_the_models_own_words_stay_as_they_are_and_the_price_stands_beside_them(
    alice: User, speaker: Version, provider: FakeProvider, ours: bool
) -> None:
    provider.updates = [Update("failed", error="CUDA out of memory", error_is_ours=ours)]
    failed = look(begun(alice, speaker))
    assert failed.error == "CUDA out of memory" + (". Nothing was charged." if ours else "")
    assert status_extras.notice(failed) == "Nothing was charged."


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("as  it is, 小", "as  it is, 小"),
        ("one\ntwo\r\nthree\n", "one two three"),
        ("a\x00b", "ab"),
        ("\n", "The run failed without a reason."),
    ],
)
def test_an_error_keeps_its_words_on_one_line(
    alice: User, speaker: Version, provider: FakeProvider, said: str, shown: str
) -> None:
    provider.updates = [Update("failed", error=said)]
    assert look(begun(alice, speaker)).error == shown

"""Parsing of upstream responses of any shape, within limits."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import pytest

from predictions.providers.base import Kind, OutputRef, Update
from predictions.providers.http import api_client, output_references, response_reader
from predictions.providers.http.rate_limiter import Pace, pace_of, requested_wait, rest_by_limits
from predictions.providers.http.response_reader import Unreadable, parse
from predictions.providers.replicate import job_states
from predictions.providers.replicate.job_states import JobState
from predictions.providers.upstream import UpstreamConfig
from tests.runner.sampling import one_in

BASE = "https://gateway.example/replicate/v1"
SECRET = "planted-key-0123456789abcdef"
PNG = "data:image/png;base64,iVBORw0KGgo="


def said(data: Any, *, again: bool = True) -> JobState | None:
    return job_states.parse(data, base=BASE, secret=SECRET, repeatable=again)


def update(data: Any, *, again: bool = True) -> Update:
    found = said(data, again=again)
    assert found is not None and found.update is not None
    return found.update


def addresses(found: Update) -> list[str]:
    assert isinstance(found.output, list)
    assert all(isinstance(ref, OutputRef) for ref in found.output)
    return [ref.address for ref in found.output]


# -- shapes --------------------------------------------------------------------------------------------------


def test_a_thin_answer_names_a_job() -> None:
    assert said({"id": "qpt5jq1fssrmc0cmd5hvy31mdg", "status": "starting"}) == JobState(
        "qpt5jq1fssrmc0cmd5hvy31mdg", Update("starting")
    )


def test_pictures_in_the_shape_of_images_are_a_finished_result() -> None:
    found = update(
        {
            "created": 1589478378,
            "data": [{"url": "https://a.example/1.png"}, {"url": "https://a.example/2.png"}],
        }
    )
    assert found.kind == "succeeded"
    assert addresses(found) == ["https://a.example/1.png", "https://a.example/2.png"]
    assert [ref.name for ref in found.output] == ["1.png", "2.png"]


def test_pictures_as_base64_become_data_uris() -> None:
    picture = "iVBORw0KGgo" + "A" * 200
    found = update(
        {"created": 1, "data": [{"b64_json": picture}, {"url": None, "b64_json": picture}]}, again=False
    )
    assert addresses(found) == [f"data:image/png;base64,{picture}"] * 2
    assert [ref.content_type for ref in found.output] == ["image/png"] * 2


def test_an_answer_of_images_without_a_picture_has_failed() -> None:
    found = update({"created": 1, "data": []})
    assert (found.kind, found.error) == ("failed", "The provider answered without a picture.")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("starting", "starting"),
        ("queued", "starting"),
        ("processing", "processing"),
        ("IN-PROGRESS", "processing"),
        ("warming_up", "processing"),
        ("☃", "processing"),
        ("Succeeded", "succeeded"),
        ("completed", "succeeded"),
        ("suc\x00ceeded", "succeeded"),
        ("failed", "failed"),
        ("canceled", "canceled"),
        ("aborted", "canceled"),
    ],
)
def test_statuses_are_known_in_many_words_and_unknown_ones_go_on(status: str, kind: Kind) -> None:
    assert update({"id": "a1", "status": status, "output": "words"}).kind == kind


def test_an_unknown_status_is_kept_as_it_came() -> None:
    assert update({"id": "a1", "status": "Warming Up!"}).metrics == {"upstream_status": "Warming Up!"}


def test_an_answer_wrapped_by_a_gateway_is_unwrapped() -> None:
    assert said({"code": 0, "message": "ok", "data": {"id": "a1", "status": "starting"}}) == JobState(
        "a1", Update("starting")
    )


@pytest.mark.parametrize(
    "data",
    [
        None,
        7,
        "succeeded",
        [],
        [{"id": "a"}],
        {},
        {"id": ["a"]},
        {"id": ".."},
        {"id": "a/../b"},
        {"id": "a" * 201},
        {"data": [1, 2]},
        {"data": []},
        {"id": True},
        {"id": -1},
        {"id": "a b"},
        {"id": "a\n"},
        {"error": "no"},
    ],
)
def test_what_names_neither_job_nor_state_is_no_answer(data: Any) -> None:
    assert said(data) is None


def test_a_number_may_be_an_id() -> None:
    assert said({"id": 12, "status": "starting"}) == JobState("12", Update("starting"))


# -- outputs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("https://a.example/x.png", ["https://a.example/x.png"]),
        (
            ["https://a.example/x.png", None, "http://a.example/y"],
            ["https://a.example/x.png", "http://a.example/y"],
        ),
        ({"image": "https://a.example/x.png", "seed": 7}, ["https://a.example/x.png"]),
        (
            [["https://a.example/x.png"], ["https://a.example/y.png"]],
            ["https://a.example/x.png", "https://a.example/y.png"],
        ),
        ([{"url": "/files/x.png"}], ["https://gateway.example/files/x.png"]),
        ({"images": [{"url": "https://a.example/x.png", "width": 5}]}, ["https://a.example/x.png"]),
    ],
)
def test_files_are_found_in_outputs_of_every_form(output: Any, expected: list[str]) -> None:
    found = update({"id": "a1", "status": "succeeded", "output": output})
    assert addresses(found) == expected


@pytest.mark.parametrize(
    "output",
    [
        "a text",
        ["a ", "https://a.example/x", " text"],
        "see https://a.example/x.png",
        {"score": 0.5},
        42,
        None,
        ["file:///etc/passwd"],
        ["http://a b"],
        ["http://"],
        ["https://a.example/\n"],
        "https://[::1",
        "http://a:99999999/",
    ],
)
def test_what_is_no_address_stays_what_it_is(output: Any) -> None:
    assert update({"id": "a1", "status": "succeeded", "output": output}).output == output


def test_an_address_that_was_meant_as_text_is_there_as_it_came() -> None:
    found = update({"id": "a1", "status": "succeeded", "output": "https://a.example/x.png"})
    assert found.value == "https://a.example/x.png"


def test_a_data_uri_in_an_answer_that_can_be_had_again_is_left_there() -> None:
    data = {"id": "a1", "status": "succeeded", "output": ["https://a.example/x.png", PNG]}
    found = update(data)
    assert addresses(found) == ["https://a.example/x.png", "again:1"]
    assert found.value is None
    assert job_states.inline_file(data, 1, BASE) == PNG
    assert job_states.inline_file(data, 0, BASE) is None
    assert job_states.inline_file(data, 2, BASE) is None


def test_files_are_called_by_their_place_where_names_are_odd_or_twice() -> None:
    odd = ["https://a.example/%2e%2e%2fx", "https://a.example/a.png", "https://b.example/a.png?x=1"]
    found = update({"id": "a1", "status": "succeeded", "output": odd})
    assert [ref.name for ref in found.output] == ["out-0.bin", "out-1.png", "out-2.png"]


def test_many_files_are_seen_as_too_many_without_a_reference_for_each() -> None:
    found = update({"id": "a1", "status": "succeeded", "output": ["https://a.example/x.png"] * 100_000})
    assert len(found.output) == 65


def test_text_is_kept_without_nul_half_characters_and_infinite_numbers() -> None:
    found = update({"id": "a1", "status": "succeeded", "output": {"a\x00": ["b\x00", "\ud800", 1e999, 2]}})
    assert found.output == {"a": ["b", "?", None, 2]}


def test_text_beyond_all_measure_fails_the_run() -> None:
    found = update({"id": "a1", "status": "succeeded", "output": "x" * (output_references.MAX_VALUE + 1)})
    assert (found.kind, found.error_kind) == ("failed", "permanent")
    assert len(found.answer) < 5000


# -- the rest of a state -------------------------------------------------------------------------------------


def test_a_success_with_nothing_but_an_error_has_failed() -> None:
    found = update({"id": "a1", "status": "succeeded", "output": None, "error": "CUDA out of memory"})
    assert (found.kind, found.error) == ("failed", "CUDA out of memory")


@pytest.mark.parametrize(
    ("error", "text", "kind"),
    [
        (
            "NSFW content detected. Try running it again.",
            "NSFW content detected. Try running it again.",
            "safety",
        ),
        (
            "The input or output was flagged as sensitive. (E005)",
            "The input or output was flagged as sensitive. (E005)",
            "safety",
        ),
        ({"code": "E1", "message": "CUDA\nout of memory"}, "CUDA out of memory", "transient"),
        (["first", "second"], "first", "transient"),
        (None, "The provider gave no reason.", "transient"),
        (7, "The provider gave no reason.", "transient"),
        ("Insufficient credit on the account of ACME", "The provider could not do this work.", "quota"),
        ("invalid api key r8_abcdefghijklmnop", "The provider could not do this work.", "key"),
        (f"crashed with {SECRET}", "crashed with [secret]", "transient"),
    ],
)
def test_a_failure_says_why_in_one_line_and_whose_fault_it_is(error: Any, text: str, kind: str) -> None:
    found = update({"id": "a1", "status": "failed", "error": error})
    assert (found.kind, found.error, found.error_kind) == ("failed", text, kind)
    assert SECRET not in found.answer


def test_logs_are_cut_to_a_mebibyte_with_a_line_that_says_so() -> None:
    found = update({"id": "a1", "status": "processing", "logs": "多" * 1024 * 1024})
    assert len(found.logs.encode()) <= 1024 * 1024
    assert found.logs.endswith("\n[The log was cut here: it is longer than 1 MiB.]\n")


@pytest.mark.parametrize(
    ("logs", "text"), [(None, ""), ({"a": 1}, ""), (7, ""), (["a", "b"], "a\nb"), ("a\x00b", "ab")]
)
def test_logs_of_every_type_are_text(logs: Any, text: str) -> None:
    assert update({"id": "a1", "status": "processing", "logs": logs}).logs == text


@pytest.mark.parametrize(
    ("progress", "expected"),
    [(0.25, 0.25), (40, 0.4), ("37%", 0.37), (True, None), (-1, None), ("x", None), ([], None)],
)
def test_progress_is_understood_where_it_makes_sense(progress: Any, expected: float | None) -> None:
    assert update({"id": "a1", "status": "processing", "progress": progress}).progress == expected


def test_metrics_are_their_plain_numbers() -> None:
    theirs = {
        "predict_time": 1.5,
        "total_time": 2,
        "odd name": 1,
        "list": [1],
        "huge": 10**400,
        "minus": -1,
        "yes": True,
    }
    found = update({"id": "a1", "status": "succeeded", "output": "x", "metrics": theirs})
    assert found.metrics == {"predict_time": 1.5, "total_time": 2}


@pytest.mark.parametrize(
    ("body", "cost"),
    [
        ({"metrics": {"cost": 0.003}}, 0.003),
        ({"metrics": {"cost": "0.0125"}}, 0.0125),
        ({"usage": {"total_cost": 0.5, "tokens": 3}}, 0.5),
        ({"usage": {"input_tokens": 3, "output_tokens": 4}}, {"input_tokens": 3, "output_tokens": 4}),
        ({"cost": -1}, None),
        ({"usage": "much"}, None),
    ],
)
def test_what_a_run_cost_is_passed_on(body: dict[str, Any], cost: Any) -> None:
    found = update({"id": "a1", "status": "succeeded", "output": "x", **body})
    assert found.metrics.get("upstream_cost") == cost


@pytest.mark.parametrize("seed", one_in(5, range(7, 12)))
def test_no_answer_of_any_types_breaks_the_reader(seed: int) -> None:
    dice = random.Random(seed)
    leaves: list[Any] = [
        None,
        True,
        -1,
        10**400,
        1e308,
        "",
        "x",
        "https://a.example/x.png",
        PNG,
        "succeeded",
        "\x00\ud800",
    ]
    names = [
        "id",
        "status",
        "output",
        "data",
        "error",
        "logs",
        "metrics",
        "usage",
        "url",
        "b64_json",
        "progress",
        "cost",
    ]

    def grow(depth: int) -> Any:
        kind = dice.randrange(4 if depth < 4 else 2)
        if kind == 2:
            return [grow(depth + 1) for _ in range(dice.randrange(4))]
        if kind == 3:
            return {dice.choice(names): grow(depth + 1) for _ in range(dice.randrange(6))}
        return dice.choice(leaves)

    for _ in range(1000):
        data = {
            "status": dice.choice(["succeeded", "failed", "processing", 3]),
            **{name: grow(0) for name in names[2:]},
        }
        for again in (True, False):
            found = said(dice.choice([data, grow(0)]), again=again)
            assert found is None or found.update is None or isinstance(found.update.logs, str)


# -- reading -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "it is empty"),
        (b"  \n", "it is empty"),
        (b"<html><body>hello</body></html>", "it is an HTML page"),
        (b"hello", "it is no JSON"),
        (b'{"a": 1', "it is no JSON"),
        (b'{"a": NaN}', "it is no JSON"),
        (b"9" * 100_000, "it is no JSON"),
        (b'{"a": "\xff\xfe"}', "it is not UTF-8"),
        ('{"id": "a"}'.encode("utf-16"), "it is not UTF-8"),
        (b"[" * 65 + b"]" * 65, "it is nested deeper than 64 levels"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "it is nested deeper than 64 levels"),
        (b"[" * 500_000, "it is nested deeper than 64 levels"),
        (b"[" + b"[]," * 600_000 + b"[]]", "it holds too many values"),
        (b"[" + b"1," * 1_100_000 + b"1]", "it holds too many values"),
        (b'"' + b'\\"' * 1_100_000 + b'"', "it holds too many values"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else None,
)
def test_what_is_no_usable_json_is_unreadable(body: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        parse(body)


@pytest.mark.parametrize(
    "value",
    [
        {"a": "[" * 1000 + '"' + "{" * 1000},
        {"a": "\\" * 999 + '"', "b": ["\\"]},
        {"logs": "x" * 3_000_000},
        [[[[["deep"]]]]],
        {"多": "\U0001f600"},
    ],
)
def test_what_only_looks_nested_is_read(value: Any) -> None:
    assert parse(json.dumps(value, ensure_ascii=False).encode()) == value


def test_escaped_quotes_hide_no_nesting() -> None:
    with pytest.raises(Unreadable, match="nested deeper"):
        response_reader.check_shape(b'{"a": "\\\\", "b": ' + b"[" * 70)
    response_reader.check_shape(b'{"a": "\\\\\\", ' + b"[" * 70 + b'"}')


# -- pace ----------------------------------------------------------------------------------------------------


def test_a_key_is_used_so_many_times_a_second_and_no_more() -> None:
    pace, now = Pace(10), 1000.0
    waits = [pace.take(100, now)[1] for _ in range(30)]
    assert sum(wait == 0 for wait in waits) == 10
    assert waits[-1] == pytest.approx(2.0)


def test_a_slow_key_may_be_used_at_once_after_a_pause() -> None:
    pace = Pace(0.5)
    assert pace.take(0, 1000.0) == (True, 0.0)
    assert pace.take(0.5, 1001.0) == (False, pytest.approx(1.0))
    assert pace.take(0, 1002.0) == (True, 0.0)


def test_nobody_asks_while_the_service_wants_rest_but_those_who_look_after_what_runs() -> None:
    pace = Pace(100)
    pace.rest(3600, 1000.0)
    assert pace.take(5, 1061.0) == (False, pytest.approx(3539))
    assert pace.take(5, 1061.0, rests_at_most=60) == (True, 0.0)


def test_a_shorter_rest_does_not_end_a_longer_one() -> None:
    pace = Pace(100)
    pace.rest(30, 1000.0)
    pace.rest(1, 1001.0)
    assert pace.resting(1002.0) == pytest.approx(28)


def test_one_key_has_one_pace_until_its_secret_changes() -> None:
    config = UpstreamConfig("pace-test", "g", BASE, "secret-one", False, 1, 1, 5.0, 1, 1, "auto", None, 1, 1)
    assert pace_of(config) is pace_of(replace(config, requests_per_second=7.0))
    assert pace_of(config) is not pace_of(replace(config, secret="secret-two"))


@pytest.mark.parametrize(
    ("secret", "seen"),
    [("secret-one", b"key [secret], picture Pnone4="), ("none", b"key secret-one, picture Pnone4=")],
)
def test_a_key_that_a_service_repeats_is_hidden_unless_it_is_too_short_to_be_one(
    secret: str, seen: bytes
) -> None:
    config = UpstreamConfig("pace-test", "g", BASE, secret, False, 1, 1, 5.0, 1, 1, "auto", None, 1, 1)
    assert api_client.Api(config)._hide(b"key secret-one, picture Pnone4=") == seen


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"ratelimit-remaining": "0", "ratelimit-reset": "5"}, 5.0),
        ({"ratelimit-remaining": "3", "ratelimit-reset": "5"}, None),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m2s"}, 60.0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "250ms"}, 0.25),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1000000001"}, 0.0),
        ({"ratelimit": "limit=10, remaining=0, reset=4"}, 4.0),
        ({"ratelimit": '"default";r=0;t=9'}, 9.0),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "<script>"}, None),
        ({}, None),
    ],
)
def test_headers_say_when_more_is_allowed(headers: dict[str, str], seconds: float | None) -> None:
    assert rest_by_limits(headers) == seconds


def test_a_date_to_wait_until_is_understood() -> None:
    assert requested_wait({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}) == 3600.0

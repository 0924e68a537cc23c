"""Classification of errors, from real response bodies of services."""

from __future__ import annotations

import json
from typing import Any

import pytest

from predictions.providers.base import ErrorKind
from predictions.providers.http.error_classifier import Verdict, classify, for_operators, one_line
from predictions.providers.http.response_reader import Unreadable, parse
from tests.loopback_upstream import error_bodies

SECRET = "planted-key-0123456789abcdef"


def verdict(status: int, body: bytes, headers: dict[str, str] | None = None) -> Verdict:
    try:
        data: Any = parse(body)
    except Unreadable:
        data = body.decode(errors="replace")
    return classify(status, headers or {}, data, SECRET)


def problem(status: int, title: str, detail: str, **more: Any) -> tuple[int, bytes]:
    return status, json.dumps({"title": title, "detail": detail, "status": status, **more}).encode()


def openai(
    status: int, message: str, kind: str = "invalid_request_error", code: Any = None
) -> tuple[int, bytes]:
    body = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    return status, json.dumps(body, ensure_ascii=False).encode()


def plain(status: int, body: Any) -> tuple[int, bytes]:
    return status, json.dumps(body, ensure_ascii=False).encode()


def page(status: int, text: str) -> tuple[int, bytes]:
    return (
        status,
        f"<!doctype html><html><head><style>.a{{}}</style></head><body><h1>{text}</h1></body></html>".encode(),
    )


REAL: list[tuple[str, tuple[int, bytes], ErrorKind]] = [
    # Replicate
    ("no token", problem(401, "Unauthenticated", "You did not pass a valid authentication token"), "key"),
    ("old 401", plain(401, {"detail": "Invalid token."}), "key"),
    (
        "credit",
        problem(
            402,
            "Insufficient credit",
            "You have insufficient credit to run this model. Go to https://r/billing",
        ),
        "quota",
    ),
    (
        "spend limit",
        problem(402, "Monthly spend limit reached", "You've reached your monthly spend limit."),
        "quota",
    ),
    (
        "throttled",
        problem(429, "Too many requests", "Request was throttled. Your rate limit resets in ~30s."),
        "rate",
    ),
    (
        "throttled for little credit",
        problem(
            429,
            "Request was throttled",
            "Your rate limit for creating predictions is reduced to 6 requests per minute with a burst of 1 requests"
            " while you have less than $5.0 in credit. Your rate limit resets in ~4s.",
        ),
        "rate",
    ),
    (
        "input",
        problem(
            422,
            "Input validation failed",
            "- input.num_outputs: Must be less than or equal to 4\n",
            invalid_fields=[{"type": "x", "field": "input.num_outputs", "description": "Must be at most 4"}],
        ),
        "bad_input",
    ),
    (
        "version",
        problem(
            422,
            "Invalid version or not permitted",
            "The specified version does not exist (or perhaps you don't have permission to use it?)",
        ),
        "permanent",
    ),
    ("no model", problem(404, "Not found", "The requested resource could not be found."), "permanent"),
    ("forbidden", problem(403, "Forbidden", "You do not have permission to perform this action."), "key"),
    ("internal", problem(500, "Internal server error", "Something went wrong."), "transient"),
    ("down", problem(503, "Service unavailable", "Try again later."), "transient"),
    (
        "prompt refused by another Darkroom",
        problem(422, "Prompt not allowed", "The prompt has words that violate this server's content policy."),
        "safety",
    ),
    (
        "another Darkroom without provider",
        problem(422, "Model not available", "Model a/b is not available."),
        "permanent",
    ),
    # OpenAI and what speaks like it
    ("openai key", openai(401, "Incorrect API key provided: sk-ab****wxyz.", code="invalid_api_key"), "key"),
    (
        "openai quota",
        openai(
            429,
            "You exceeded your current quota, please check your plan.",
            "insufficient_quota",
            "insufficient_quota",
        ),
        "quota",
    ),
    (
        "openai rate",
        openai(429, "Rate limit reached for images per minute", "requests", "rate_limit_exceeded"),
        "rate",
    ),
    (
        "openai moderation",
        openai(
            400,
            "Your request was rejected as a result of our safety system.",
            "image_generation_user_error",
            "moderation_blocked",
        ),
        "safety",
    ),
    (
        "openai policy",
        openai(400, "This request has been blocked.", code="content_policy_violation"),
        "safety",
    ),
    (
        "openai billing",
        openai(400, "Billing hard limit has been reached", code="billing_hard_limit_reached"),
        "quota",
    ),
    (
        "openai model",
        openai(404, "The model `x` does not exist or you do not have access to it.", code="model_not_found"),
        "permanent",
    ),
    (
        "openai overloaded",
        openai(503, "The engine is currently overloaded, please try again later", "server_error"),
        "transient",
    ),
    (
        "openai size",
        openai(400, "Invalid value: '3x3'. Supported values are: '1024x1024'.", code="invalid_value"),
        "bad_input",
    ),
    ("deactivated", openai(403, "The account is deactivated.", code="account_deactivated"), "key"),
    # FastAPI
    (
        "fastapi",
        plain(
            422,
            {
                "detail": [
                    {"loc": ["body", "input", "width"], "msg": "must be a multiple of 64", "type": "value"}
                ]
            },
        ),
        "bad_input",
    ),
    ("fastapi words", plain(400, {"detail": "Invalid image format"}), "bad_input"),
    ("fastapi 401", plain(401, {"detail": "Not authenticated"}), "key"),
    # Gateways in Chinese
    ("zh key", openai(401, "无效的令牌 (request id: 2025)", "new_api_error"), "key"),
    ("zh expired", openai(401, "该令牌已过期", "one_api_error"), "key"),
    ("zh disabled as 200", plain(200, {"code": 401, "msg": "令牌状态不可用"}), "key"),
    (
        "zh quota as 403",
        openai(403, "用户额度不足, 剩余额度: $0.000000", code="insufficient_user_quota"),
        "quota",
    ),
    (
        "zh pre-consume",
        openai(403, "预扣费额度失败, 用户剩余额度: $0.01", "new_api_error", "pre_consume_token_quota_failed"),
        "quota",
    ),
    (
        "zh balance as 200",
        plain(200, {"code": 500, "message": "账户余额不足，请充值后再试", "data": None}),
        "quota",
    ),
    ("zh balance as 500", plain(500, {"message": "余额不足"}), "quota"),
    ("zh rate", openai(429, "请求过于频繁，请稍后再试", "new_api_error"), "rate"),
    ("zh rate as 400", plain(400, {"msg": "请求过于频繁，请稍后再试"}), "rate"),
    (
        "zh sensitive",
        openai(400, "提示词包含敏感词，请修改后重试", code="sensitive_words_detected"),
        "safety",
    ),
    ("zh review", plain(400, {"code": 1301, "message": "内容未通过审核"}), "safety"),
    ("zh no channel", openai(503, "当前分组 default 下对于模型 sdxl 无可用渠道"), "channel"),
    (
        "zh no channel by code",
        openai(503, "分组 vip 下模型 sdxl 无可用渠道（distributor）", code="model_not_found"),
        "channel",
    ),
    ("no channel", openai(503, "No available channel for model sdxl under group default"), "channel"),
    ("channel by code", openai(500, "failed", code="get_channel_failed"), "channel"),
    ("zh load", openai(429, "当前分组上游负载已饱和，请稍后再试", "new_api_error"), "rate"),
    ("zh busy", plain(500, {"message": "系统繁忙，请稍后重试"}), "transient"),
    ("zh model", openai(404, "模型 foo/bar 不存在"), "permanent"),
    ("zh parameter", plain(400, {"message": "参数错误: width"}), "bad_input"),
    # Proxies, pages and nothing
    ("nginx 502", page(502, "502 Bad Gateway"), "transient"),
    ("nginx 413", page(413, "413 Request Entity Too Large"), "bad_input"),
    ("cloudflare 403", page(403, "Attention Required! | Cloudflare"), "key"),
    ("maintenance", page(503, "We are down for maintenance"), "transient"),
    ("empty 500", (500, b""), "transient"),
    ("empty 400", (400, b""), "bad_input"),
    ("empty 401", (401, b""), "key"),
    ("empty 429", (429, b""), "rate"),
    ("prose", (500, b"upstream connect error or disconnect/reset before headers"), "transient"),
    ("a list", plain(400, [{"message": "Invalid parameter"}]), "bad_input"),
    ("a number", plain(500, 7), "transient"),
    ("null", plain(502, None), "transient"),
    ("teapot", (418, b"short and stout"), "permanent"),
    ("legal", (451, b""), "safety"),
]


@pytest.mark.parametrize(("answer", "kind"), [row[1:] for row in REAL], ids=[row[0] for row in REAL])
def test_it_tells_whose_fault_an_error_is(answer: tuple[int, bytes], kind: ErrorKind) -> None:
    assert verdict(*answer).kind == kind


KINDS: dict[str, ErrorKind] = {
    "400-safety": "safety",
    "400-sensitive-zh": "safety",
    "401": "key",
    "401-openai": "key",
    "401-zh": "key",
    "402": "quota",
    "402-zh": "quota",
    "403": "key",
    "404": "permanent",
    "413": "bad_input",
    "422": "bad_input",
    "422-fastapi": "bad_input",
    "422-version": "permanent",
    "429": "rate",
    "429-bare": "rate",
    "429-date": "rate",
    "429-openai": "rate",
    "429-quota": "quota",
    "429-zh": "rate",
    "500": "transient",
    "500-secret": "transient",
    "500-zh": "transient",
    "502": "transient",
    "503": "transient",
    "503-zh": "channel",
    "504": "transient",
    "200-error": "quota",
}


@pytest.mark.parametrize("name", KINDS)
def test_it_tells_whose_fault_the_loopback_services_errors_are(name: str) -> None:
    status, headers, body = error_bodies.refusal(name, "", f"Bearer {SECRET}") or (0, {}, b"")
    assert verdict(status, body, headers).kind == KINDS[name]


def test_the_caller_reads_what_is_wrong_with_the_input_field_by_field() -> None:
    status, body = problem(
        422,
        "Input validation failed",
        "- input: prompt is required\n- input.width: Must be a multiple of 64\n",
        invalid_fields=[
            {"type": "required", "field": "input", "description": "prompt is required"},
            {"type": "multiple_of", "field": "input.width", "description": "Must be a multiple of 64"},
        ],
    )
    assert verdict(status, body).words == "input: prompt is required; input.width: Must be a multiple of 64"


def test_the_caller_reads_fastapis_faults_too() -> None:
    body = {
        "detail": [{"loc": ["body", "input", "seed"], "msg": "value is not a valid integer", "type": "int"}]
    }
    assert verdict(*plain(422, body)).words == "input.seed: value is not a valid integer"


@pytest.mark.parametrize("name", ["401", "402", "429", "500-secret", "403", "404"])
def test_the_caller_reads_nothing_of_the_operators_troubles(name: str) -> None:
    status, headers, body = error_bodies.refusal(name, "", f"Bearer {SECRET}") or (0, {}, b"")
    assert verdict(status, body, headers).words == ""


def test_the_callers_words_are_one_line_of_at_most_500_characters() -> None:
    words = verdict(*openai(400, "Invalid value:\r\n\x1b[31m" + "多" * 3000 + "\u202egnp")).words
    assert len(words) == 500
    assert words.isprintable()


@pytest.mark.parametrize(
    "said",
    [
        f"Bad header Authorization: Bearer {SECRET}",
        "Bearer abcdefghijklmnop is not valid",
        "token r8_AbCdEfGhIjKlMnOpQrSt was not found",
        "Incorrect API key provided: sk-proj-abcdefghijklmnopqrst",
        "Incorrect API key provided: sk-ab****************wxyz.",
        '{"authorization": "Token abcdefghijklmnop"}',
    ],
)
def test_neither_summary_nor_answer_says_a_key(said: str) -> None:
    for status, body in (
        plain(401, {"detail": said, "title": said}),
        (500, said.encode()),
        openai(400, said),
    ):
        found = verdict(status, body)
        for text in (found.summary, found.words, found.answer, repr(found)):
            for part in (SECRET, "abcdefghijklmnop", "r8_Ab", "sk-ab**", "wxyz"):
                assert part not in text


def test_a_page_is_read_without_its_markup() -> None:
    assert verdict(*page(502, "Bad Gateway")).summary == "The service answered 502: Bad Gateway"


def test_the_answer_for_the_operator_is_cut_and_has_no_nul() -> None:
    text = for_operators({"detail": "x\x00y" * 100_000, "list": ["z"] * 100_000})
    assert len(text) < 4100
    assert "\x00" not in text


@pytest.mark.parametrize(
    "body", [{"error": {"error": {"error": {"error": {"message": "deep"}}}}}, {"errors": [1, [2]]}]
)
def test_odd_error_bodies_are_no_trouble(body: Any) -> None:
    assert classify(500, {}, body).kind == "transient"


@pytest.mark.parametrize(
    ("headers", "said", "seconds"),
    [
        ({"retry-after": "7"}, "", 7.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, "", 0.0),
        ({"retry-after": "999999999"}, "", 3600.0),
        ({"retry-after": "soon"}, "", None),
        ({"retry-after": "-5"}, "", None),
        ({"retry-after-ms": "1500"}, "", 1.5),
        ({}, "Request was throttled. Expected available in 3 seconds.", 3.0),
        ({}, "Your rate limit resets in ~30s.", 30.0),
        ({}, "Please try again in 20ms.", 0.02),
        ({}, "Please retry after 2 minutes.", 120.0),
        ({}, "请求过于频繁，请 10 秒后再试", 10.0),
        ({}, "Too many requests", None),
    ],
)
def test_it_reads_for_how_long_to_wait(headers: dict[str, str], said: str, seconds: float | None) -> None:
    assert classify(429, headers, {"detail": said}).retry_after == seconds


def test_a_line_for_people_hides_what_only_controls_a_screen() -> None:
    assert one_line("a\x07b\u2028c\td\ud800") == "a b c d?"

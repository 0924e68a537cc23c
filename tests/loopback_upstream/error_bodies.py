"""What services really say when they refuse: Replicate's problems, OpenAI's errors, FastAPI's, gateways' in Chinese."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

Answer = tuple[int, dict[str, str], bytes]
NGINX = (
    "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n"
    "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
PAGE = "<!DOCTYPE html><html><head><title>Welcome</title></head><body><p>Please sign in.</p></body></html>"


def problem(status: int, title: str, detail: str, **more: Any) -> Answer:
    """Replicate's form."""
    body = {"title": title, "detail": detail, "status": status, **more}
    return status, {"content-type": "application/problem+json"}, json.dumps(body).encode()


def openai(status: int, message: str, kind: str, code: str | None, **headers: str) -> Answer:
    """OpenAI's form, also that of one-api and new-api."""
    body = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    return _json(status, body, **headers)


def _json(status: int, body: Any, **headers: str) -> Answer:
    sent = {"content-type": "application/json; charset=utf-8", **headers}
    return status, sent, json.dumps(body, ensure_ascii=False).encode()


def _html(status: int, text: str) -> Answer:
    return status, {"content-type": "text/html"}, text.encode()


def refusal(kind: str, argument: str, authorization: str) -> Answer | None:
    """The answer of a fault that is a status; None where the fault is of another sort."""
    make = _MADE_FROM_ARGUMENT.get(kind)
    if make is not None:
        return make(argument, authorization)
    return _FIXED.get(kind)


def _wait(argument: str, _authorization: str) -> Answer:
    seconds = argument or "1"
    status, headers, body = problem(
        429, "Too many requests", f"Request was throttled. Your rate limit resets in ~{seconds}s."
    )
    return (
        status,
        {**headers, "retry-after": seconds, "ratelimit-remaining": "0", "ratelimit-reset": seconds},
        body,
    )


def _wait_until(argument: str, _authorization: str) -> Answer:
    until = datetime.now(UTC) + timedelta(seconds=float(argument or 2))
    status, headers, body = problem(429, "Too many requests", "Request was throttled.")
    return status, {**headers, "retry-after": format_datetime(until, usegmt=True)}, body


def _wait_openai(argument: str, _authorization: str) -> Answer:
    text = (
        "Rate limit reached for images per minute in organization org-loopback: Limit 5, Used 5, Requested 1."
    )
    return openai(429, text, "requests", "rate_limit_exceeded", **{"retry-after": argument or "1"})


def _secret(_argument: str, authorization: str) -> Answer:
    text = f"KeyError while handling request with headers {{'Authorization': '{authorization}'}}"
    return problem(500, "Internal server error", text, token=authorization.rpartition(" ")[2])


_MADE_FROM_ARGUMENT = {
    "429": _wait,
    "429-date": _wait_until,
    "429-openai": _wait_openai,
    "500-secret": _secret,
}
_REQUEST = "(request id: 20251107084204123456789abcdefgh)"
_FIXED: dict[str, Answer] = {
    "400-safety": openai(
        400,
        "Your request was rejected as a result of our safety system. Your prompt may contain text that is not allowed"
        " by our safety system.",
        "image_generation_user_error",
        "moderation_blocked",
    ),
    "400-sensitive-zh": openai(
        400, f"提示词包含敏感词，请修改后重试 {_REQUEST}", "new_api_error", "sensitive_words_detected"
    ),
    "401": problem(401, "Unauthenticated", "You did not pass a valid authentication token"),
    "401-openai": openai(
        401, "Incorrect API key provided: r8_lo****0001.", "invalid_request_error", "invalid_api_key"
    ),
    "401-zh": openai(401, f"无效的令牌 {_REQUEST}", "new_api_error", None),
    "402": problem(
        402,
        "Insufficient credit",
        "You have insufficient credit to run this model. Go to https://replicate.com/account/billing to purchase"
        " credit. Once you purchase credit, please wait a few minutes before trying again.",
    ),
    "402-zh": openai(
        403, f"用户额度不足, 剩余额度: ＄0.000000 {_REQUEST}", "new_api_error", "insufficient_user_quota"
    ),
    "403": problem(403, "Forbidden", "You do not have permission to perform this action."),
    "404": problem(404, "Not found", "The requested resource could not be found."),
    "413": _html(413, NGINX.format("413 Request Entity Too Large")),
    "422": problem(
        422,
        "Input validation failed",
        "- input.num_outputs: Must be less than or equal to 4\n",
        invalid_fields=[
            {
                "type": "number_lte",
                "field": "input.num_outputs",
                "description": "Must be less than or equal to 4",
            }
        ],
    ),
    "422-fastapi": _json(
        422,
        {
            "detail": [
                {
                    "type": "less_than_equal",
                    "loc": ["body", "input", "num_outputs"],
                    "msg": "Input should be less than or equal to 4",
                    "input": 9,
                }
            ]
        },
    ),
    "422-version": problem(
        422,
        "Invalid version or not permitted",
        "The specified version does not exist (or perhaps you don't have permission to use it?)",
    ),
    "429-bare": problem(429, "Too many requests", "Request was throttled."),
    "429-quota": openai(
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        "insufficient_quota",
        "insufficient_quota",
    ),
    "429-zh": openai(429, f"请求过于频繁，请稍后再试 {_REQUEST}", "new_api_error", "rate_limit"),
    "500": problem(500, "Internal server error", "Something went wrong on our side."),
    "500-zh": openai(500, f"上游服务异常，请联系管理员 {_REQUEST}", "upstream_error", "do_request_failed"),
    "502": _html(502, NGINX.format("502 Bad Gateway")),
    "503": (
        503,
        {"content-type": "application/problem+json", "retry-after": "1"},
        b'{"title":"Service unavailable","detail":"Try again later.","status":503}',
    ),
    "503-zh": openai(
        503, f"当前分组 default 下对于模型 stable-diffusion 无可用渠道 {_REQUEST}", "new_api_error", None
    ),
    "504": _html(504, NGINX.format("504 Gateway Time-out")),
    "200-error": _json(200, {"code": 500, "message": "账户余额不足，请充值后再试", "data": None}),
}
NOT_FOUND = _FIXED["404"]
UNAUTHENTICATED = _FIXED["401"]
FORBIDDEN = _FIXED["403"]
BROKEN = _FIXED["500"]

"""Patterns of upstream error texts, in English and Chinese, by cause.

Matched against truncated lower-case text. Each phrase is used by some service; single words are avoided, because
"credit", "limit" or "key" occur in many unrelated sentences.
"""

from __future__ import annotations

import re

from predictions.providers.base import ErrorKind


def _any(*phrases: str) -> re.Pattern[str]:
    return re.compile("|".join(phrases))


RATE = _any(
    r"too many requests",
    r"was throttled",
    r"rate.?limit",
    r"requests? per (second|minute|hour|day)",
    r"(rpm|tpm|qps) limit",
    r"slow down",
    r"请求(过于频繁|太频繁|过多|频率)",
    r"频率(限制|超限)",
    r"速率限制",
    r"超(出|过)(了)?(请求)?(频率|速率|并发)",
    r"限流",
    r"稍后(再试|重试).*(频繁|限制)",
)
QUOTA = _any(
    r"insufficient.{0,20}(credit|balance|quota|fund|token)",
    r"(exceeded|over) (your|the) (current |monthly |daily )?(quota|budget|spend)",
    r"(credit|balance|quota|fund)s? ((is|are|was|has been|have been) )?"
    r"(too low|insufficient|exhausted|depleted|used up)",
    r"(out of|run out of|no remaining|not enough) (credit|balance|quota|fund)",
    r"(billing|spend(ing)?) (hard )?limit",
    r"payment (is )?required",
    r"(add|buy|purchase) (more )?credit",
    r"quota.?(exceeded|not enough|exhausted)",
    r"billing (is )?not active",
    r"余额(不足|已用完|不够)",
    r"(额度|配额)(不足|已?用(完|尽)|不够|已?耗尽|超限)",
    r"欠费",
    r"请(先)?充值",
    r"账户(已)?(欠费|余额)",
    r"预扣费",
)
KEY = _any(
    r"(invalid|incorrect|wrong|expired|revoked|disabled|missing|unknown).{0,24}(api.?key|token|credential)",
    r"(api.?key|token|credential)s? .{0,24}(invalid|incorrect|expired|revoked|disabled|missing|not valid|not found)",
    r"(did not|didn't) (pass|provide).{0,30}(token|api.?key)",
    r"unauthenticated",
    r"unauthori[sz]ed",
    r"authentication (failed|required|credentials)",
    r"not authenticated",
    r"account (is |has been |was )?(suspended|deactivated|disabled|banned|blocked)",
    r"(无效|错误|非法)的?(令牌|密钥|api.?key|token)",
    r"(令牌|密钥|api.?key|token)(已)?(无效|错误|失效|过期|不存在|被禁用|状态不可用|验证失败|不正确)",
    r"未(提供|携带)(令牌|密钥|token|api.?key)",
    r"(鉴权|认证|身份验证)(失败|错误)",
    r"未授权",
    r"(账号|账户|用户)(已)?被?(封禁|禁用|停用|冻结)",
)
SAFETY = _any(
    r"nsfw",
    r"content.?(policy|filter|moderat)",
    r"(safety|moderation)[ _](system|filter|check|polic|block|violation|setting|guideline)",
    r"moderation_blocked",
    r"(flagged|blocked|rejected|refused|filtered).{0,40}"
    r"(sensitive|safety|moderation|inappropriate|unsafe|harmful|policy)",
    r"(sensitive|inappropriate|unsafe|prohibited|harmful|explicit|sexual) "
    r"(content|material|image|prompt|word|input|output)",
    r"violat\w+ (our |the |their )?([\w-]+ ){0,3}(polic|guideline|terms|safety)",
    r"copyrighted material",
    r"\be005\b",
    r"敏感(词|内容|信息|图片)?",
    r"(违规|违法|不当|不安全|色情)(内容|信息|词|图片|提示)?",
    r"内容(安全|审核|审查)",
    r"(未通过|不通过)审核",
    r"涉(黄|政|暴)",
)
OVERLOADED = _any(
    r"overloaded",
    r"(at|over|no|insufficient) capacity",
    r"temporarily unavailable",
    r"service (is )?(temporarily )?unavailable",
    r"(under|down for|in) maintenance",
    r"(queue|server) (is )?(full|busy)",
    r"no (available|healthy) (upstream|worker|gpu|backend|instance|provider)",
    r"try again (later|soon|in a)",
    r"负载(已)?(饱和|过高|过载)",
    r"(服务|系统|服务器)(繁忙|忙|暂不可用|不可用|维护)",
    r"稍后(再试|重试)",
    r"排队(人数)?(已满|过多)",
)
UNKNOWN_MODEL = _any(
    r"(version|model).{0,60}"
    r"(does not exist|doesn't exist|not found|not exist|not available|not supported|no access|disabled)",
    r"(unknown|unsupported|invalid|no such) (model|version)",
    r"(not permitted|no permission|don't have (access|permission)).{0,40}(model|version|resource)",
    r"模型.{0,20}(不存在|未找到|不支持|无权|未配置|已下线|不可用)",
    r"(不支持|没有|无权(访问|使用))(该|此|的)?模型",
    r"版本.{0,20}(不存在|无效|未找到)",
)
NO_CHANNEL = _any(
    r"no (available|healthy|enabled|usable) channels?\b",
    r"no channels? (is |are )?(available|for (the |this )?(model|group))\b",
    r"无可用的?(渠道|通道)",
    r"没有可用的?(渠道|通道)",
)
"""A gateway that knows the model but has no backend for it now."""
BAD_INPUT = _any(
    r"(input )?validation (failed|error)",
    r"(invalid|missing|unexpected|unsupported) (input|parameter|param|field|value|argument|type|image|format)",
    r"(is|are) (a )?required( property)?$",
    r"must be (less|greater|one of|a multiple|at (least|most)|between)",
    r"(参数|输入).{0,10}(错误|无效|缺失|不合法|不正确|校验失败)",
)

CODES: dict[str, ErrorKind] = {
    "invalid_api_key": "key",
    "invalid_token": "key",
    "token_invalid": "key",
    "authentication_error": "key",
    "unauthenticated": "key",
    "unauthorized": "key",
    "access_denied": "key",
    "account_deactivated": "key",
    "account_suspended": "key",
    "token_expired": "key",
    "insufficient_quota": "quota",
    "insufficient_user_quota": "quota",
    "insufficient_balance": "quota",
    "insufficient_credits": "quota",
    "pre_consume_token_quota_failed": "quota",
    "billing_hard_limit_reached": "quota",
    "billing_not_active": "quota",
    "quota_exceeded": "quota",
    "rate_limit_exceeded": "rate",
    "rate_limit_error": "rate",
    "requests": "rate",
    "too_many_requests": "rate",
    "moderation_blocked": "safety",
    "content_policy_violation": "safety",
    "content_filter": "safety",
    "responsibleaipolicyviolation": "safety",
    "sensitive_words_detected": "safety",
    "image_generation_user_error": "safety",
    "model_not_found": "permanent",
    "model_not_supported": "permanent",
    "get_channel_failed": "channel",
    "server_error": "transient",
    "internal_error": "transient",
    "overloaded_error": "transient",
    "engine_overloaded": "transient",
    "upstream_error": "transient",
    "do_request_failed": "transient",
}
"""Values of `error.code` and `error.type`, lower case: more reliable than prose."""

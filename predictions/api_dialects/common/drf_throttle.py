"""DRF throttle with the rate limits of the API dialects: by account, or by network where no sign-in is needed."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts.models import Account
from core.net import client_ip
from predictions.api_dialects.common import rate_limits


class RateThrottle(BaseThrottle):
    """Counts a request like the dialects do; `request.rate_limit_status` then holds what is left."""

    def __init__(self) -> None:
        self.wait_s: float | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        try:
            limit_status = self._count(request, view)
        except rate_limits.Throttled as throttled:
            limit_status, self.wait_s = throttled.limit_status, throttled.retry_after_s
        request._request.rate_limit_status = limit_status  # type: ignore[attr-defined]
        return self.wait_s is None

    def wait(self) -> float | None:
        return self.wait_s

    def _count(self, request: Request, view: Any) -> rate_limits.LimitStatus | None:
        account = getattr(view, "account", None) if request.user and request.user.is_authenticated else None
        if not isinstance(account, Account):
            return rate_limits.count_network_request(client_ip.rate_limit_key(request._request))
        kind = rate_limits.kind_of(request._request, creates=False)
        return rate_limits.count_request(
            kind, account, view.kwargs.get("prediction_id", "") if kind == "poll" else ""
        )

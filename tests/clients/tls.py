"""A transport for Python clients."""

from __future__ import annotations

import httpx


class BehindTls(httpx.HTTPTransport):
    """The way through a proxy that ends TLS: what the client calls https arrives as http, and says so."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(scheme="http")
        request.headers["X-Forwarded-Proto"] = "https"
        return super().handle_request(request)

"""What every HTTP client of this project has in common."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import socket
import ssl
from typing import Any

import pytest

from core.net import http_client
from predictions.inputs import user_urls
from predictions.providers.base import ProviderError
from predictions.providers.http import connection_pool
from predictions.providers.http.api_client import Api
from predictions.providers.registry import EngineConfig, embedded_engine
from tests.predictions.providers.test_upstream_provider import config
from tests.servers.file_server import FileServer


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[ssl.SSLContext]:
    """The TLS contexts that are made from now on, in a process that has none yet."""
    made: list[ssl.SSLContext] = []
    make = ssl.create_default_context

    def noted(*given: Any, **named: Any) -> ssl.SSLContext:
        made.append(make(*given, **named))
        return made[-1]

    http_client.tls_context.cache_clear()
    monkeypatch.setattr(ssl, "create_default_context", noted)
    return made


async def closed(*made: http_client.AsyncClient) -> None:
    for one in made:
        await one.aclose()


def test_all_clients_of_a_process_share_one_tls_context(made: list[ssl.SSLContext]) -> None:
    one = config("https://upstream.example/v1")
    many = [user_urls.http_client_for_users(timeout_s=1) for _ in range(3)]
    asyncio.run(closed(*many, connection_pool.inside(one), connection_pool.outside(one)))
    assert len(made) == 1
    assert made[0].verify_mode == ssl.CERT_REQUIRED and made[0].check_hostname


def test_a_client_of_the_engine_makes_none(made: list[ssl.SSLContext]) -> None:
    engine = embedded_engine(EngineConfig(socket_path="/nowhere", secret="s", slots=1))
    asyncio.run(closed(engine._client()))
    assert made == []


def test_no_client_follows_redirects_or_heeds_a_proxy() -> None:
    client = user_urls.http_client_for_users(timeout_s=1)
    assert not client.follow_redirects and not client.trust_env
    asyncio.run(closed(client))


def test_an_upstreams_name_is_looked_at_whenever_it_is_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was public when it was written down; who has the name may lead it inside on any later day."""
    real = socket.getaddrinfo

    def resolver(host: Any, *rest: Any, **named: Any) -> Any:
        return real("127.0.0.1" if host in ("far.example", b"far.example") else host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    with FileServer({"/v1/models": (200, {}, b"{}")}) as server:
        url = f"http://far.example:{server.url.rpartition(':')[2]}/v1"
        for allowed in (False, True):
            api = Api(dataclasses.replace(config(url), allow_private=allowed))
            with contextlib.ExitStack() as expected:
                if not allowed:
                    expected.enter_context(pytest.raises(ProviderError, match=connection_pool.INNER))
                asyncio.run(api.request_api("GET", "/models", lambda answer: answer.status, patience=1.0))
            assert server.asked == ["/v1/models"] * allowed

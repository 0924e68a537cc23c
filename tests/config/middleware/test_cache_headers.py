"""What every answer tells browsers and caches: who may keep it, what a page may run, and whether TLS is a must."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.test import Client, override_settings

from accounts.models import User
from gallery.shares import share_links
from predictions.models import Version
from tests import factories
from tests.runner.sampling import one_in
from tests.support.picture_items import picture_item

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.django_db
PRIVATE_PAGES = (
    "/studio/", "/library/", "/library/trash/", "/account/", "/account/tokens/", "/account/credits/",
    "/account/notices/", "/accounts/email/", "/accounts/2fa/", "/accounts/password/change/", "/library/links/",
    "/account/webhooks/",
)  # fmt: skip
PRIVATE_DATA = (
    "/api/me", "/api/ledger", "/api/tokens", "/api/items", "/api/collections", "/api/predictions", "/api/notices",
    "/api/shares", "/api/nowhere", "/v1/predictions", "/v1/account", "/v1/files", "/v1/models",
    "/replicate/v1/predictions", "/openai/v1/models",
)  # fmt: skip


@pytest.fixture
def headers(alice: User) -> dict[str, str]:
    return {"Authorization": f"Bearer {factories.make_token(alice)}"}


@pytest.mark.parametrize("path", PRIVATE_PAGES)
def test_nobody_keeps_a_copy_of_a_private_page(
    alice: User, version: Version, client: Client, path: str
) -> None:
    client.force_login(alice)
    answer = client.get(path, follow=True)
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("path", PRIVATE_DATA)
def test_nobody_keeps_a_copy_of_private_data(client: Client, headers: dict[str, str], path: str) -> None:
    assert "no-store" in client.get(path, headers=headers)["Cache-Control"]
    assert "no-store" in client.get(path)["Cache-Control"], "of a refusal neither"


def test_nobody_keeps_a_copy_of_what_a_post_answers(
    client: Client, headers: dict[str, str], version: Version
) -> None:
    for path, body in (
        ("/api/tokens", {"name": "a"}),
        ("/v1/predictions", {"version": version.pk, "input": {"prompt": "a"}}),
        ("/openai/v1/images/generations", {}),
    ):
        answer = client.post(path, body, content_type="application/json", headers=headers)
        assert "no-store" in answer["Cache-Control"]


def test_a_picture_may_be_kept_by_the_browser_as_before(alice: User, client: Client) -> None:
    item = picture_item(alice, visibility="public")
    kept = client.get(f"/gallery/{item.public_id}/picture/small")
    assert "no-store" not in kept["Cache-Control"]
    assert kept["ETag"]
    again = client.get(f"/gallery/{item.public_id}/picture/small", headers={"If-None-Match": kept["ETag"]})
    assert (again.status_code, again["Cache-Control"]) == (304, kept["Cache-Control"])


def test_nobody_keeps_a_copy_of_what_a_password_locks(alice: User, client: Client) -> None:
    item = picture_item(alice)
    locked, free = share_links.share(item, alice, password="a quiet red lamp"), share_links.share(item, alice)
    client.post(f"/s/{locked.token}/open/", {"password": "a quiet red lamp"})
    opened = client.get(f"/s/{locked.token}/")
    assert "no-store" in opened["Cache-Control"]
    assert "no-store" not in client.get(f"/s/{free.token}/")["Cache-Control"]


def test_going_back_to_the_gallery_needs_no_new_page(client: Client) -> None:
    # Browsers keep a page that may be stored as it was, scrolled where it was.
    assert "no-store" not in client.get("/gallery/")["Cache-Control"]


@pytest.mark.parametrize(
    "path", ["/", "/gallery/", "/accounts/login/", "/docs/", "/nowhere/", "/api/docs", "/admin/"]
)
def test_every_page_has_its_policies(path: str, client: Client) -> None:
    client.force_login(User.objects.create_superuser("boss", "boss@example.org", "correct horse"))
    answer = client.get(path)
    policy = answer["Content-Security-Policy"]
    for rule in ("default-src 'self'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"):
        assert rule in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
    for feature in ("camera", "microphone", "geolocation", "payment"):
        assert f"{feature}=()" in answer["Permissions-Policy"]


def test_transport_security_is_told_where_the_operator_wants_it(client: Client) -> None:
    assert "Strict-Transport-Security" not in client.get("/gallery/")
    with override_settings(HSTS="max-age=3600"):
        for path in ("/gallery/", "/v1/account", "/api/me", "/admin/"):
            assert client.get(path)["Strict-Transport-Security"] == "max-age=3600"


def told(tmp_path: Path, code: str, **settings: str) -> Any:
    return subprocess.run(
        [sys.executable, "-c", f"from config import settings; print({code})"],
        cwd=ROOT, env={**os.environ, "DARKROOM_DATA": str(tmp_path), **settings}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "value"),
    one_in(
        3,
        [
            (
                {"DARKROOM_HSTS_SECONDS": "3600", "DARKROOM_HSTS_SUBDOMAINS": "1"},
                "max-age=3600; includeSubDomains",
            ),
            ({"DARKROOM_HSTS_SECONDS": "3600"}, "max-age=3600"),
            ({}, ""),
        ],
    ),
)
def test_the_setting_is_in_seconds(tmp_path: Path, settings: dict[str, str], value: str) -> None:
    done = told(tmp_path, "settings.HSTS", DARKROOM_PUBLIC_URL="https://here.example", **settings)
    assert done.stdout.strip() == value, done.stderr


def test_transport_security_without_tls_stops_the_start(tmp_path: Path) -> None:
    done = told(
        tmp_path, "settings.HSTS", DARKROOM_HSTS_SECONDS="3600", DARKROOM_PUBLIC_URL="http://here.example"
    )
    assert done.returncode and "DARKROOM_HSTS_SECONDS wants a DARKROOM_PUBLIC_URL" in done.stderr


@pytest.mark.parametrize(
    ("url", "names"),
    one_in(
        3,
        [
            ("https://here.example", "__Host-sessionid __Host-csrftoken True True"),
            ("http://here.example", "sessionid csrftoken False False"),
        ],
    ),
)
def test_behind_tls_no_other_host_can_set_our_cookies(tmp_path: Path, url: str, names: str) -> None:
    code = (
        "getattr(settings, 'SESSION_COOKIE_NAME', 'sessionid'), getattr(settings, 'CSRF_COOKIE_NAME', 'csrftoken'), "
        "settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE"
    )
    assert told(tmp_path, code, DARKROOM_PUBLIC_URL=url).stdout.strip() == names

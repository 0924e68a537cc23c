"""Nobody who comes first pays for it: what the first requests of a web process meet is there before them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.deployment.conftest import StartWeb, member_token
from tests.servers import installation_template
from tests.servers.installations import Installation
from tests.support.source_rules import ROOT

TOGETHER = 20
LOADED_BY_REQUESTS = """
import json, sys
import config.asgi
before = set(sys.modules)
from django.test import Client
from accounts.tokens import api_tokens
from accounts.models import User
from accounts.personal_accounts import ensure_account
user = User.objects.create(username="mia", email="mia@localhost.localdomain")
ensure_account(user)
headers = {"Authorization": "Bearer " + api_tokens.issue(user, "test")[1]}
before |= set(sys.modules)
client = Client()
statuses = [client.get(path, headers=headers).status_code for path in ("/v1/predictions", "/api/me", "/")]
client.post("/accounts/login/", {"login": "mia", "password": "wrong"})
client.post("/accounts/signup/", {"username": "m", "email": "m", "password1": "a", "password2": "b"})
client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
statuses += [client.get(path).status_code for path in ("/studio/", "/library/", "/gallery/", "/account/")]
print(json.dumps({"statuses": statuses, "loaded": sorted(set(sys.modules) - before)}))
"""


@pytest.mark.redis
def test_a_burst_of_first_requests_is_answered_where_redis_counts(
    start_web: StartWeb, redis_url: str
) -> None:
    web = start_web(DARKROOM_REDIS_URL=redis_url)
    token = member_token(web.installation)
    assert (
        web.listens().at_once([web.request("/v1/predictions", token) for _one in range(TOGETHER)])
        == [200] * TOGETHER
    )


def test_first_requests_load_no_module(tmp_path: Path) -> None:
    installation = Installation(tmp_path / "data", DARKROOM_PROCESS_ROLE="web")
    installation_template.prepare_data(installation.data, database=True)
    ended = subprocess.run(
        [sys.executable, "-c", LOADED_BY_REQUESTS],
        cwd=ROOT, env=installation.env, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert json.loads(ended.stdout) == {"statuses": [200] * 7, "loaded": []}


def test_a_web_process_with_an_empty_data_folder_serves_pages(start_web: StartWeb, tmp_path: Path) -> None:
    installation_template.prepare_data(tmp_path / "first")
    web = start_web(
        bare=True,
        DARKROOM_DATABASE_URL=f"sqlite://{tmp_path}/first/darkroom.sqlite3",
        DARKROOM_SECRET_KEY="k" * 50,
        DARKROOM_KEYS=Fernet.generate_key().decode(),
    ).listens()
    assert web.at_once([web.request("/") for _one in range(TOGETHER)]) == [200] * TOGETHER
    assert web.get("/readyz").json()["status"] == "ok"
    assert web.get("/f/nothing/here.png").status_code == 404

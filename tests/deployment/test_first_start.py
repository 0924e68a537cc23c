"""A newcomer's first minute on a real installation: what the server prints is enough to get a picture."""

from __future__ import annotations

import http.cookiejar
import io
import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from tests.config.test_file_permissions import open_to_others
from tests.servers.installations import Installation, eventually, run_installation

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def running() -> Iterator[Installation]:
    # As most systems have it: what the installation itself does not protect, others can read.
    before = os.umask(0o022)
    try:
        with run_installation(bare=True) as one:
            yield one
    finally:
        os.umask(before)


def line(one: Installation, start: str) -> str:
    """The only line that it said which begins so; it comes at the first start."""
    (found,) = eventually(lambda: [said for said in one.said if said.startswith(start)])
    return str(found)


def paste(words: list[str]) -> Any:
    """What curl answers to the line; where there is no curl, the same request by hand."""
    if shutil.which("curl"):
        return json.loads(subprocess.run([*words, "-sS"], capture_output=True, check=True, timeout=60).stdout)
    headers = dict(after.split(": ", 1) for word, after in itertools.pairwise(words) if word == "-H")
    body = words[words.index("-d") + 1].encode()
    with urllib.request.urlopen(urllib.request.Request(words[3], body, headers), timeout=60) as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def pasted(running: Installation) -> dict[str, Any]:
    """What became of the line that was pasted into a shell."""
    words = shlex.split(line(running, "curl "))
    answer = paste(words)
    running.token = next(word for word in words if "Bearer" in word).rpartition(" ")[2]
    path = urllib.parse.urlsplit(answer["urls"]["get"]).path

    def ended() -> dict[str, Any] | None:
        state: dict[str, Any] = running.request(path)[1]
        return state if state["status"] not in {"starting", "processing"} else None

    found: dict[str, Any] = eventually(ended, 120)
    return found


def test_the_pasted_line_ends_in_a_picture_that_needs_no_token(
    running: Installation, pasted: dict[str, Any]
) -> None:
    assert pasted["status"] == "succeeded", pasted
    with urllib.request.urlopen(pasted["output"][0], timeout=30) as answer:
        picture = Image.open(io.BytesIO(answer.read()))
    assert (picture.format, picture.size) == ("PNG", (768, 768))
    assert running.manage("audit", check=False).returncode == 0


def test_nothing_of_a_running_house_can_be_read_by_others(
    running: Installation, pasted: dict[str, Any]
) -> None:
    assert any(running.data.rglob("media/*/*"))
    assert open_to_others(running.data) == []


def test_the_two_words_of_the_administrator_are_enough_to_sign_in(running: Installation) -> None:
    _, name, password = line(running, "Administrator: ").split(" ")
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    form = browser.open(f"{running.url}/accounts/login/", timeout=30).read().decode()
    secret = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
    assert secret
    fields = {"login": name, "password": password, "csrfmiddlewaretoken": secret[1]}
    request = urllib.request.Request(
        f"{running.url}/accounts/login/",
        data=urllib.parse.urlencode(fields).encode(),
        headers={"Referer": f"{running.url}/accounts/login/"},
    )
    browser.open(request, timeout=30).read()
    with browser.open(f"{running.url}/admin/", timeout=30) as desk:
        assert desk.status == 200
        assert desk.url == f"{running.url}/admin/"


def test_the_secrets_of_the_first_start_are_not_kept(running: Installation) -> None:
    _, _, password = line(running, "Administrator: ").split(" ")
    line(running, "curl ")
    eventually(lambda: not (running.data / "first_start.json").exists())
    kept = [
        path for path in running.data.iterdir() if path.is_file() and password.encode() in path.read_bytes()
    ]
    assert kept == []

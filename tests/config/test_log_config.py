"""What strangers do wrong is a short warning, and not many of them; what we do wrong is an error with its traceback."""

from __future__ import annotations

import io
import logging
import logging.config
from collections.abc import Iterator

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path

from config import log_config

pytestmark = pytest.mark.django_db


def breaks(request: HttpRequest) -> HttpResponse:
    """A fault of ours."""
    raise RuntimeError("ours")


urlpatterns = [path("breaks", breaks)]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What our own handler writes."""
    config = log_config.logging_config("INFO", json=False)
    handler = logging.StreamHandler(text := io.StringIO())
    handler.setFormatter(log_config.ScrubbingFormatter(**_formatter(config)))
    handler.addFilter(log_config.CallersMistakes())
    assert config["handlers"]["standard_error"]["filters"] == ["callers_mistakes"]
    root = logging.getLogger()
    root.addHandler(handler)
    yield text
    root.removeHandler(handler)


def _formatter(config: dict) -> dict:  # type: ignore[type-arg]
    return {name: value for name, value in config["formatters"]["structured"].items() if name != "()"}


def lines(written: io.StringIO) -> list[str]:
    return written.getvalue().splitlines()


@override_settings(ALLOWED_HOSTS=["testserver"])
def test_bad_hosts_are_some_short_warnings_however_many_there_are(written: io.StringIO) -> None:
    for number in range(40):
        assert Client().get("/", headers={"host": f"a b{number}" + "x" * 5000}).status_code == 400
    assert len(lines(written)) == log_config.A_MINUTE and len(written.getvalue()) < 8000
    assert all("level=warning" in line and "Traceback" not in line for line in lines(written))


def test_the_next_minute_tells_how_many_were_left_out(
    written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    minutes = [0.0]
    monkeypatch.setattr(log_config.time, "monotonic", lambda: minutes[0])
    log = logging.getLogger("django.security.DisallowedHost")
    for _number in range(25):
        log.error("bad")
    minutes[0] = 61.0
    log.error("bad")
    log.error("bad")
    assert "(and 15 like it before, not written down)" in lines(written)[-2]
    assert "like it" not in lines(written)[-1]


@pytest.mark.parametrize(
    "name", ["django.security.SuspiciousOperation", "django.security.csrf", "uvicorn.error"]
)
def test_every_kind_of_mistake_has_a_rate_of_its_own(written: io.StringIO, name: str) -> None:
    for _number in range(30):
        logging.getLogger("django.security.DisallowedHost").error("bad")
        logging.getLogger(name).warning("Invalid HTTP request received.")
    assert len([line for line in lines(written) if f"logger={name}" in line]) == log_config.A_MINUTE


def test_forms_from_elsewhere_are_short_warnings_too(written: io.StringIO) -> None:
    strict = Client(enforce_csrf_checks=True)
    for _number in range(15):
        assert strict.post("/accounts/login/", {"login": "x"}).status_code == 403
    assert len(lines(written)) == log_config.A_MINUTE and "level=error" not in written.getvalue()


def test_an_answer_that_a_specification_asks_for_is_no_error(written: io.StringIO) -> None:
    for _number in range(15):
        assert Client().get("/oembed?format=xml").status_code == 501
    assert len(lines(written)) == log_config.A_MINUTE and "level=error" not in written.getvalue()


@override_settings(ROOT_URLCONF="tests.config.test_log_config")
def test_a_fault_of_ours_is_an_error_with_its_traceback_each_time(written: io.StringIO) -> None:
    for _number in range(12):
        assert Client(raise_request_exception=False).get("/breaks").status_code == 500
    errors = [line for line in lines(written) if "level=error" in line and "RuntimeError: ours" in line]
    assert len(errors) == 12 and all("Traceback" in line for line in errors)


def test_no_line_carries_what_a_terminal_or_a_reader_would_obey(written: io.StringIO) -> None:
    logging.getLogger("darkroom.web").warning("A path: %s", "/a\r\x1b[2J\x9b\u2028\nlevel=info event=forged")

    assert len(lines(written)) == 1
    assert "/a\\x0d\\x1b[2J\\x9b\\u2028\\" in written.getvalue()

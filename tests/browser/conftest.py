"""A real Chromium against a real server with the test database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal

import pytest
from django.core.management import call_command
from django.test import Client
from playwright.sync_api import Error

from accounts.models import User
from gallery.live import poller
from tests.browser.chromium_binary import CHROMIUM, FLAGS, chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, CDPSession, Page

Theme = Literal["dark", "light"]
Kind = tuple[bool, bool, str]
"""What cannot be changed in an open window: whether it has touch and scripts, and its language."""
EMPTY = "/static/icons/mark.svg"
"""A page without scripts, of which each context keeps a copy."""
UNTIL = """async () => {
  for (const end = Date.now() + 5000; Date.now() < end;) {
    if (%s) return true;
    await new Promise((done) => setTimeout(done, 25));
  }
  return false;
}"""


def until(page: Page, expression: str) -> None:
    """Wait until an expression is true in the page, whose scripts run.

    A function of its own asks again and again: Playwright's wait evaluates text inside the page from its second try on,
    which our pages' content policy rightly forbids.
    """
    for _ in range(6):
        try:
            if page.evaluate(UNTIL % expression):
                return
        except Error as error:
            # Another page has come meanwhile.
            if "context was destroyed" not in error.message:
                raise
    raise AssertionError(f"never true in the page: {expression}")


def _how_long(config: pytest.Config, **_named: Any) -> Literal["session", "module"]:
    """While it is open its event loop runs in this thread, which tests of another kind must not see."""
    return "session" if config.option.markexpr == "browser" else "module"


@pytest.fixture(scope=_how_long)
def browser() -> Iterator[Browser]:
    """Chromium, for the whole lane or for one module."""
    path = chromium()
    if path is None:
        pytest.skip(f"no Chromium found (looked for {', '.join(CHROMIUM)})")
    from playwright.sync_api import sync_playwright

    # Django would refuse to ask its database beside a running loop; the calls here are synchronous all the same.
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        launched = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield launched
        launched.close()


REPLACED = ("htmx:afterRequest, ", "htmx:sendAbort, ")
"""What htmx writes of a request that it gave up for a newer one. Of one that failed it writes more than these."""


class Window:
    """One browser window with cookies of its own; it notes what goes wrong in its console."""

    def __init__(self, page: Page, base: str) -> None:
        self.page, self.context, self.base, self._home = page, page.context, base, base
        self.complaints: list[str] = []
        self.altered = False
        """What was done to it cannot be undone, so no other test may have it."""
        self.page.on("console", self._heard)
        self.page.on("pageerror", self._broke)

    def _heard(self, message: Any) -> None:
        if message.type == "error" and not message.text.startswith(REPLACED):
            self.complaints.append(f"{message.text} ({self.page.url})")

    def _broke(self, error: Any) -> None:
        self.complaints.append(str(error))

    def tools(self) -> CDPSession:
        """The browser's own debugger, for what Playwright has no word for."""
        self.altered = True
        return self.context.new_cdp_session(self.page)

    def run_first(self, script: str) -> None:
        """Have every page that is opened from now on run it before its own scripts."""
        self.altered = True
        self.page.add_init_script(script)

    def clear(self) -> bool:
        """Make it as new; False where that cannot be."""
        # What is kept for an address is within reach from there alone.
        if self.altered or self.page.is_closed() or self.base != self._home:
            return False
        self.page.remove_listener("console", self._heard)
        self.page.remove_listener("pageerror", self._broke)
        for page in self.context.pages:
            if page is not self.page:
                page.close()
        self.context.set_offline(False)
        self.context.clear_permissions()
        self.page.unroute_all()
        # Another page's scripts would write there again while they are left.
        self.page.goto(f"{self.base}{EMPTY}")
        self.page.evaluate("localStorage.clear(); sessionStorage.clear()")
        self.context.clear_cookies()
        self.page.mouse.move(0, 0)
        return True

    def open(self, path: str) -> Page:
        """Go to a path of the server."""
        self.page.goto(f"{self.base}{path}")
        return self.page

    def sign_in(self, name: str) -> None:
        """With a session that is made for them, without the form."""
        client = Client()
        client.force_login(User.objects.get(username=name))
        self.context.add_cookies(
            [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": self.base}]
        )

    def sign_out(self) -> None:
        """Leave the page, which may ask for news, and forget the session, without the form."""
        self.page.goto("about:blank")
        self.context.clear_cookies(name="sessionid")

    def sign_in_by_form(self, name: str, password: str = "correct horse") -> None:
        """As people do; it leads to the studio."""
        self.open("/accounts/login/")
        self.page.fill("[name=login]", name)
        self.page.fill("[name=password]", password)
        self.page.click("main form button")
        self.page.wait_for_url("**/studio/")

    def sideways(self) -> int:
        """By how many pixels the page is wider than the window."""
        return int(
            self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        )

    def shift(self) -> float:
        """The layout shift of the page so far, as Chromium counts it."""
        return float(
            self.page.evaluate(
                """() => new Promise(done => { let sum = 0;
                new PerformanceObserver(list => { for (const e of list.getEntries()) sum += e.value; })
                  .observe({type: "layout-shift", buffered: true}); setTimeout(() => done(sum), 100); })"""
            )
        )


@pytest.fixture(scope=_how_long)
def _cleared(browser: Browser) -> dict[Kind, list[Page]]:
    """Browser windows kept for the next test: opening one takes longer than most tests."""
    return defaultdict(list)


@pytest.fixture
def window(
    browser: Browser, _cleared: dict[Kind, list[Page]], live_server: Any, transactional_db: None
) -> Iterator[Callable[..., Window]]:
    """A function that opens a window: `theme`, `width`, `scripts`, `language`, `motion`.

    Painting what moves takes a tenth of the time, so its viewer has asked for less motion unless a test is about it.
    """
    call_command("catalogue", verbosity=0)
    opened: list[tuple[Kind, Window]] = []

    def make(
        *,
        theme: Theme = "dark",
        width: int = 1440,
        scripts: bool = True,
        language: str = "en-US",
        motion: bool = False,
    ) -> Window:
        kind = (width < 640, scripts, language)
        page = _cleared[kind].pop() if _cleared[kind] else _open(browser, *kind)
        page.emulate_media(color_scheme=theme, reduced_motion="null" if motion else "reduce")
        page.set_viewport_size({"width": width, "height": 900})
        opened.append((kind, Window(page, live_server.url)))
        return opened[-1][1]

    yield make
    for kind, one in opened:
        if one.clear():
            _cleared[kind].append(one.page)
        else:
            one.context.close()
    # Their pages asked it for news; its thread must not read while the database is emptied.
    poller.reset()


def _open(browser: Browser, touch: bool, scripts: bool, language: str) -> Page:
    context = browser.new_context(has_touch=touch, java_script_enabled=scripts, locale=language)
    page = context.new_page()
    page.set_default_timeout(60_000)
    return page

"""How people get in, in a real browser: with a second factor, by passkey; by invitation in test_member_journey.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests import factories
from tests.accounts.auth.auth_forms import totp
from tests.browser.conftest import Window

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Open = Callable[..., Window]


def here(window: Window) -> Window:
    """The same server by the name that browsers have passkeys for."""
    window.base = window.base.replace("127.0.0.1", "localhost")
    return window


def telephone(window: Window) -> Any:
    """A device that keeps passkeys and has just seen its owner's finger."""
    session = window.tools()
    session.send("WebAuthn.enable")
    device = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    return session, session.send("WebAuthn.addVirtualAuthenticator", {"options": device})["authenticatorId"]


def confirm(window: Window, password: str) -> None:
    window.page.wait_for_url("**/reauthenticate/**")
    window.page.fill("[name=password]", password)
    window.page.click("main form .primary")


def leave(window: Window) -> None:
    window.open("/accounts/logout/")
    window.page.click("main form .primary")
    window.page.wait_for_url(f"{window.base}/")


def test_a_second_factor_is_set_up_and_asked_for_or_a_recovery_code(window: Open) -> None:
    factories.make_user("mei", email="mei@example.org")
    member = window()
    member.sign_in_by_form("mei")
    page = member.page
    member.open("/accounts/2fa/")
    page.click(".locks a:has-text('Set up')")
    confirm(member, "correct horse")
    page.wait_for_selector(".qr")
    secret = page.input_value("#secret")
    page.fill("[name=code]", totp(secret))
    page.click("main form .primary")
    page.wait_for_selector(".codes li")
    codes = page.locator(".codes li").all_inner_texts()
    assert len(codes) == 10
    assert member.sideways() == 0

    for leaves, code in ((leave, totp(secret, ahead=1)), (Window.sign_out, codes[0])):
        leaves(member)
        member.open("/accounts/login/")
        page.fill("[name=login]", "mei")
        page.fill("[name=password]", "correct horse")
        page.click("main form button")
        page.wait_for_selector("h1:has-text('One more step')")
        page.fill("[name=code]", code)
        page.click("main form .primary")
        page.wait_for_url("**/studio/")
    assert member.complaints == []


def test_a_passkey_signs_in_without_the_password(window: Open) -> None:
    factories.make_user("alice")
    member = here(window())
    session, device = telephone(member)
    member.sign_in_by_form("alice")
    page = member.open("/accounts/2fa/webauthn/add/")
    confirm(member, "correct horse")
    page.fill("[name=name]", "My telephone")
    page.click(".passkey .primary")
    page.wait_for_selector(".codes li")
    member.open("/accounts/2fa/")
    page.wait_for_selector(".keys-list :text('My telephone')")
    kept = session.send("WebAuthn.getCredentials", {"authenticatorId": device})["credentials"]
    assert [one["isResidentCredential"] for one in kept] == [True]

    member.sign_out()
    member.open("/accounts/login/")
    page.click(".passkey button")
    page.wait_for_url("**/studio/")

    # After the password it is asked for as the second step.
    member.sign_out()
    member.open("/accounts/login/")
    page.fill("[name=login]", "alice")
    page.fill("[name=password]", "correct horse")
    page.click("main form button")
    page.click(".passkey button")
    page.wait_for_url("**/studio/")

    # No passkey at hand: said in the page, and nobody is let in.
    member.sign_out()
    session.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": device})
    member.open("/accounts/login/")
    page.evaluate("() => { navigator.credentials.get = () => Promise.reject(new DOMException('no')); }")
    page.click(".passkey button")
    page.wait_for_selector(".passkey .wrong:has-text('did not work')")
    assert member.complaints == []


def test_without_scripts_one_signs_in_and_ends_the_other_sessions(window: Open) -> None:
    factories.make_user("alice")
    here_, there = window(scripts=False), window(scripts=False, width=390)
    for one in (here_, there):
        one.open("/accounts/login/")
        one.page.fill("[name=login]", "alice")
        one.page.fill("[name=password]", "correct horse")
        one.page.click("main form button")
        one.page.wait_for_url("**/studio/")
    page = here_.open("/accounts/sessions/")
    page.click("main header button")
    page.wait_for_selector(".toast :text('Every other session is ended.')")
    there.open("/account/")
    assert "/accounts/login/" in there.page.url

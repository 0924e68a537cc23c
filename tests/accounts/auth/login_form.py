"""Sign-in attempts at the form: with a wrong or the right password, from a network, on a device."""

from __future__ import annotations

from typing import Any

from django.test import Client

from accounts.auth import login_attempts

PASSWORD = "correct horse"
WAITS = "Too many wrong passwords. Try again in"
BUSY = "Too many attempts. Try again in"
HERE, THERE = "203.0.113.7", "198.51.100.1"


def guess(
    client: Client, login: str = "alice", password: str = "wrong", address: str = HERE, **more: Any
) -> str:
    """`in`, `wrong`, `wait` or `busy`: what came of one try at the form."""
    form = {"login": login, "password": password}
    answer = client.post("/accounts/login/", form, REMOTE_ADDR=address, **more)
    if answer.status_code == 302:
        return "in"
    page = answer.content.decode()
    return "wait" if WAITS in page else "busy" if BUSY in page else "wrong"


def guesses(login: str = "alice", address: str = HERE, times: int = 0, **more: Any) -> list[str]:
    """What comes of so many wrong passwords; of one more than are compared, if it is not said how many."""
    return [
        guess(Client(), login, address=address, **more)
        for _try in range(times or login_attempts.USER_NETWORK_LIMIT[0] + 1)
    ]


def known(login: str = "alice") -> Client:
    """A browser in which somebody signed in before and out again."""
    client = Client()
    assert guess(client, login, PASSWORD, THERE) == "in"
    client.post("/accounts/logout/")
    return client


def leave(client: Client) -> Client:
    """The same device without its session."""
    del client.cookies["sessionid"]
    return client

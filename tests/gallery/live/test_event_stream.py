"""Live updates of open pages: only the account's own, everything once, and nothing after signing out."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from accounts.models import Membership, User
from accounts.organizations import management
from gallery import moderation
from gallery.items import publication
from gallery.library import trash
from gallery.live import broadcast, event_stream, poller
from gallery.live.channels import LOG_LENGTH, Channel
from gallery.live.poller import Reader
from gallery.models import Item
from predictions import lifecycle
from predictions.models import Phase, Prediction, Status
from predictions.waiting import waiters
from tests import factories
from tests.support.picture_items import picture_item

pytestmark = pytest.mark.django_db(transaction=True)
Told = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def looks() -> Reader:
    """A reader that looks when the test says so."""
    reader = Reader(limit=100)
    reader._start = lambda: None  # type: ignore[method-assign]
    return reader


class Page:
    """One open page, updated by a reader without a thread."""

    def __init__(self, reader: Reader, user: User, cursor: str = "") -> None:
        assert user.account_id is not None
        found = reader.visit(user.account_id)
        assert found is not None
        self.reader, self.channel = reader, found
        self.number, self.first = event_stream.opening_events(found, cursor, "en")

    def told(self) -> dict[str, dict[str, Any]]:
        """The news that one poll yields."""
        self.reader.poll_once()
        news = self.channel.after(self.number)
        self.number = news.number
        return dict(event_stream.to_events(self.channel, news, "en"))


def test_a_page_is_told_of_new_and_changed_predictions_and_each_change_once(
    looks: Reader, alice: User
) -> None:
    page = Page(looks, alice)
    page.told()
    assert page.told() == {}

    made = factories.make_prediction(alice, status=Status.PROCESSING, phase=Phase.RUNNING)
    assert page.told()["predictions"] == {"ids": [made.public_id]}
    assert page.told() == {}

    Prediction.objects.filter(pk=made.pk).update(revision=made.revision + 1)
    assert page.told() == {"predictions": {"ids": [made.public_id]}}

    lifecycle.cancel(made.public_id)
    assert page.told()["predictions"] == {"ids": [made.public_id]}
    assert page.told() == {}


def test_one_that_was_unfinished_when_the_page_came_is_followed_too(looks: Reader, alice: User) -> None:
    made = factories.make_prediction(alice, status=Status.PROCESSING, phase=Phase.RUNNING)
    page = Page(looks, alice)
    page.told()

    Prediction.objects.filter(pk=made.pk).update(revision=made.revision + 1)

    assert page.told() == {"predictions": {"ids": [made.public_id]}}


def test_a_page_is_told_of_new_pictures_and_of_the_balance(looks: Reader, alice: User) -> None:
    page = Page(looks, alice)
    assert page.told()["balance"] == {"shown": "100.0", "unit": "credits"}

    item = picture_item(alice, "a red lighthouse")
    factories.give(alice, 2.5)

    told = page.told()
    assert told["items"] == {"ids": [item.public_id], "gone": []}
    assert told["balance"] == {"shown": "101.5", "unit": "credits"}
    assert page.told() == {}


def test_nobody_is_told_of_what_is_another_members(looks: Reader, alice: User, bob: User) -> None:
    page = Page(looks, bob)
    page.told()
    picture_item(alice, "hers alone")
    made = factories.make_prediction(alice, status=Status.PROCESSING, phase=Phase.RUNNING)
    factories.give(alice, 1)

    assert page.told() == {}

    Page(looks, alice).told()
    Prediction.objects.filter(pk=made.pk).update(revision=9)
    looks.poll_once()
    assert page.told() == {}


def test_who_waits_in_the_queue_is_told_to_look_again_now_and_then(
    looks: Reader, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = factories.make_prediction(alice)
    page = Page(looks, alice)
    page.told()
    assert page.told() == {}

    monkeypatch.setattr(poller, "POSITIONS_INTERVAL_S", 0.0)

    assert page.told() == {"predictions": {"ids": [waiting.public_id]}}


def test_who_comes_back_is_told_what_it_missed(looks: Reader, alice: User) -> None:
    page = Page(looks, alice)
    page.told()
    cursor = page.channel.cursor
    item = picture_item(alice, "made meanwhile")
    looks.poll_once()

    back = Page(looks, alice, cursor)

    assert back.first[0] == ("hello", {"resumed": True})
    assert ("items", {"ids": [item.public_id], "gone": []}) in back.first


@pytest.mark.parametrize("cursor", ["", "feedbeef-0", "-", "x" * 40, "feedbeef-99999999999999999", "٣-٣"])
def test_who_comes_back_with_another_cursor_has_to_read_everything(
    looks: Reader, alice: User, cursor: str
) -> None:
    assert Page(looks, alice, cursor).first[0] == ("hello", {"resumed": False})


def test_who_missed_more_than_is_remembered_has_to_read_everything() -> None:
    channel = Channel(1)
    channel.append_news("items", ["first"], 0.0)
    cursor = channel.cursor
    for number in range(LOG_LENGTH):
        channel.append_news("items", [str(number)], 0.0)
    assert channel.position(cursor) == 1
    channel.append_news("items", ["one more"], 0.0)
    assert channel.position(cursor) is None


def test_what_happened_while_the_page_loaded_is_told(looks: Reader, alice: User) -> None:
    made = factories.make_prediction(alice, status=Status.PROCESSING, phase=Phase.RUNNING)
    item = picture_item(alice, "just now")

    told = Page(looks, alice).told()

    assert made.public_id in told["predictions"]["ids"]
    assert item.public_id in told["items"]["ids"]


def test_a_look_for_many_costs_one_query(
    looks: Reader, alice: User, bob: User, django_assert_num_queries: Any
) -> None:
    pages = [Page(looks, user) for user in (alice, bob, *(factories.make_user() for _ in range(8)))]
    for user in (alice, bob):
        factories.make_prediction(user, status=Status.PROCESSING, phase=Phase.RUNNING)
    looks.poll_once()
    looks.poll_once()

    with django_assert_num_queries(1):
        looks.poll_once()
    assert [len(page.channel.tracked) for page in pages][:3] == [1, 1, 0]


def test_an_account_is_forgotten_some_time_after_its_last_page(
    looks: Reader, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    Page(looks, alice).told()
    monkeypatch.setattr(poller, "LINGER_S", -1.0)
    looks.poll_once()
    assert looks._channels == {}


# -- Over the wire ----------------------------------------------------------------------------------------------


@pytest.fixture
def _reader() -> Iterator[None]:
    poller.reset()
    yield
    poller.reset()


@pytest.fixture
def session(client_of: Callable[[User], Client], alice: User, _reader: None) -> str:
    """The key of Alice's session."""
    key = client_of(alice).session.session_key
    assert key is not None
    return key


async def read(told: AsyncIterator[bytes], name: str) -> dict[str, Any]:
    """The data of the next event of that name."""
    async for part in told:
        for event in part.decode().split("\n\n"):
            if f"event: {name}\n" in event:
                data: dict[str, Any] = json.loads(event.split("data: ", 1)[1])
                return data
    raise AssertionError(f"the stream ended without {name}")


def listen(user: User, session: str, cursor: str = "") -> AsyncIterator[bytes]:
    assert user.account_id is not None
    return event_stream.events(user.account_id, user.pk, session, user.get_session_auth_hash(), cursor, "en")


def in_time(work: Any) -> Any:
    async def bounded() -> Any:
        return await asyncio.wait_for(work, 60)

    return asyncio.run(bounded())


def elsewhere(deed: Callable[[], Any]) -> Any:
    """Done in a thread, as by another request."""
    return asyncio.get_running_loop().run_in_executor(None, deed)


def test_a_stream_greets_and_tells_what_happens(alice: User, session: str) -> None:
    async def page() -> None:
        told = listen(alice, session)
        assert await read(told, "hello") == {"resumed": False}
        assert await read(told, "balance") == {"shown": "100.0", "unit": "credits"}
        await elsewhere(lambda: factories.give(alice, 1))
        assert await read(told, "balance") == {"shown": "101.0", "unit": "credits"}
        await told.aclose()  # type: ignore[attr-defined]

    in_time(page())
    assert poller.reader().streams == 0


def test_deeds_are_told_at_once_on_this_machine(alice: User, bob: User, session: str) -> None:
    poller.reader().tick = 3600.0
    mine, other = picture_item(alice, "mine"), picture_item(bob, "his")
    account = mine.account

    async def page() -> list[dict[str, Any]]:
        told = listen(alice, session)
        # Of its making, which was just now.
        heard = [await read(told, "items")]
        for deed in (
            lambda: broadcast.items_changed([other.pk, mine.pk, 10**17]),
            lambda: trash.move(account, [mine]),
            lambda: trash.restore(account, [mine.public_id]),
            lambda: publication.publish(mine),
            lambda: moderation.hide(mine, "copied"),
        ):
            await elsewhere(deed)
            heard.append(await read(told, "items"))
        await told.aclose()  # type: ignore[attr-defined]
        return heard

    here, gone = ({"ids": [mine.public_id], "gone": some} for some in ([], [mine.public_id]))
    assert in_time(page()) == [here, here, gone, here, here, here]


@pytest.mark.parametrize("hint", ["", ".", "x", "-1", "1.0", "٣", "9" * 19])
def test_a_hint_that_is_none_is_heard_by_nobody(hint: str) -> None:
    assert broadcast.parse(hint) is None


def test_the_21st_page_of_an_account_gets_no_stream(alice: User, bob: User, session: str) -> None:
    async def pages() -> list[str]:
        opened = [listen(alice, session) for _ in range(poller.MAX_STREAMS_PER_ACCOUNT)]
        for one in opened:
            await read(one, "hello")
        refused = await read(listen(alice, session), "end")
        assert await read(listen(bob, session), "hello")
        for one in opened:
            await one.aclose()  # type: ignore[attr-defined]
        return [refused["reason"]]

    assert in_time(pages()) == ["full"]


def test_signing_out_ends_the_stream(alice: User, session: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller, "SESSION_CHECK_S", 0.0)

    async def page() -> dict[str, Any]:
        told = listen(alice, session)
        await read(told, "hello")
        await elsewhere(lambda: Session.objects.filter(session_key=session).delete())
        return await read(told, "end")

    assert in_time(page()) == {"reason": "session-over"}
    assert poller.reader().streams == 0


@pytest.mark.parametrize("how", ["another password", "all sessions ended"])
def test_what_ends_a_session_ends_its_stream_though_its_row_stays(
    alice: User, session: str, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(poller, "SESSION_CHECK_S", 0.0)
    changed = {"password": "another"} if how == "another password" else {"session_epoch": 1}

    async def page() -> dict[str, Any]:
        told = listen(alice, session)
        await read(told, "hello")
        await elsewhere(lambda: User.objects.filter(pk=alice.pk).update(**changed))
        return await read(told, "end")

    assert in_time(page()) == {"reason": "session-over"}
    assert Session.objects.filter(session_key=session).exists()


def test_a_stream_in_which_money_was_seen_ends_when_its_reader_may_see_it_no_more(
    alice: User, bob: User, session: str, client_of: Callable[[User], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poller, "SESSION_CHECK_S", 0.0)
    club = management.create(alice, "club")
    Membership.objects.create(user=bob, account=club, role=Membership.Role.BILLING)
    management.act_for(bob, club.pk)
    bob.refresh_from_db()
    key = client_of(bob).session.session_key
    assert key is not None

    async def page() -> list[bytes]:
        told = listen(bob, key)
        assert await read(told, "balance") == {"shown": "0.0", "unit": "credits"}
        await elsewhere(lambda: Membership.objects.filter(user=bob, account=club).update(role="member"))
        return [part async for part in told]

    # Without an end event, as when the network fails: the page reconnects, and gets what its reader may see by now.
    assert not any(b"event: end" in part for part in in_time(page()))
    assert poller.reader().streams == 0


def test_it_is_looked_for_within_seconds() -> None:
    assert poller.SESSION_CHECK_S <= 3 and waiters.GUARD_S <= 3


def test_a_ban_ends_the_stream(alice: User, session: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller, "SESSION_CHECK_S", 0.0)

    async def page() -> dict[str, Any]:
        told = listen(alice, session)
        await read(told, "hello")
        await elsewhere(lambda: User.objects.filter(pk=alice.pk).update(is_active=False))
        return await read(told, "end")

    assert in_time(page()) == {"reason": "signed-out"}


def test_a_stream_ends_by_itself_and_is_taken_up_where_it_ended(
    alice: User, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "LIFE_S", 0.01)
    monkeypatch.setattr(event_stream, "KEEP_ALIVE_S", 0.001)

    async def page(cursor: str) -> str:
        return b"".join([part async for part in listen(alice, session, cursor)]).decode()

    first = in_time(page(""))
    cursor = first.split("id: ")[1].split("\n")[0]
    assert "hello\nid" in first and '"resumed": true' in in_time(page(cursor))


def test_all_streams_end_when_the_process_does(alice: User, session: str) -> None:
    async def page() -> None:
        told = listen(alice, session)
        await read(told, "hello")
        poller.close()
        async for _part in told:
            pass

    in_time(page())
    assert not poller.reader().has_capacity(alice.account_id or 0)


# -- The address ------------------------------------------------------------------------------------------------


def test_who_is_not_signed_in_is_told_nothing(client: Client) -> None:
    assert client.get("/live/").status_code == 401
    assert client.get("/live/?after=").status_code == 401
    assert client.post("/live/strips/").status_code == 302


def test_where_no_stream_can_be_had_the_page_asks(
    client_of: Callable[[User], Client], alice: User, _reader: None
) -> None:
    browser = client_of(alice)
    assert browser.get("/live/").status_code == 204
    first = browser.get("/live/", {"after": ""}).json()
    assert first["events"][0] == ["hello", {"resumed": False}]

    item = picture_item(alice, "asked for")
    _until(lambda: _tells(browser, first["cursor"], item))


def _tells(browser: Client, cursor: str, item: Item) -> bool:
    answer = browser.get("/live/", {"after": cursor}).json()
    assert answer["events"][0] == ["hello", {"resumed": True}]
    return ["items", {"ids": [item.public_id], "gone": []}] in answer["events"]


def _until(true: Callable[[], bool]) -> None:
    done = threading.Event()
    for _ in range(1200):
        if true():
            return
        done.wait(0.05)
    raise AssertionError("never")


def test_without_streams_in_the_settings_pages_still_ask(
    client_of: Callable[[User], Client], alice: User, settings: Any, _reader: None
) -> None:
    settings.LIVE_STREAMS = 0
    assert client_of(alice).get("/live/", {"after": ""}).status_code == 200


def test_strips_come_that_the_page_lacks_and_no_others(
    client_of: Callable[[User], Client], alice: User, bob: User
) -> None:
    has, lacks = factories.make_prediction(alice), factories.make_prediction(alice)
    hers = factories.make_prediction(bob)
    browser = client_of(alice)

    shown = browser.post("/live/strips/", {"have": [f"batch-{has.public_id}"]}).content.decode()

    assert f'id="batch-{lacks.public_id}"' in shown
    assert has.public_id not in shown and hers.public_id not in shown
    both = {"have": [f"batch-{one.public_id}" for one in (has, lacks)]}
    assert browser.post("/live/strips/", both).status_code == 204

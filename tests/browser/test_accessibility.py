"""axe-core finds nothing serious in a share of the dialogs; that of every page is asked in test_every_page.py."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.axe import install, serious
from tests.browser.conftest import Window
from tests.browser.page_list import MEMBER, make_scene
from tests.runner.sampling import one_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Open = Callable[..., Window]

OPENED: list[tuple[str, str, list[str]]] = [
    # name, address, what is clicked to open it
    ("publishing", "/library/{item}/", ["[data-opens=publish]"]),
    ("sharing", "/library/{item}/", ["[data-opens=share]"]),
    ("deleting for good", "/library/trash/", ["[data-opens=erase-all]"]),
    ("editing a collection", "/library/collections/{collection}/", ["[data-opens=edit]"]),
    ("its editors", "/library/collections/{collection}/", ["[data-opens=people]"]),
    ("sharing a collection", "/library/collections/{collection}/", ["[data-opens=share]"]),
    ("keys", "/library/", [".menu-button", "[data-opens=keys]"]),
    ("the menu", "/gallery/", [".menu-button"]),
]


@pytest.mark.timeout(300)
def test_no_dialog_has_a_serious_fault(window: Open) -> None:
    scene = make_scene()
    looking = window(theme="light")
    install(looking)
    looking.sign_in(MEMBER)
    faults: list[str] = []
    for name, address, clicks in one_in(6, OPENED):
        looking.open(address.format(**scene))
        for selector in clicks:
            looking.page.click(selector)
        faults += serious(looking, name)
    assert faults == []


def test_axe_would_find_a_fault(window: Open) -> None:
    looking = window()
    page = looking.open("/")
    page.evaluate("document.body.append(document.createElement('button'))")
    assert any("button-name" in one for one in serious(looking, "home"))

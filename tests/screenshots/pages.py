"""Forty pictures of the pages: ten pages in two themes, two languages and two widths, with people and life on them.

    script/screenshots --pages [FOLDER]

A real server, members who make, publish, like, comment and collect through the API, a real Chromium. Without a folder
they go to var/screenshots, which git ignores: they are for looking at.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from tests.screenshots.capture import (
    DEV,
    ROOT,
    SCHNELL,
    SD,
    SDXL,
    Server,
    call,
    make_pictures,
    photograph,
    wait_for,
)

PASSWORD = "a quiet red lamp"
FOLDER = ROOT / "var" / "screenshots"
INPAINTING = "stability-ai/stable-diffusion-inpainting"
MEMBERS = {"maya": "Maya Lind", "tomas": "Tomás Rey", "linwan": "林晚"}
# Who, model, shape, prompt, seed, title, tags; an empty title is not published.
WISHES: list[tuple[str, str, str, str, int, str, tuple[str, ...]]] = [
    ("tomas", SD, "768x512", "a desert at noon, sand dunes, clear sky", 11, "Noon", ("desert", "light")),
    ("linwan", SDXL, "1024x768", "日落时山上的城堡，水彩", 4, "山上的城堡", ("水彩", "castle")),
    ("tomas", SCHNELL, "3:2", "a village in the snow at night, warm lights", 6, "First snow", ("snow", "night")),
    ("maya", SD, "512x768", "a pine forest under northern lights", 9, "North", ("night", "forest")),
    ("linwan", DEV, "21:9", "rolling hills with cherry trees, spring morning", 23, "春山", ("spring", "樱花")),
    ("tomas", SCHNELL, "4:5", "a pumpkin and autumn leaves", 3, "October", ("autumn",)),
    ("maya", SDXL, "1024x640", "a city skyline at night, full moon", 17, "Full moon over the bay", ("city", "night")),
    ("linwan", SCHNELL, "3:2", "an island in the sea, palm trees, blue sky", 19, "海岛", ("sea", "海")),
    ("tomas", DEV, "4:5", "a snowman beside a small house in winter", 2, "Waiting", ("snow",)),
    ("maya", SCHNELL, "4:3", "autumn trees beside a river, golden light", 14, "Gold", ("autumn", "river")),
    ("tomas", SCHNELL, "9:16", "a rocket flying to the moon, stars", 5, "Departure", ("night",)),
    ("linwan", SCHNELL, "3:2", "cherry trees by a river, spring morning", 7, "河边", ("spring", "樱花")),
    ("maya", DEV, "3:4", "a whale under the stars, night sea", 15, "Below", ("sea", "night")),
    ("linwan", SCHNELL, "5:4", "日落时分的高山湖泊", 5, "高山湖泊", ("lake", "日落")),
    ("maya", SCHNELL, "3:4", "a lighthouse at dusk, waves", 4, "The keeper", ("sea", "dusk")),
    ("tomas", DEV, "16:9", "a sailing boat on a calm sea at sunset", 6, "Calm", ("sea", "sunset")),
    ("maya", SCHNELL, "1:1", "a panda in a bamboo forest", 2, "", ()),
    ("maya", SCHNELL, "1:1", "an apple, still life, oil painting", 4, "", ()),
    ("maya", SDXL, "1024x768", "a red barn in a wheat field, summer", 12, "", ()),
    ("maya", DEV, "4:5", "a red balloon over green hills at sunset", 8, "", ()),
    ("maya", DEV, "3:2", "a red balloon over a mountain lake at sunset, snowy peaks", 3, "Over the lake", ("lake",)),
]  # fmt: skip
LOOKS = (
    ("dark", "en-US", 1440),
    ("light", "zh-CN", 1440),
    ("light", "en-US", 390),
    ("dark", "zh-CN", 390),
)


@dataclass
class DemoSite:
    """The running server, its members' tokens, and what was made; ids newest first."""

    server: Server
    data: Path
    tokens: dict[str, str] = field(default_factory=dict)
    made: dict[str, list[str]] = field(default_factory=dict)
    published: list[str] = field(default_factory=list)
    collection: str = ""
    shared: str = ""

    def as_member(self, name: str) -> Server:
        """The server, asked with that member's token."""
        return dataclasses.replace(self.server, token=self.tokens[name])

    def send(self, name: str, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """One request of a member's to the API."""
        import httpx

        answer = httpx.request(
            method,
            f"{self.server.url}{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.tokens[name]}"},
            timeout=60,
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None


def people(demo_site: DemoSite) -> None:
    """Members with credits and tokens, as an operator makes them."""
    code = (
        "import json; from accounts.models import User; from accounts import credits\n"
        "from accounts.tokens import api_tokens\n"
        f"members = {MEMBERS!r}\nfound = {{}}\n"
        "for name, shown in members.items():\n"
        "    user = User.objects.create_user(username=name, email=name + '@example.org', "
        f"password={PASSWORD!r}, display_name=shown)\n"
        "    user.refresh_from_db()\n"
        "    credits.grant(user.account, 1_284_600_000, reason='for the pictures')\n"
        "    found[name] = api_tokens.issue(user, 'pictures')[1]\n"
        "print('TOKENS', json.dumps(found))\n"
    )
    done = subprocess.run(
        [str(ROOT / ".venv" / "bin" / "python"), "manage.py", "shell", "-c", code],
        cwd=ROOT,
        env={**os.environ, "DARKROOM_DATA": str(demo_site.data)},
        capture_output=True,
        text=True,
        check=True,
    )
    demo_site.tokens = json.loads(done.stdout.rpartition("TOKENS ")[2])


def live(demo_site: DemoSite) -> None:
    """Pictures, titles, likes, follows, comments, a collection and a link."""
    for name, model, shape, prompt, seed, title, tags in WISHES:
        make_pictures(demo_site.as_member(name), [(model, shape, prompt, seed)])
        item = call(demo_site.as_member(name), "/api/items?limit=1")["results"][0]["id"]
        demo_site.made.setdefault(name, []).insert(0, item)
        if title:
            said = {"title": title, "tags": list(tags), "licence": "CC-BY-4.0"}
            demo_site.send(name, "POST", f"/api/items/{item}/publish", said)
            demo_site.published.insert(0, item)
    everybody = list(MEMBERS)
    for number, item in enumerate(demo_site.published):
        for name in everybody[: 3 - number % 3]:
            demo_site.send(name, "PUT", f"/api/likes/{item}")
    for one, other in (("maya", "tomas"), ("maya", "linwan"), ("tomas", "maya"), ("linwan", "maya")):
        demo_site.send(one, "PUT", f"/api/follows/{other}")
    best = demo_site.made["maya"][0]
    for name, words in (("tomas", "The light on the ridge is perfect."), ("linwan", "湖面的倒影太美了。")):
        demo_site.send(name, "POST", f"/api/gallery/{best}/comments", {"text": words})
    for title, items in (
        ("Lakes at dusk", demo_site.made["maya"][:6]),
        ("Poster ideas", demo_site.made["maya"][4:9]),
    ):
        made = demo_site.send("maya", "POST", "/api/collections", {"title": title})["id"]
        demo_site.send("maya", "POST", f"/api/collections/{made}/items", {"ids": items})
        demo_site.collection = demo_site.collection or made
    demo_site.send("maya", "PUT", f"/api/collections/{demo_site.collection}/editors/tomas")
    link = demo_site.send("maya", "POST", f"/api/items/{best}/shares", {"show_prompt": True})
    demo_site.shared = link["url"].partition("/s/")[2].strip("/")
    batch = {"prompt": "a mountain lake at sunset", "num_outputs": 4, "aspect_ratio": "3:2", "seed": 1}
    wait_for(
        demo_site.as_member("maya"),
        call(demo_site.as_member("maya"), "/v1/predictions", {"version": DEV, "input": batch})["id"],
    )


def window(browser: Browser, demo_site: DemoSite, theme: str, language: str, width: int) -> Page:
    """A window of Maya's, signed in through the form."""
    context = browser.new_context(
        viewport={"width": width, "height": 844 if width < 640 else 900},
        color_scheme=theme,  # type: ignore[arg-type]
        locale=language,
        has_touch=width < 640,
        device_scale_factor=2 if width < 640 else 1,
    )
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{demo_site.server.url}/accounts/login/")
    page.fill("[name=login]", "maya")
    page.fill("[name=password]", PASSWORD)
    page.click("main form button")
    page.wait_for_url("**/studio/")
    return page


def visitor(browser: Browser, theme: str, language: str, width: int) -> Page:
    """A window of somebody without an account."""
    return browser.new_context(
        viewport={"width": width, "height": 844 if width < 640 else 900},
        color_scheme=theme,  # type: ignore[arg-type]
        locale=language,
        has_touch=width < 640,
        device_scale_factor=2 if width < 640 else 1,
    ).new_page()


def studio(page: Page, demo_site: DemoSite) -> None:
    """A batch of four that is under way."""
    page.goto(f"{demo_site.server.url}/studio/?model={DEV}&num_outputs=4&aspect_ratio=4:5")
    page.fill("#prompt", "a red balloon over green hills at sunset")
    page.click("#make")
    newest = "#batches > :first-child .tray"
    page.wait_for_selector(f"{newest} .progress-line b:text-matches('^[3-9][0-9]%')", timeout=120_000)


def mask(page: Page, demo_site: DemoSite) -> None:
    """The mask painter over the newest picture, with a stroke and a rectangle."""
    page.goto(f"{demo_site.server.url}/studio/?model={INPAINTING}&use={demo_site.made['maya'][0]}")
    page.click("[data-slot=mask] .offer[data-paint]")
    page.wait_for_selector("dialog[open] canvas")
    page.wait_for_timeout(800)
    box = page.locator("dialog[open] canvas").last.bounding_box()
    assert box is not None
    x, y, wide, high = box["x"], box["y"], box["width"], box["height"]
    page.mouse.move(x + wide * 0.42, y + high * 0.42)
    page.mouse.down()
    for step in range(24):
        page.mouse.move(x + wide * (0.42 + 0.006 * step), y + high * (0.42 + 0.02 * (step % 5)))
    page.mouse.up()


def chosen(page: Page, demo_site: DemoSite) -> None:
    """The library with some pictures chosen."""
    page.goto(f"{demo_site.server.url}/library/")
    page.wait_for_selector(".rows a.tile")
    for _time in range(2):
        page.keyboard.press("ArrowRight")
    for _time in range(4):
        page.keyboard.press("Shift+ArrowRight")


def plain(address: str) -> Callable[[Page, DemoSite], None]:
    """A page that only has to be opened; `{item}` and the like stand for what was made."""

    def open_it(page: Page, demo_site: DemoSite) -> None:
        path = address.format(
            item=demo_site.made["maya"][0], collection=demo_site.collection, shared=demo_site.shared
        )
        page.goto(f"{demo_site.server.url}{path}")

    return open_it


PAGES: list[tuple[str, bool, Callable[[Page, DemoSite], None]]] = [
    # name, whether a visitor looks at it, how it is reached
    ("home", True, plain("/")),
    ("gallery", True, plain("/gallery/")),
    ("author", False, plain("/gallery/by/linwan/")),
    ("published", False, plain("/gallery/{item}/")),
    ("share", True, plain("/s/{shared}/")),
    ("library", False, chosen),
    ("item", False, plain("/library/{item}/")),
    ("collection", False, plain("/library/collections/{collection}/")),
    ("mask", False, mask),
    ("studio", False, studio),
]


def take(browser: Browser, running: Server, data: Path, folder: Path) -> Iterator[Path]:
    """All forty."""
    demo_site = DemoSite(running, data)
    people(demo_site)
    live(demo_site)
    for theme, language, width in LOOKS:
        own = window(browser, demo_site, theme, language, width)
        other = visitor(browser, theme, language, width)
        for name, without_account, reach in PAGES:
            page = other if without_account else own
            reach(page, demo_site)
            yield photograph(page, folder, f"{name}-{theme}-{width}-{language[:2]}")
        own.wait_for_selector("#batches .tray", state="detached", timeout=300_000)
        own.context.close()
        other.context.close()

"""The first page of a filled gallery, opened in Chromium at a real web process: how soon, how large, how steady."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import defaultdict
from typing import Any

from benchmarks import harness
from benchmarks.harness import Series

GOALS = {"usable, ms": 1000.0, "KiB without pictures": 200.0, "layout shift": 0.02}
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]
SHOWN = 48
# Noted by the page itself from its first moment on. Usable: all is parsed and laid out, scripts have run, and a tile
# can be followed; pictures may still come.
_WATCH = """
window.seen = {shift: 0, paint: 0, largest: 0};
new PerformanceObserver(list => list.getEntries().forEach(one => {
    if (!one.hadRecentInput) window.seen.shift += one.value;
})).observe({type: "layout-shift", buffered: true});
new PerformanceObserver(list => list.getEntries().forEach(one => {
    if (one.name == "first-contentful-paint") window.seen.paint = one.startTime;
})).observe({type: "paint", buffered: true});
new PerformanceObserver(list => list.getEntries().forEach(one => { window.seen.largest = one.startTime; }))
    .observe({type: "largest-contentful-paint", buffered: true});
"""
_READ = """() => {
    const page = performance.getEntriesByType("navigation")[0];
    return {...window.seen, parsed: page.domContentLoadedEventEnd, answered: page.responseEnd, all: page.loadEventEnd,
            tiles: document.querySelectorAll(".rows .cell").length};
}"""


def measured(env: dict[str, str], rounds: int) -> dict[str, list[float]]:
    """The figures of each round: fresh visitors with an empty cache, 1440 × 900."""
    subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "benchmarks.parts.opened"],
        cwd=harness.ROOT,
        env={**os.environ, **env},
        check=True,
    )
    from playwright.sync_api import sync_playwright

    found: dict[str, list[float]] = defaultdict(list)
    web = ["-W", "ignore", "manage.py", "web", "--port", "{port}"]
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with (
        harness.running(web, {**env, "DARKROOM_ALLOWED_HOSTS": "127.0.0.1"}) as server,
        sync_playwright() as driver,
    ):
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        for turn in range(rounds + 1):
            seen = _look(browser, f"http://127.0.0.1:{server.port}/gallery/")
            # The first fills what the server keeps in memory: imports, templates, the list of tags.
            for name, value in seen.items() if turn else ():
                found[name].append(value)
        browser.close()
    return dict(found)


def _look(browser: Any, address: str) -> dict[str, float]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    sizes = {"pictures": 0, "rest": 0}
    page = context.new_page()
    page.add_init_script(_WATCH)

    def finished(request: Any) -> None:
        told = request.sizes()
        kind = "pictures" if request.resource_type == "image" and "/picture/" in request.url else "rest"
        sizes[kind] += told["responseBodySize"] + told["responseHeadersSize"]

    page.on("requestfinished", finished)
    answer = page.goto(address, wait_until="load")
    page.wait_for_load_state("networkidle")
    seen = page.evaluate(_READ)
    context.close()
    if not sizes["pictures"]:
        raise RuntimeError(f"{address} showed no picture.")
    if answer is None or answer.status != 200 or seen["tiles"] < SHOWN:
        raise RuntimeError(f"{address} answered {answer and answer.status} with {seen['tiles']} tiles.")
    return {
        "answered, ms": seen["answered"],
        "first paint, ms": seen["paint"],
        "usable, ms": max(seen["parsed"], seen["paint"]),
        "largest picture, ms": seen["largest"],
        "all there, ms": seen["all"],
        "KiB without pictures": sizes["rest"] / 1024,
        "KiB of pictures": sizes["pictures"] / 1024,
        "layout shift": seen["shift"],
    }


def told(found: dict[str, list[float]]) -> str:
    """The figures as a table, with the goals."""
    rows = []
    for name, values in found.items():
        series, goal = Series(name, values), GOALS.get(name)
        met = "" if goal is None else "met" if series.median < goal else "missed"
        rows.append([name, str(series), "" if goal is None else f"< {goal:g}", met])
    return harness.table(["", "median (least–most)", "goal", ""], rows)


def pictures() -> None:
    """Put pictures where the tiles of the first page expect theirs, and static files where they are sent from."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    import io

    from django.core.files.base import ContentFile
    from django.core.management import call_command
    from PIL import Image

    from gallery.items import access
    from gallery.models import Item
    from predictions.files import media
    from predictions.models import StoredFile

    call_command("collectstatic", interactive=False, verbosity=0)
    newest = access.with_files(Item.objects.public()).order_by("-published_at", "-id")[: 2 * SHOWN]
    for number, item in enumerate(newest):
        for file in (item.output.small, item.output.medium):
            if file is None or media.storage().exists(file.key):
                continue
            picture = Image.radial_gradient("L").resize((file.width or 1, file.height or 1))
            colour = Image.merge("RGB", [picture, picture.rotate(number * 7), picture.rotate(90)])
            data = io.BytesIO()
            colour.save(data, "WEBP", quality=80)
            media.storage().save(file.key, ContentFile(data.getvalue()))
            StoredFile.objects.filter(pk=file.pk).update(size=len(data.getvalue()))


if __name__ == "__main__":
    pictures()

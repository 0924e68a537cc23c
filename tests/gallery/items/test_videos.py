"""Films in the gallery: a poster when they are stored, a player on their page, and stillness for who asks for it."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from PIL import Image

from accounts.models import User
from gallery.models import Item, ShareLink
from predictions.files import image_probe
from predictions.models import Status
from tests import factories
from tests.support.picture_items import stored


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four frames of 96 x 64 pixels, the first of them red."""
    path = tmp_path_factory.mktemp("film") / "out.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 8, (96, 64))
    for shade in (0, 80, 160, 240):
        writer.write(np.full((64, 96, 3), (shade, shade, 220), np.uint8))
    writer.release()
    return path


def moving_item(user: User, kind: str, data: bytes, **fields: object) -> Item:
    """An item whose file is of this content type, with a still thumbnail."""
    prediction = factories.make_prediction(user, status=Status.SUCCEEDED, input={"prompt": "a fox running"})
    poster = Image.new("RGB", (96, 64), (200, 30, 30))
    output = factories.make_output(
        prediction,
        file=factories.make_stored_file(data, content_type=kind, width=96, height=64),
        small=stored(poster),
        medium=stored(poster),
        name=f"out.{kind.partition('/')[2]}",
    )
    return factories.make_item(user, output, prompt="a fox running", width=96, height=64, **fields)


def test_a_film_gets_its_first_frame_as_a_poster_when_it_is_stored(film: Path, tmp_path: Path) -> None:
    look = image_probe.probe(film, tmp_path)
    assert (look.content_type, look.width, look.height) == ("video/mp4", 96, 64)
    assert look.small is not None and look.medium is not None
    red, green, blue = Image.open(look.medium.path).convert("RGB").getpixel((48, 32))  # type: ignore[misc]
    assert red > 180 and green < 60 and blue < 60
    assert look.blur.startswith("data:image/webp;base64,") and look.colour.startswith("#")


def test_a_film_that_no_decoder_reads_is_kept_without_a_poster(film: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(film.read_bytes()[:40])
    look = image_probe.probe(cut, tmp_path)
    assert (look.content_type, look.width, look.small, look.medium) == ("video/mp4", None, None, None)


def test_the_page_of_a_film_plays_it_and_shows_its_poster(as_alice: Client, alice: User, film: Path) -> None:
    item = moving_item(alice, "video/mp4", film.read_bytes())
    page = as_alice.get(reverse("library_item", args=[item.public_id])).content.decode()
    assert "<video data-film controls muted loop playsinline" in page
    assert f'poster="{reverse("item_picture", args=[item.public_id, "medium"])}"' in page
    # It autoplays only where the script has checked that motion is allowed.
    assert " autoplay" not in page
    whole = as_alice.get(reverse("item_picture", args=[item.public_id, "full"]))
    assert whole["Content-Type"] == "video/mp4"
    poster = as_alice.get(reverse("item_picture", args=[item.public_id, "medium"]))
    assert poster["Content-Type"] == "image/webp"


def test_a_moving_picture_stands_still_for_who_wants_less_motion(as_alice: Client, alice: User) -> None:
    frames = [Image.new("P", (96, 64), shade) for shade in (1, 2)]
    data = io.BytesIO()
    frames[0].save(data, "GIF", save_all=True, append_images=frames[1:], duration=50)
    item = moving_item(alice, "image/gif", data.getvalue())
    page = as_alice.get(reverse("library_item", args=[item.public_id])).content.decode()
    still = reverse("item_picture", args=[item.public_id, "medium"])
    assert f'<source media="(prefers-reduced-motion: reduce)" srcset="{still}">' in page
    assert f'<img src="{reverse("item_picture", args=[item.public_id, "full"])}"' in page
    # In lists it is its thumbnail, which never moves.
    assert still in as_alice.get(reverse("library")).content.decode()


def test_a_shared_film_is_played_from_its_links_own_address(client: Client, alice: User, film: Path) -> None:
    item = moving_item(alice, "video/mp4", film.read_bytes())
    link = ShareLink.objects.create(item=item, created_by=alice)
    page = client.get(reverse("share", args=[link.token])).content.decode()
    assert f'<source src="{reverse("share_picture", args=[link.token, "full"])}" type="video/mp4">' in page


def test_the_wall_beside_the_sign_in_form_shows_a_films_poster(
    client: Client, alice: User, film: Path
) -> None:
    item = moving_item(alice, "video/mp4", film.read_bytes(), visibility="public")
    page = client.get("/accounts/login/").content.decode()
    assert reverse("item_picture", args=[item.public_id, "medium"]) in page
    assert reverse("item_picture", args=[item.public_id, "full"]) not in page

"""Pictures to work from in the studio: sent, picked, named by address; and what each model needs before it is made."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image, PngImagePlugin

from accounts.models import User
from gallery.models import Item
from gallery.search import indexer
from predictions.catalogue import loader, lookup
from predictions.files import media
from predictions.inputs.files import InputFiles
from predictions.models import Prediction, Status, StoredFile, Upload, Version
from studio.form import field_values, input_pictures
from tests import factories
from tests.support.picture_items import paint, picture_item

REMBG = "cjwbw/rembg"
REMOVAL = "sujaykhandekar/object-removal"
INPAINTING = "stability-ai/stable-diffusion-inpainting"
IMG2IMG = "stability-ai/stable-diffusion-img2img"
SDXL = "stability-ai/sdxl"
DEV = "lucataco/flux-dev-lora"
FILM = "andreasjansson/stable-diffusion-animation"
CLIP = "lucataco/animate-diff"
HERE = "http://testserver"


@pytest.fixture(autouse=True)
def _catalogue(db: None) -> None:
    loader.load()


def find(ref: str) -> Version:
    version = lookup.find_version(ref)
    assert version is not None
    return version


def png(width: int = 48, height: int = 32) -> bytes:
    file = io.BytesIO()
    paint(width, height, 3).save(file, "PNG")
    return file.getvalue()


def send(client: Client, data: bytes, name: str = "hut.png", kind: str = "image/png") -> Any:
    return client.post("/studio/upload/", {"file": SimpleUploadedFile(name, data, kind)})


@pytest.fixture
def sent(as_alice: Client) -> dict[str, Any]:
    """A picture that Alice's browser has sent."""
    answer: dict[str, Any] = send(as_alice, png()).json()
    return answer


def make(client: Client, ref: str, **fields: Any) -> Any:
    return client.post("/studio/make/", {"model": ref, "switches": "1", **fields})


# -- Sending ------------------------------------------------------------


def test_a_picture_that_is_sent_is_kept_and_its_address_comes_back(as_alice: Client, alice: User) -> None:
    answer = send(as_alice, png())
    upload = Upload.objects.get()
    assert answer.status_code == 201
    assert answer.json() == {
        "url": f"{HERE}/v1/files/{upload.public_id}", "name": "hut.png", "size": len(png()), "width": 48,
        "height": 32, "content_type": "image/png", "view": f"/studio/file/{upload.public_id}/",
        "thumb": f"/studio/file/{upload.public_id}/",
    }  # fmt: skip
    assert (upload.account, upload.user) == (alice.account, alice)


def test_what_it_is_counts_and_not_what_it_is_called(as_alice: Client) -> None:
    answer = send(as_alice, png(), name="notes.txt", kind="text/plain")
    assert answer.json()["content_type"] == "image/png"


@pytest.mark.parametrize(
    "data",
    [b"%PDF-1.7 notes", b"", png()[:90], b"<svg xmlns='http://www.w3.org/2000/svg'/>"],
    ids=["pdf", "empty", "cut short", "svg"],
)
def test_a_file_renamed_to_a_picture_is_refused_in_a_sentence(as_alice: Client, data: bytes) -> None:
    answer = send(as_alice, data, name="notes.pdf")
    assert answer.status_code == 422
    assert answer.json()["detail"] == "notes.pdf is not a picture. Use PNG, JPEG or WebP up to 25 MB."
    assert not Upload.objects.exists()


def test_the_size_is_refused_before_anything_is_read(as_alice: Client) -> None:
    class Unread(io.BytesIO):
        def read(self, *size: Any) -> bytes:
            raise AssertionError("the body was read")

    environment: Any = {"CONTENT_LENGTH": str(27 * 1024**2), "wsgi.input": Unread()}
    answer = as_alice.generic(
        "POST", "/studio/upload/", b"", "multipart/form-data; boundary=x", **environment
    )
    assert answer.status_code == 413
    assert "25 MB" in answer.json()["detail"]


def test_a_file_just_over_the_limit_is_refused(as_alice: Client) -> None:
    answer = send(as_alice, b"\0" * (25 * 1024**2 + 1), name="big.png")
    assert answer.status_code == 413
    assert answer.json()["detail"] == "big.png is larger than 25 MB. Use a smaller picture."


def test_only_our_own_pages_may_send(alice: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    assert send(strict, png()).status_code == 403
    assert not Upload.objects.exists()


def test_visitors_send_nothing(client: Client) -> None:
    assert send(client, png()).status_code == 401
    assert not Upload.objects.exists()


def test_a_post_without_a_file_is_told_so(as_alice: Client) -> None:
    assert as_alice.post("/studio/upload/", {"file": "text"}).status_code == 400
    assert as_alice.post("/studio/upload/", b"junk", "multipart/form-data; boundary=x").status_code == 400


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("\u202egnp.exe\u200b.png", "gnp.exe.png"),
        ("C:\\photos\\me.png", "me.png"),
        ("🦊" * 100 + ".png", "🦊" * 63),
        ("\u0000\u0007", "picture"),
        ("<script>alert(1)</script>", "script>"),
    ],
)
def test_names_of_files_lose_what_cannot_be_seen_or_kept(given: str, kept: str) -> None:
    assert input_pictures.safe_name(given) == kept


def test_an_upload_is_shown_to_who_sent_it_and_nobody_else(
    as_alice: Client, as_charlie: Client, client: Client, sent: dict[str, Any]
) -> None:
    shown = as_alice.get(sent["view"])
    assert shown.getvalue() == png()
    assert shown["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert as_charlie.get(sent["view"]).status_code == 404
    assert client.get(sent["view"]).status_code == 302


# -- The library ------------------------------------------------------------


def test_the_picker_shows_own_pictures_page_by_page(as_alice: Client, alice: User, charlie: User) -> None:
    mine = [picture_item(alice, f"hill {number}", width=24, height=16) for number in range(3)]
    foreign = picture_item(charlie, "foreign", visibility="public")
    trashed = picture_item(alice, "thrown away")
    Item.objects.filter(pk=trashed.pk).update(trashed_at=trashed.created_at)
    page = as_alice.get("/studio/shelf/").content.decode()
    token = mine[0].output.token
    assert f"{HERE}/f/{token}/{mine[0].output.name}" in page
    assert foreign.public_id not in page
    assert trashed.public_id not in page
    assert page.index("hill 2") < page.index("hill 0")


def test_an_own_picture_is_given_by_its_output_and_anothers_by_its_page(
    as_alice: Client, alice: User, charlie: User
) -> None:
    mine = picture_item(alice, "mine")
    open_one = picture_item(charlie, "theirs", visibility="public")
    assert as_alice.get(f"/studio/use/{mine.public_id}/").json()["url"].startswith(f"{HERE}/f/")
    url = as_alice.get(f"/studio/use/{open_one.public_id}/").json()["url"]
    assert url == f"{HERE}/gallery/{open_one.public_id}/picture/full"
    assert open_one.output.token not in url


def test_a_strangers_private_picture_is_not_there(as_charlie: Client, item: Item) -> None:
    assert as_charlie.get(f"/studio/use/{item.public_id}/").status_code == 404
    form = as_charlie.get(f"/studio/?model={DEV}&image={HERE}/gallery/{item.public_id}/picture/full")
    assert item.public_id not in form.content.decode().split('id="price"')[0].split('data-slot="image"')[1]


def pixels(file: StoredFile) -> bytes:
    with media.open_file(file) as opened:
        return Image.open(io.BytesIO(opened.read())).convert("RGBA").tobytes()


def test_a_published_picture_of_somebody_else_becomes_a_copy(
    as_charlie: Client, charlie: User, public: Item
) -> None:
    factories.give(charlie, 50)
    url = f"{HERE}/gallery/{public.public_id}/picture/full"
    assert make(as_charlie, REMBG, image=url).status_code == 302
    upload = Upload.objects.get(account=charlie.account)
    assert pixels(upload.file) == pixels(public.output.file)
    assert public.output.token not in upload.name


def test_the_copy_tells_no_more_than_the_published_picture(
    as_charlie: Client, charlie: User, alice: User
) -> None:
    factories.give(charlie, 50)
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "words that alice keeps back")
    data = io.BytesIO()
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0)})
    Image.new("RGB", (64, 48), "teal").save(data, "PNG", pnginfo=info, exif=exif)
    file = factories.make_stored_file(data.getvalue(), content_type="image/png", width=64, height=48)
    prediction = factories.make_prediction(alice, status=Status.SUCCEEDED)
    output = factories.make_output(prediction, file=file)
    theirs = factories.make_item(
        alice, output, prompt="words that alice keeps back", show_prompt=False, visibility="public"
    )
    assert make(as_charlie, REMBG, image=f"{HERE}/gallery/{theirs.public_id}/picture/full").status_code == 302
    with media.open_file(Upload.objects.get(account=charlie.account).file) as copy:
        picture = Image.open(io.BytesIO(copy.read()))
        picture.load()
    assert "parameters" not in picture.info and "exif" not in picture.info
    assert "alice keeps back" not in str(picture.info)


# -- Making ------------------------------------------------------------


def test_a_model_without_a_prompt_is_made_from_its_picture_alone(
    as_alice: Client, sent: dict[str, Any]
) -> None:
    assert make(as_alice, REMBG, image=sent["url"]).status_code == 302
    prediction = Prediction.objects.get()
    assert prediction.input == {"image": sent["url"]}
    assert prediction.origin == HERE
    assert InputFiles.of_prediction(prediction).names_ours


def test_a_browser_without_scripts_sends_its_file_with_the_form(as_alice: Client) -> None:
    file = SimpleUploadedFile("hut.png", png(), "image/png")
    answer = make(as_alice, REMBG, image="", **{"file.image": file})
    upload = Upload.objects.get()
    assert Prediction.objects.get().input == {"image": f"{HERE}/v1/files/{upload.public_id}"}
    assert upload.public_id in answer["Location"]


def test_a_bad_file_comes_back_under_its_field_with_the_form_kept(as_alice: Client) -> None:
    file = SimpleUploadedFile("notes.pdf", b"%PDF-1.7", "image/png")
    answer = make(as_alice, DEV, prompt="a long thought", **{"file.image": file})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "notes.pdf is not a picture." in page
    assert "a long thought</textarea>" in page
    assert not Prediction.objects.exists()


def test_a_picture_is_taken_out_without_scripts(as_alice: Client, sent: dict[str, Any]) -> None:
    make(as_alice, DEV, prompt="a hut", image=sent["url"], **{"gone.image": "on"})
    assert "image" not in Prediction.objects.get().input


@pytest.mark.parametrize(
    ("ref", "sentence"),
    [
        (REMBG, "Choose a picture first."),
        (REMOVAL, "Choose a picture first."),
        (IMG2IMG, "Choose a picture first."),
        (INPAINTING, "Paint what should change."),
    ],
)
def test_what_is_missing_is_said_and_costs_nothing(as_alice: Client, ref: str, sentence: str) -> None:
    answer = make(as_alice, ref, prompt="a hut")
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not Prediction.objects.exists()


def test_somebody_elses_upload_cannot_be_named(as_charlie: Client, sent: dict[str, Any]) -> None:
    answer = make(as_charlie, REMBG, image=sent["url"])
    assert answer.status_code == 422
    assert not Prediction.objects.exists()
    page = as_charlie.get(f"/studio/?model={REMBG}&image={sent['url']}").content.decode()
    assert "That picture is no longer there." in page
    assert "hut.png" not in page


def test_names_of_objects_are_ticked_or_written(as_alice: Client, sent: dict[str, Any]) -> None:
    make(as_alice, REMOVAL, image_path=sent["url"], objects_to_remove=["dog", "dining table"])
    assert Prediction.objects.get().input["objects_to_remove"] == "dog,dining table"
    assert (
        field_values.read(find(REMOVAL), {"objects_to_remove": "person, car"})["objects_to_remove"]
        == "person,car"
    )
    page = make(as_alice, REMOVAL, image_path=sent["url"]).content.decode()
    assert "Choose at least one kind of thing to remove." in page
    page = make(as_alice, REMOVAL, image_path=sent["url"], objects_to_remove="ghost").content.decode()
    assert "This model does not know “ghost”." in page


def test_a_mask_needs_its_picture(as_alice: Client, sent: dict[str, Any]) -> None:
    page = make(as_alice, SDXL, prompt="a hut", mask=sent["url"]).content.decode()
    assert "A mask needs the picture that it belongs to." in page


def test_the_picker_finds_by_words(as_alice: Client, alice: User) -> None:
    for words in ("a red fox", "a blue whale"):
        picture_item(alice, words)
    indexer.run_once()
    page = as_alice.get("/studio/shelf/?list=1&q=whale").content.decode()
    assert "a blue whale" in page
    assert "a red fox" not in page
    nothing = as_alice.get("/studio/shelf/?list=1&q=%3Cb%3E").content.decode()
    assert "No picture matches “&lt;b&gt;”." in nothing

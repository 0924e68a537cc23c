"""Images that the engine cannot read are refused at create, with the field's name, and nothing is held."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import MICRO, User
from core import data_uri, image_header
from predictions.dispatch import provider_lookup
from predictions.models import Prediction, Upload, Version
from predictions.providers.registry import EngineConfig, embedded_engine
from predictions.submit import acceptance, refusals, work_request
from predictions.submit.validation import Fault
from tests import factories
from tests.fakes import FakeProvider

pytestmark = pytest.mark.django_db

HERE = "http://testserver"
ENGINE = embedded_engine(EngineConfig(socket_path="/nowhere", secret="", slots=1))
BOMB = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR\x00\x00\xc3\x50\x00\x00\xc3\x50\x08\x02\x00\x00\x00" + bytes(
    4000
)
PICTURE = factories.picture()


def inpainter() -> Version:
    file = {"type": "string", "format": "uri"}
    schema: dict[str, Any] = {"type": "object", "properties": {"image": file, "mask": file}}
    model = factories.make_model(owner="stability-ai", name="stable-diffusion-inpainting")
    return factories.make_version(model, input_schema=schema)


@pytest.fixture(autouse=True)
def engine_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_lookup, "all_providers", lambda: [ENGINE])


def faults(user: User, version: Version, **given: str) -> list[Fault]:
    account = factories.account_of(user)
    request = work_request.Request(account=account, user=user, version=version, input=given, origin=HERE)
    try:
        acceptance.accept(request)
    except refusals.InvalidInput as refused:
        assert not Prediction.objects.exists()
        account = factories.account_of(user)
        assert (account.balance, account.held) == (100 * MICRO, 0)
        return list(refused.faults)
    return []


def uploaded(user: User, content: bytes) -> str:
    upload: Upload = factories.make_upload(user, content, "a.png")
    return f"{HERE}/v1/files/{upload.public_id}"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG files cannot be read here"),
        (b"%PDF-1.7 ", "PDF files cannot be read here"),
        (BOMB, "the picture of 50000 x 50000 pixels is too large"),
        (bytes(300_000), "the file is not a picture that can be read here"),
        (b"", "the file is empty"),
    ],
)
def test_a_data_uri_or_an_upload_that_is_no_picture_is_refused_by_name(
    alice: User, content: bytes, words: str
) -> None:
    version = inpainter()
    sound = data_uri.build("image/png", PICTURE)
    for bad in (data_uri.build("image/png", content), uploaded(alice, content)):
        ((fault),) = faults(alice, version, image=sound, mask=bad)
        assert (fault.type, fault.field) == ("format", "input.mask")
        assert fault.description.startswith(f"Does not match format 'uri': {words}")


def test_two_that_are_none_are_both_named(alice: User) -> None:
    bad = data_uri.build("image/png", b"GIF is not what this is")
    found = faults(alice, inpainter(), image=bad, mask="data:image/png;base64,@")
    assert [fault.field for fault in found] == ["input.image", "input.mask"]
    assert found[1].description == "Does not match format 'uri': its Base64 cannot be read"


@pytest.mark.parametrize("fmt", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_picture_is_taken(alice: User, fmt: str) -> None:
    content = factories.picture(form=fmt)
    given = {"image": data_uri.build("", content), "mask": uploaded(alice, content)}
    assert faults(alice, inpainter(), **given) == [] and Prediction.objects.exists()


def test_an_upload_of_too_many_bytes_is_refused(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_header, "MAX_BYTES", len(PICTURE) - 1)
    (fault,) = faults(alice, inpainter(), image=uploaded(alice, PICTURE))
    assert "larger than" in fault.description


def test_an_address_elsewhere_is_left_for_later(alice: User) -> None:
    assert faults(alice, inpainter(), image="https://files.example.com/a.svg") == []


def test_what_somebody_else_works_on_too_is_theirs_to_judge(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider_lookup, "all_providers", lambda: [FakeProvider("upstream-1"), ENGINE])
    assert faults(alice, inpainter(), image=data_uri.build("image/heic", b"anything")) == []


def test_inputs_that_the_engine_does_not_open_as_pictures_are_left_alone(alice: User) -> None:
    model = factories.make_model(owner="conformance", name="file-input")
    schema = {"type": "object", "properties": {"image": {"type": "string", "format": "uri"}}}
    version = factories.make_version(model, input_schema=schema)
    engine = embedded_engine(EngineConfig(socket_path="/nowhere", secret="", slots=1, conformance=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provider_lookup, "all_providers", lambda: [engine])
        assert faults(alice, version, image=data_uri.build("text/plain", b"words")) == []

"""Content credentials: published pictures are signed where the operator has a certificate."""

from __future__ import annotations

import datetime
import io
import json
from pathlib import Path
from typing import Any

import c2pa
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from django.core.management import call_command
from django.test import Client

from accounts.models import User
from config.checks import credentials_can_be_signed
from gallery.items import publication
from gallery.models import Item
from gallery.provenance import content_credentials
from predictions.models import Status, StoredFile
from tests import factories
from tests.gallery.provenance.test_file_metadata import encoded

pytestmark = pytest.mark.django_db


def named(name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "A house"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def chain() -> tuple[str, str]:
    """A certificate of a signer under a root of ours, and its key, both in PEM."""
    now = datetime.datetime.now(datetime.UTC)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    never = ["content_commitment", "key_encipherment", "data_encipherment", "key_agreement"]
    usage = dict.fromkeys([*never, "encipher_only", "decipher_only"], False)

    def build(subject: str, public: Any, authority: bool) -> x509.Certificate:
        builder = x509.CertificateBuilder().subject_name(named(subject)).issuer_name(named("root"))
        builder = builder.public_key(public).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - datetime.timedelta(days=1))
        builder = builder.not_valid_after(now + datetime.timedelta(days=365))
        builder = builder.add_extension(x509.BasicConstraints(authority, None), critical=True)
        keys = x509.KeyUsage(digital_signature=True, key_cert_sign=authority, crl_sign=authority, **usage)
        builder = builder.add_extension(keys, critical=True)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
        builder = builder.add_extension(issuer, critical=False)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        if not authority:
            mail = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
            builder = builder.add_extension(mail, critical=True)
        return builder.sign(root_key, hashes.SHA256())

    certificates = [build("signer", key.public_key(), False), build("root", root_key.public_key(), True)]
    pem = b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)
    form = serialization.PrivateFormat.PKCS8
    return pem.decode(), key.private_bytes(
        serialization.Encoding.PEM, form, serialization.NoEncryption()
    ).decode()


@pytest.fixture
def identity(settings: Any, tmp_path: Path) -> str:
    """The operator has a certificate; its key, in PEM."""
    certificate, key = chain()
    path = tmp_path / "chain.pem"
    path.write_text(certificate)
    settings.C2PA = {"certificate": str(path), "key": key, "timestamps": ""}
    return key


def published(user: User, data: bytes, content_type: str = "image/png", **fields: Any) -> Item:
    prediction = factories.make_prediction(user, status=Status.SUCCEEDED, input={"prompt": "a quiet harbour"})
    file = factories.make_stored_file(data, content_type=content_type, width=48, height=32)
    item = factories.make_item(user, factories.make_output(prediction, file=file), prompt="a quiet harbour")
    publication.publish(item, title="Harbour", **fields)
    item.refresh_from_db()
    return item


def body_of(item: Item) -> bytes:
    answer: Any = Client().get(f"/gallery/{item.public_id}/picture/full")
    return b"".join(answer.streaming_content)


def read(data: bytes, content_type: str = "image/png") -> dict[str, Any]:
    """What the library reads out of a file; raises where it finds no credentials."""
    found: dict[str, Any] = json.loads(c2pa.Reader(content_type, io.BytesIO(data)).json())
    return found


def faults(found: dict[str, Any]) -> set[str]:
    """What does not hold, but that the root is our own."""
    return {one["code"] for one in found.get("validation_status", [])} - {"signingCredential.untrusted"}


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_published_picture_is_signed_and_its_signature_holds(alice: User, identity: str, form: str) -> None:
    kind = f"image/{form.lower()}"
    item = published(alice, encoded(form), kind)
    assert content_credentials.run_once()
    found = read(body_of(item), kind)
    active = found["manifests"][found["active_manifest"]]
    assert faults(found) == set() and active["title"] == "Harbour"
    assert item.model.ref in json.dumps(active) and "digitalSourceType" in json.dumps(active)


def test_without_a_certificate_nothing_is_signed_and_nothing_is_forgotten(alice: User) -> None:
    item = published(alice, encoded("PNG"))
    assert not content_credentials.run_once()
    item.refresh_from_db()
    assert item.rendition_owed and b"Harbour" in body_of(item)


def test_the_signed_copy_never_tells_a_prompt_that_is_kept_back(alice: User, identity: str) -> None:
    item = published(alice, encoded("PNG"), show_prompt=False)
    content_credentials.run_once()
    assert read(body_of(item)) and b"quiet harbour" not in body_of(item)


def test_a_change_is_in_the_file_at_once_and_in_its_signature_soon(alice: User, identity: str) -> None:
    item = published(alice, encoded("PNG"))
    content_credentials.run_once()
    item.refresh_from_db()
    first = item.rendition
    publication.publish(item, title="Harbour at night", show_prompt=False)
    unsigned = body_of(item)
    assert b"Harbour at night" in unsigned and b"quiet harbour" not in unsigned
    with pytest.raises(c2pa.C2paError):
        read(unsigned)
    content_credentials.run_once()
    assert faults(read(body_of(item))) == set()
    assert first is not None
    assert StoredFile.objects.get(pk=first.pk).state == StoredFile.State.DOOMED


def test_a_change_while_it_is_being_signed_is_not_lost(
    alice: User, identity: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = published(alice, encoded("PNG"))
    sign = content_credentials._sign

    def slowly(wish: dict[str, Any]) -> None:
        sign(wish)
        publication.publish(item, title="Changed meanwhile")

    with monkeypatch.context() as patch:
        patch.setattr(content_credentials, "_sign", slowly)
        content_credentials.run_once()
    item.refresh_from_db()
    assert item.rendition is None and item.rendition_owed
    content_credentials.run_once()
    assert b"Changed meanwhile" in body_of(item)


def test_an_unpublished_picture_keeps_no_signed_copy(alice: User, identity: str) -> None:
    item = published(alice, encoded("PNG"))
    content_credentials.run_once()
    publication.unpublish(item)
    content_credentials.run_once()
    item.refresh_from_db()
    assert item.rendition is None and not content_credentials.run_once()


def test_a_makers_credentials_become_those_of_what_ours_came_from(alice: User, identity: str) -> None:
    first = published(alice, encoded("PNG"))
    content_credentials.run_once()
    signed_elsewhere = body_of(first)
    item = published(alice, signed_elsewhere)
    content_credentials.run_once()
    found = read(body_of(item))
    active = found["manifests"][found["active_manifest"]]
    assert faults(found) == set() and len(found["manifests"]) == 2
    assert active["ingredients"][0]["relationship"] == "parentOf"


def test_a_file_that_cannot_be_signed_goes_out_unsigned_and_holds_up_nobody(
    alice: User, identity: str
) -> None:
    broken = published(alice, b"this is no PNG")
    whole = published(alice, encoded("PNG"))
    while content_credentials.run_once():
        pass
    assert body_of(broken) == b"this is no PNG" and read(body_of(whole))


def test_the_audit_knows_whose_the_copies_are(alice: User, identity: str, capsys: Any) -> None:
    published(alice, encoded("PNG"))
    content_credentials.run_once()
    call_command("audit")
    assert "nothing owns it" not in capsys.readouterr().out


def test_a_wrong_key_stops_the_start_and_is_not_repeated(settings: Any, identity: str) -> None:
    other = chain()[1]
    settings.C2PA = {**settings.C2PA, "key": other}
    found = credentials_can_be_signed(None)
    assert [one.id for one in found] == ["darkroom.E006"] and other not in str(found)
    settings.C2PA = {**settings.C2PA, "certificate": "/nowhere"}
    assert "cannot be read" in str(credentials_can_be_signed(None))


def test_a_key_is_never_shown(identity: str) -> None:
    own = content_credentials.identity()
    assert own is not None and identity not in repr(own)

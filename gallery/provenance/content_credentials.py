"""Content credentials (C2PA) in published files, where the operator has a signing certificate.

A signature is over bytes, so signed copies are made ahead: `Item.rendition`, queued (`rendition_owed`) by
whatever changes what a published file says. Until it exists the file is sent unsigned with the same metadata
(`file_response`). A background job makes the copies one at a time; it may be killed at any moment.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from gallery.items import access
from gallery.models import Item
from gallery.provenance import container_parts, containers, file_response, xmp_packet
from predictions.files import media
from predictions.models import Prediction, StoredFile

log = structlog.get_logger(__name__)
WAIT_S = 90.0
AGAIN_S = 3600.0
"""Seconds until a file that could not be signed is tried again."""
_PUBLISHED_FIELDS = ("title", "prompt", "show_prompt", "licence", "visibility", "rendition_id")
_failed: dict[int, float] = {}


@dataclass(frozen=True)
class Identity:
    """The signer. The key is not part of its repr."""

    certificate: str
    """The PEM chain, the signer's own certificate first."""
    key: str = field(repr=False)
    algorithm: str = "es256"
    timestamps: str = ""


class BadIdentity(Exception):
    """The settings name no usable certificate; the message says which and why."""


def identity() -> Identity | None:
    """The operator's identity, None without one. Raises BadIdentity."""
    if not settings.C2PA["certificate"]:
        return None
    try:
        certificate = Path(settings.C2PA["certificate"]).read_text(encoding="ascii")
        chain = x509.load_pem_x509_certificates(certificate.encode())
    except OSError as error:
        raise BadIdentity(f"DARKROOM_C2PA_CERTIFICATE cannot be read: {error.strerror}.") from None
    except ValueError:
        raise BadIdentity("DARKROOM_C2PA_CERTIFICATE holds no certificates in PEM.") from None
    try:
        key = serialization.load_pem_private_key(settings.C2PA["key"].encode(), password=None)
    except (ValueError, TypeError):
        raise BadIdentity("DARKROOM_C2PA_KEY holds no private key in PEM.") from None
    if key.public_key() != chain[0].public_key():
        raise BadIdentity("DARKROOM_C2PA_KEY is not the key of the first certificate.")
    return Identity(certificate, settings.C2PA["key"], _algorithm(key), settings.C2PA["timestamps"])


def _algorithm(key: object) -> str:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return {256: "es256", 384: "es384", 521: "es512"}.get(key.curve.key_size, "es256")
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPrivateKey):
        return "ps256"
    raise BadIdentity("DARKROOM_C2PA_KEY is of a kind that content credentials do not know.")


def due() -> QuerySet[Item]:
    """Items whose copy is queued; none without a certificate."""
    owed = Item.objects.filter(rendition_owed=True)
    return owed if settings.C2PA["certificate"] else owed.none()


def run_once() -> bool:
    """Make or remove one queued copy. Returns whether there was one. Does nothing without a certificate."""
    signer = identity()
    if signer is None:
        return False
    now = time.monotonic()
    skipped = [pk for pk, until in _failed.items() if until > now]
    owed = access.with_files(Item.objects.filter(rendition_owed=True)).exclude(pk__in=skipped)
    item = owed.select_related("rendition", "output__prediction__version").order_by("-id").first()
    if item is None:
        return False
    try:
        copy = _signed_copy(item, signer) if item.is_open else None
    except (container_parts.UnsupportedContainer, SigningFailed, OSError) as error:
        log.warning("not_signed", item=item.public_id, error=str(error))
        _failed[item.pk] = now + AGAIN_S
        return True
    _replace(item, copy)
    return True


def _replace(item: Item, copy: StoredFile | None) -> None:
    """Replace the item's copy, unless what it says has changed meanwhile."""
    unchanged = {name: getattr(item, name) for name in _PUBLISHED_FIELDS}
    with transaction.atomic():
        changed = Item.objects.filter(pk=item.pk, rendition_owed=True, **unchanged).update(
            rendition=copy, rendition_owed=False
        )
        if not changed:
            # The new file stays pending, and the sweep removes it; the item is still queued.
            return
        if copy is not None:
            media.keep([copy])
        if item.rendition is not None:
            media.doom([item.rendition])


class SigningFailed(Exception):
    """The library could not sign this file."""


def _signed_copy(item: Item, signer: Identity) -> StoredFile:
    file, show_prompt = item.output.file, item.show_prompt
    packet = xmp_packet.packet_of(item, show_prompt=show_prompt)
    with tempfile.TemporaryDirectory(dir=_folder(), prefix="sign-") as folder:
        source, target, parent = (Path(folder, name) for name in ("source", "signed", "parent"))
        with media.storage().open(file.key, "rb") as opened:
            has_credentials = file_response.is_unmodified(file, opened, "" if show_prompt else item.prompt)
            _copy(opened, containers.rewrite(opened, file.size, file.content_type, packet), source)
            if has_credentials:
                # The maker's own credentials become those of the parent.
                _copy(opened, [container_parts.ByteRange(0, file.size)], parent)
        request = {
            "source": str(source), "target": str(target), "parent": str(parent) if has_credentials else "",
            "type": file.content_type, "manifest": _manifest(item, from_parent=has_credentials),
            "certificate": signer.certificate, "key": signer.key, "algorithm": signer.algorithm,
            "timestamps": signer.timestamps,
        }  # fmt: skip
        _sign(request)
        return _store(target, file, item.account_id)


def _folder() -> Path:
    settings.TEMPORARY.mkdir(parents=True, exist_ok=True)
    return Path(settings.TEMPORARY)


def _copy(opened: IO[bytes], parts: list[container_parts.Part], path: Path) -> None:
    with path.open("wb") as copy:
        copy.writelines(file_response.pieces_of(opened, parts, 0, container_parts.length_of(parts)))


def _sign(request: dict[str, Any]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gallery.provenance.c2pa_signer"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
        cwd=settings.BASE_DIR,
        # Nothing of our own environment: it holds secrets.
        env={"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        raise SigningFailed(f"the child ended with {done.returncode}") from None
    if answer.get("error"):
        raise SigningFailed(answer["error"])


def _store(path: Path, original: StoredFile, account_id: int) -> StoredFile:
    row = media.reserve(original.key.rpartition(".")[2], account_id)
    digest = hashlib.sha256()
    with path.open("rb") as signed:
        while chunk := signed.read(file_response.CHUNK):
            digest.update(chunk)
    return media.store(
        row,
        path,
        sha256=digest.hexdigest(),
        content_type=original.content_type,
        width=original.width,
        height=original.height,
    )


def _manifest(item: Item, *, from_parent: bool) -> dict[str, Any]:
    """The manifest: that it was generated, by which model, and when; never the prompt, which only the XMP
    packet may have."""
    prediction: Prediction = item.output.prediction
    agent = {"name": f"{item.model.ref} ({xmp_packet.maker_of(prediction) or 'Darkroom'})"}
    made: dict[str, Any] = {
        "action": "c2pa.created",
        "digitalSourceType": xmp_packet.IPTC_SOURCES + xmp_packet.source_of(prediction),
        "softwareAgent": agent,
    }
    if prediction.completed_at is not None:
        made["when"] = prediction.completed_at.isoformat()
    opened: dict[str, Any] = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["original"]}}
    published = {"action": "c2pa.published"}
    return {
        "claim_generator_info": [{"name": "Darkroom"}],
        "title": item.title or item.public_id,
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {"actions": [opened if from_parent else made, published]},
            }
        ],
    }

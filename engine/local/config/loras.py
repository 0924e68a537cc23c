"""LoRA lookup: from a LoRA name in a request to weights, by the operator's allowlist."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import urlsplit

from engine.local.config.settings_file import LoraRules, is_path
from engine.protocol.job_output import Refusal

_HUB_ID = re.compile(r"[A-Za-z0-9_-]+/[A-Za-z0-9_-]+")
_HUB_ADDRESS = re.compile(r"https?://huggingface\.co/([A-Za-z0-9_-]+/[\w-][\w.-]*)/?")


def display(name: str) -> str:
    """The name as it may be logged: URLs of weights often carry a token in their query."""
    if "://" not in name:
        return name[:200]
    parts = urlsplit(name)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"[:200]


def find(rules: LoraRules, name: str) -> str:
    """The path or hub id of the weights called `name`. Raises `Refusal` where the rules allow none.

    Nothing in a request is ever fetched as a URL, and no text of a request becomes part of a path unless it is
    letters, digits, `_`, `-` and one slash.
    """
    if name in rules.names:
        return rules.names[name]
    address = _HUB_ADDRESS.fullmatch(name)
    hub_id = address[1] if address else name
    if _HUB_ID.fullmatch(hub_id):
        found = _in_folder(rules.folder, hub_id)
        if found is not None:
            return str(found)
    if (_HUB_ID.fullmatch(hub_id) or address) and any(fnmatchcase(hub_id, one) for one in rules.hub):
        return hub_id
    raise Refusal(f"LoRA {display(name)} is not among those that this server has.")


def _in_folder(folder: Path | None, hub_id: str) -> Path | None:
    if folder is None:
        return None
    owner, _, name = hub_id.partition("/")
    for candidate in (folder / owner / f"{name}.safetensors", folder / f"{name}.safetensors"):
        if candidate.is_file():
            return candidate
    files = sorted((folder / owner / name).glob("*.safetensors"))
    return files[0] if files else None


def as_arguments(weights: str) -> tuple[str, dict[str, str]]:
    """Folder or hub id, and keyword arguments, for diffusers' `load_lora_weights`."""
    path = Path(weights)
    if is_path(weights) and path.suffix == ".safetensors":
        return str(path.parent), {"weight_name": path.name}
    return weights, {}

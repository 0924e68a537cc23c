"""Social sign-in: reads the providers of DARKROOM_SOCIAL, a JSON list. Plain Python, for the settings."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

from config import env
from core import redaction

PROVIDERS = ("openid_connect", "google", "github", "gitlab", "microsoft")
_KEYS = {"provider", "id", "name", "client_id", "secret", "server_url", "tenant", "trust_email", "scope"}
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_NAMES = {"google": "Google", "github": "GitHub", "gitlab": "GitLab", "microsoft": "Microsoft"}
_HERE = {"localhost", "127.0.0.1", "::1"}


class Hidden(str):
    """A secret that shows itself in no `repr`, and so in no traceback and no page of errors."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'[secret]'"


def services(name: str) -> dict[str, dict[str, Any]]:
    """SOCIALACCOUNT_PROVIDERS of the variable (or of the file that `NAME_FILE` names), whose secrets no log shows.

    Raises env.SettingError.
    """
    text = env.secret(name)
    if not text:
        return {}
    try:
        given = json.loads(text)
    except ValueError:
        raise env.SettingError(f"{name} must be a JSON list of services.") from None
    if not isinstance(given, list):
        raise env.SettingError(f"{name} must be a JSON list of services.")
    found: dict[str, dict[str, Any]] = {}
    seen: set[str] = set()
    for number, one in enumerate(given, start=1):
        provider, app = _app(f"{name}: service {number}", one)
        own = app["provider_id"] or provider
        if own in seen:
            raise env.SettingError(f"{name}: {own} is there twice; give each a provider or an id of its own.")
        seen.add(own)
        redaction.remember(app["secret"])
        kind = found.setdefault(provider, {"APPS": [], "OAUTH_PKCE_ENABLED": True})
        kind["APPS"].append(app)
    return found


def _app(where: str, one: Any) -> tuple[str, dict[str, Any]]:
    if not isinstance(one, dict):
        raise env.SettingError(f"{where} must be an object.")
    unknown = sorted(set(one) - _KEYS)
    if unknown:
        raise env.SettingError(f"{where} has {unknown[0]}, which is none of {', '.join(sorted(_KEYS))}.")
    provider = one.get("provider", "openid_connect")
    if provider not in PROVIDERS:
        raise env.SettingError(f"{where} must have one of {', '.join(PROVIDERS)} as its provider.")
    texts = {key: one.get(key, "") for key in ("id", "name", "client_id", "secret", "server_url", "tenant")}
    for key, value in texts.items():
        if not isinstance(value, str) or len(value) > 2000:
            raise env.SettingError(f"{where} must have a text as its {key}.")
    for key in ("client_id", "secret"):
        if not texts[key]:
            raise env.SettingError(f"{where} needs its {key}.")
    if not isinstance(one.get("trust_email", True), bool):
        raise env.SettingError(f"{where} must have true or false as its trust_email.")
    scope = one.get("scope", [])
    if not isinstance(scope, list) or not all(isinstance(part, str) for part in scope):
        raise env.SettingError(f"{where} must have a list of texts as its scope.")
    own = texts["id"]
    if provider == "openid_connect" and not _ID.fullmatch(own):
        raise env.SettingError(
            f"{where} needs an id of small letters, digits and hyphens: it stands in its address."
        )
    settings: dict[str, Any] = {"trust_email": one.get("trust_email", True)}
    if scope:
        settings["scope"] = scope
    settings |= _places(where, provider, texts)
    return provider, {
        "provider_id": own if provider == "openid_connect" else "",
        "name": texts["name"] or _NAMES.get(provider, own),
        "client_id": texts["client_id"],
        "secret": Hidden(texts["secret"]),
        "settings": settings,
    }


def _places(where: str, provider: str, texts: dict[str, str]) -> dict[str, str]:
    """Where the service is, for those that are not at one place in the world."""
    url = texts["server_url"].rstrip("/")
    if provider == "microsoft" and texts["tenant"]:
        return {"tenant": texts["tenant"]}
    if provider == "openid_connect" and not url:
        raise env.SettingError(f"{where} needs its server_url.")
    if not url:
        return {}
    parts = urlsplit(url)
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _HERE)
    if not parts.hostname or not safe:
        raise env.SettingError(f"{where} must have an https address as its server_url.")
    return {"gitlab_url": url} if provider == "gitlab" else {"server_url": url}

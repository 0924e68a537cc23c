"""Typed readers for the environment. A wrong value stops the start with a sentence that names the variable."""

from __future__ import annotations

import email.utils
import ipaddress
import os
import re
import secrets
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

BASE_DIR = Path(__file__).resolve().parent.parent


class SettingError(Exception):
    """A setting has a value that cannot be used; the message names the variable, never a secret's value."""


def text(name: str, default: str = "") -> str:
    """The variable as it is, stripped; or the default where it is unset or empty."""
    return os.environ.get(name, "").strip() or default


def boolean(name: str, default: bool = False) -> bool:
    """`1`, `true`, `yes`, `on` or `0`, `false`, `no`, `off`, in any case; anything else is an error."""
    value = text(name).lower()
    if not value:
        return default
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise SettingError(f"{name} must be true or false.")


def choice(name: str, default: str, among: tuple[str, ...]) -> str:
    """One of a few words, in small letters or capitals."""
    value = text(name, default)
    for word in among:
        if word.lower() == value.lower():
            return word
    raise SettingError(f"{name} must be one of {', '.join(among)}.")


def registration(name: str) -> str:
    """`open`, `invite` or `closed`; as a truth, open or closed. Open where nothing is said."""
    value = text(name).lower()
    if value in {"open", "invite", "closed"}:
        return value
    try:
        return "open" if boolean(name, True) else "closed"
    except SettingError:
        raise SettingError(f"{name} must be open, invite or closed.") from None


def integer(name: str, default: int, *, minimum: int | None = None, maximum: int | None = None) -> int:
    """A whole number within the limits."""
    value = text(name)
    if not value:
        return default
    try:
        number = int(value)
    except ValueError:
        raise SettingError(f"{name} must be a whole number.") from None
    if minimum is not None and number < minimum:
        raise SettingError(f"{name} must be at least {minimum}.")
    if maximum is not None and number > maximum:
        raise SettingError(f"{name} must be at most {maximum}.")
    return number


def duration(name: str, default: float) -> float:
    """Seconds, from forms such as `90`, `30s`, `5m`, `1h30m`."""
    value = text(name)
    if not value:
        return default
    if re.fullmatch(r"\d+(\.\d+)?", value):
        return float(value)
    match = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", value)
    if not match:
        raise SettingError(f"{name} must be a duration such as 90, 30s, 5m or 1h30m.")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return float(hours * 3600 + minutes * 60 + seconds)


def items(name: str, default: list[str] | None = None) -> list[str]:
    """A comma-separated list, blanks ignored."""
    value = text(name)
    if not value:
        return list(default or [])
    return [part.strip() for part in value.split(",") if part.strip()]


def origins(name: str) -> list[str]:
    """A comma-separated list of origins such as `https://app.example`, or `*` alone."""
    found = items(name)
    if found == ["*"]:
        return found
    for origin in found:
        parts = urlsplit(origin)
        if (
            parts.scheme not in {"http", "https"}
            or origin != f"{parts.scheme}://{parts.netloc}"
            or not parts.netloc
        ):
            raise SettingError(f"{name} must be a list of origins such as https://app.example, or * alone.")
    return found


def public_address(name: str) -> str:
    """The public URL, such as `https://studio.example.org`, without a path; empty where it is unset.

    As browsers name it: they are compared with it, letter by letter.
    """
    value = text(name).rstrip("/")
    if not value:
        return ""
    try:
        parts = urlsplit(value)
        # No name of a host with letters such as ü goes over the wire.
        host = (parts.hostname or "").encode("ascii" if (parts.hostname or "").isascii() else "idna").decode()
        good = (
            parts.scheme in {"http", "https"}
            and bool(host)
            and parts.port != 0
            and value.lower() == f"{parts.scheme}://{parts.netloc.lower()}"
            and not re.search(r"[\s@]", value)
        )
        port = "" if parts.port in {None, {"http": 80, "https": 443}.get(parts.scheme)} else f":{parts.port}"
    except ValueError:
        good = False
    if not good:
        raise SettingError(
            f"{name} must be an address such as https://studio.example.org, with nothing behind it."
        )
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"


def data_folder() -> Path:
    """The folder of the database, pictures and keys: `DARKROOM_DATA`, else `var/` in the repository's root."""
    return Path(text("DARKROOM_DATA", str(BASE_DIR / "var"))).resolve()


def listen_host() -> str:
    """The address or name on which `script/server` listens."""
    return text("HOST", "127.0.0.1")


def listen_port() -> str:
    """The port on which `script/server` listens, as given; `0` means any free one."""
    return text("PORT", "8000")


def local_origin() -> str:
    """Where this machine itself reaches the server; one that listens on every address is reached at loopback."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listen_host(), listen_host())  # noqa: S104
    return f"http://{f'[{name}]' if ':' in name else name}:{listen_port()}"


def host_of(address: str) -> str:
    """The host of a public address, in brackets where it is one of IPv6."""
    return re.sub(r":\d+$", "", address.partition("//")[2])


def hsts(seconds: str, subdomains: str, *, behind_tls: bool) -> str:
    """The value of `Strict-Transport-Security`; empty where it is not wanted."""
    lasts, below = integer(seconds, 0, minimum=0, maximum=10 * 365 * 86400), boolean(subdomains)
    if not lasts:
        return ""
    if not behind_tls:
        raise SettingError(f"{seconds} wants a DARKROOM_PUBLIC_URL that begins with https://.")
    return f"max-age={lasts}" + ("; includeSubDomains" if below else "")


def hosts(name: str, default: list[str]) -> list[str]:
    """Names that requests may ask for, `.example.org` with all below it, or `*`; without `https://`, without a port."""
    found = items(name, default)
    for host in found:
        if not re.fullmatch(r"\*|\[[0-9A-Fa-f:.]+\]|\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?", host):
            raise SettingError(f"{name} must be a list of names such as studio.example.org: {host} is none.")
    return found


def networks(name: str, *, names: bool = False) -> list[str]:
    """A comma-separated list of networks and addresses; with `names` of host names too."""
    found = items(name)
    for part in found:
        try:
            ipaddress.ip_network(part)
        except ValueError:
            if names and re.fullmatch(r"[^\s/:@]+", part):
                continue
            kinds = (
                "hosts and networks such as gateway.lan, 10.1.0.0/16"
                if names
                else "networks such as 10.1.0.0/16"
            )
            raise SettingError(f"{name} must be a list of {kinds}: {part} is none.") from None
    return found


def mail_addresses(name: str) -> list[str]:
    """A comma-separated list of mail addresses."""
    return [_mail_address(name, part) for part in items(name)]


def mail_address(name: str, default: str) -> str:
    """A mail address, alone or as `Name <address>`."""
    return _mail_address(name, text(name, default))


def _mail_address(name: str, value: str) -> str:
    if not re.fullmatch(r"[^\s@]+@[^\s@]+", email.utils.parseaddr(value)[1]):
        raise SettingError(f"{name} must be a mail address such as darkroom@example.org: {value} is none.")
    return value


def cache_address(name: str) -> str:
    """Where Redis is, or its file; empty where it is unset."""
    value = secret(name)
    if value and urlsplit(value).scheme not in {"redis", "rediss", "unix"}:
        raise SettingError(f"{name} must begin with redis://, rediss:// or unix://.")
    return value


def pairs(name: str) -> dict[str, str]:
    """A comma-separated list of `name=value`, blanks ignored."""
    found: dict[str, str] = {}
    for part in items(name):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not (key and equals and value):
            raise SettingError(f"{name} must be a list such as name=value,other=value.")
        found[key] = value
    return found


def secret(name: str, default: str = "") -> str:
    """The variable, or the content of the file that `NAME_FILE` names."""
    path = text(f"{name}_FILE")
    if path:
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingError(f"{name}_FILE cannot be read: {error.strerror}.") from None
    return text(name, default)


def loopback(name: str) -> str:
    """The address of a server on this very machine, which stands in for another in tests; empty where none is named."""
    value = text(name).rstrip("/")
    if not value:
        return ""
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or parts.hostname not in {"127.0.0.1", "localhost", "::1"}:
        raise SettingError(f"{name} must be an address of this machine, such as http://127.0.0.1:12111.")
    return value


def vault_keys(name: str, path: Path) -> tuple[list[str], Path | None]:
    """The keys of that name, newest first, and the file they stand in, if any: `NAME_FILE`, or `path`.

    Commas, blanks and line ends part them. Where none is set anywhere, one is made and kept in `path` with mode 0600.
    """
    named = text(f"{name}_FILE")
    kept = Path(named) if named else None if text(name) else path
    value = kept_secret(name, path, length=32)
    return fernet_keys(name, value), kept


def fernet_keys(name: str, value: str) -> list[str]:
    """The parts of a text of keys, each 32 bytes in URL-safe base64 of 44 characters with its padding."""
    found = []
    for part in re.split(r"[,\s]+", value.strip()):
        key = part.rstrip("=")
        # 32 bytes are 43 characters, of which the last carries four bits only.
        if not re.fullmatch(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]", key):
            raise SettingError(
                f"{name} must hold keys of 32 bytes in URL-safe base64, newest first; `manage.py keys new` prints one."
            )
        found.append(f"{key}=")
    return found


def kept_secret(name: str, path: Path, length: int = 50) -> str:
    """The secret of that name; where it is set nowhere, one made once and kept in `path` with mode 0600."""
    value = secret(name)
    if value:
        return value
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        # O_EXCL: of several processes that start together exactly one makes the secret.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read_when_written(path, name)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        value = secrets.token_urlsafe(length)
        file.write(value)
    return value


def _read_when_written(path: Path, name: str) -> str:
    import time

    for _ in range(50):
        value = path.read_text(encoding="utf-8").strip()
        if value:
            return value
        time.sleep(0.02)
    raise SettingError(
        f"{name}: the file {path.name} in the data folder is empty; remove it to make a new one."
    )


class MailServer(NamedTuple):
    """The SMTP server that takes mails, as Django's settings have it."""

    host: str
    port: int
    user: str
    password: str
    ssl: bool
    starttls: bool


def mail_server(name: str, url: str) -> MailServer:
    """The server that takes mails: with another scheme they would go to this very machine, unencrypted."""
    parts = urlsplit(url)
    try:
        good = parts.scheme in {"smtp", "smtps", "smtp+tls"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise SettingError(f"{name} must be smtp://, smtps:// or smtp+tls://user:password@host:port.")
    return MailServer(
        host=parts.hostname or "",
        port=parts.port or (465 if parts.scheme == "smtps" else 25),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        ssl=parts.scheme == "smtps",
        starttls=parts.scheme == "smtp+tls",
    )

"""Do requirements/*.txt still fit pyproject.toml? Asks nobody outside: names, ranges and hashes are compared."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)")


def pins(path: Path) -> dict[str, str]:
    """Canonical name -> version of every pin in a compiled file."""
    found = (_PIN.match(line) for line in path.read_text(encoding="utf-8").splitlines())
    return {canonicalize_name(match[1]): match[2] for match in found if match}


def faults(wanted: list[str], path: Path) -> list[str]:
    """What of `wanted` (requirement texts) the compiled file does not hold, or holds in another version."""
    have = pins(path)
    found = []
    for text in wanted:
        requirement = Requirement(text)
        version = have.get(canonicalize_name(requirement.name))
        if version is None:
            found.append(f"{path.name} lacks {requirement.name}; run script/compile.")
        elif not requirement.specifier.contains(version, prereleases=True):
            found.append(
                f"{path.name} pins {requirement.name} {version}, not {requirement.specifier}; run script/compile."
            )
    text = path.read_text(encoding="utf-8")
    if re.search(r"https?://|--find-links|--index-url", text):
        found.append(f"{path.name} records a download address.")
    if text.count("==") and "--hash=" not in text:
        found.append(f"{path.name} has no hashes.")
    return found


def main() -> int:
    """Print each fault; 1 where there is one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    base: list[str] = project["project"]["dependencies"]
    groups: dict[str, list[str]] = project["dependency-groups"]
    found = faults(base, ROOT / "requirements/base.txt")
    found += faults([*base, *groups["dev"]], ROOT / "requirements/dev.txt")
    extra: list[str] = project["project"]["optional-dependencies"]["local"]
    found += faults([*base, *extra], ROOT / "requirements/local.txt")
    found += faults(groups["clients"], ROOT / "requirements/clients-py2.txt")
    found += faults(groups["litellm"], ROOT / "requirements/litellm.txt")
    shared = pins(ROOT / "requirements/base.txt")
    for other in ("dev.txt", "local.txt"):
        more = pins(ROOT / "requirements" / other)
        found += [
            f"{name} differs between base.txt and {other}."
            for name in shared
            if more.get(name) != shared[name]
        ]
    for fault in found:
        print(fault, file=sys.stderr)  # noqa: T201
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

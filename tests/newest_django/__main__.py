"""The lane `newest Django`: installs the newest release from PyPI into .venv-newest-django, and runs the cases with it.

On SQLite and on PostgreSQL, with the newest Python found, since new releases of Django drop old ones; it prints which
Django that was. Where PyPI does not answer, the one installed before is used. Exit code 75 where there is none.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import django

from tests.postgres import NoPostgres, Postgres

FOLDER = Path(".venv-newest-django")
PYTHON = FOLDER / "bin" / "python"
PACKAGES = ("django", "psycopg[binary]")


def _candidates() -> list[str]:
    """Interpreters found, newest first, this one last. Those of pyenv are no commands unless chosen."""
    names = [f"python3.{minor}" for minor in range(16, 11, -1)]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    return [
        *names,
        *(str(path) for name in names for path in sorted(pyenv.glob(f"*/bin/{name}"))),
        sys.executable,
    ]


def _works(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _install() -> bool:
    """Make the environment where there is none, and bring it up to date. Whether there is one with a Django."""
    if not _works(str(PYTHON), "-m", "pip", "--version"):
        python = next((one for one in _candidates() if _works(one, "-c", "import ensurepip, venv")), None)
        if python is None:
            return False
        subprocess.run([python, "-m", "venv", "--clear", str(FOLDER)], check=False)
    if not _works(str(PYTHON), "-m", "pip", "install", "--quiet", "--upgrade", *PACKAGES):
        print("PyPI did not answer: the newest Django may be another.", flush=True)
    return _works(str(PYTHON), "-c", "import django, psycopg")


def _version() -> str:
    command = [str(PYTHON), "-c", "import django; print(django.__version__)"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _run(url: str) -> int:
    env = {**os.environ, "DARKROOM_DATABASE_URL": url}
    return subprocess.run([str(PYTHON), "-m", "tests.newest_django.cases"], env=env, check=False).returncode


def main() -> int:
    """Exit code of the lane."""
    if not _install():
        print("No Django could be installed.")
        return os.EX_TEMPFAIL
    is_same = (
        ""
        if (version := _version()) != django.__version__
        else ", as in all lanes: a newer one needs a newer Python"
    )
    print(f"Django {version}{is_same}.", flush=True)
    failed = _run("")
    try:
        with Postgres() as server:
            return failed or _run(server.url)
    except NoPostgres as error:
        print(error)
        return failed or os.EX_TEMPFAIL


if __name__ == "__main__":
    sys.exit(main())

"""LiteLLM's proxy from PyPI, installed into a folder of its own, and Darkroom as a whole, in front of one upstream."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from benchmarks import harness
from benchmarks.harness import Process
from benchmarks.parts.behind import MODEL

REQUIREMENTS = harness.ROOT / "requirements" / "litellm.txt"
LITELLM_KEY = "sk-not-a-secret"
# It imports for most of a minute on a busy machine.
PATIENCE_S = 240.0
_CONFIG = """\
model_list:
  - model_name: {model}
    litellm_params:
      # One that it knows, else it refuses parameters; the upstream does not look at names.
      model: openai/dall-e-2
      api_base: http://127.0.0.1:{port}/v1
      api_key: not-a-secret
    model_info:
      mode: image_generation
general_settings:
  master_key: {key}
litellm_settings:
  telemetry: false
"""


def installed(cache: Path) -> Path:
    """The folder of a virtual environment with LiteLLM as `requirements/litellm.txt` pins it, made where it is not."""
    name = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:16]
    folder, stamp = cache / f"litellm-{name}", cache / f"litellm-{name}" / "complete"
    if stamp.exists():
        return folder
    print("Installing LiteLLM's proxy into", folder)
    shutil.rmtree(folder, ignore_errors=True)
    uv = [str(Path(sys.executable).parent / "uv")]
    subprocess.run(
        [*uv, "venv", "--no-config", "--quiet", "--python", sys.executable, str(folder)], check=True
    )
    # The file names all that is wanted. What it leaves out is under a licence that is not free, and not needed.
    words = [
        "pip",
        "install",
        "--no-config",
        "--quiet",
        "--no-deps",
        "--compile-bytecode",
        "--require-hashes",
        "-r",
    ]
    subprocess.run([*uv, *words, str(REQUIREMENTS), "--python", str(folder / "bin" / "python")], check=True)
    stamp.touch()
    return folder


@contextlib.contextmanager
def litellm(folder: Path, cache: Path, upstream_port: int, workers: int) -> Iterator[Process]:
    """LiteLLM's proxy with so many worker processes, without a database, as its papers say for production."""
    home = installed(cache)
    folder.mkdir(parents=True)
    config = folder / "litellm.yaml"
    config.write_text(_CONFIG.format(model=MODEL, port=upstream_port, key=LITELLM_KEY))
    port = harness.free_port()
    command = [str(home / "bin" / "litellm"), "--config", str(config), "--host", "127.0.0.1"]
    command += ["--port", str(port), "--num_workers", str(workers)]
    env = {
        "HOME": str(folder), "LITELLM_LOG": "ERROR", "LITELLM_MODE": "PRODUCTION", "LITELLM_TELEMETRY": "False",
        # Else it asks the network for prices.
        "LITELLM_LOCAL_MODEL_COST_MAP": "True", "PATH": f"{home / 'bin'}:{os.environ['PATH']}",
    }  # fmt: skip
    python = str(home / "bin" / "python")
    with harness.started(command, env, port=port, python=python, patience_s=PATIENCE_S) as process:
        _until_well(f"http://127.0.0.1:{port}/health/liveliness", process)
        yield process


@contextlib.contextmanager
def darkroom(
    folder: Path, upstream_port: int, address: str, settings: dict[str, str]
) -> Iterator[tuple[Process, str]]:
    """Darkroom with everything that runs in it, and a token; its data in `folder`, on SQLite where no address is."""
    port = harness.free_port()
    env = {
        "DARKROOM_DATA": str(folder), "DARKROOM_UPSTREAM_PRIVATE": "127.0.0.1", "DARKROOM_ENGINE": "0",
        "DARKROOM_IN_FLIGHT_PER_ACCOUNT": "1000", "PORT": str(port), **settings,
    }  # fmt: skip
    if address:
        env["DARKROOM_DATABASE_URL"] = address
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.parts.behind", "--port", str(upstream_port)]
    done = subprocess.run(
        command, cwd=harness.ROOT, env={**os.environ, **env}, stdout=subprocess.PIPE, check=True
    )
    with harness.started(["-m", "config.server.launcher"], env, port=port, patience_s=PATIENCE_S) as process:
        _until_well(f"http://127.0.0.1:{port}/health", process)
        yield process, json.loads(done.stdout)["token"]


def _until_well(url: str, process: Process) -> None:
    """Wait until it answers with 200. Raises RuntimeError where it does not in time, or ends."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and process.runs():
        with contextlib.suppress(OSError, urllib.error.HTTPError), urllib.request.urlopen(url, timeout=30):
            return
        time.sleep(0.2)
    raise RuntimeError(f"{url} was never well.")

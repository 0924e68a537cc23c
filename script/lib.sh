# Shared by the scripts beside it (sourced, not run). POSIX sh.

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# Sets PYTHON to a Python of at least 3.11; a PYTHON from outside comes first.
find_python() {
    for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11 python; do
        if command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            PYTHON=$candidate
            return 0
        fi
    done
    die "Darkroom needs Python 3.11 or newer, and none was found. Install one, or name it: PYTHON=/path/to/python3 $0"
}

# ask_for COMMAND WHY: ends with the command alone on a line of its own, to be pasted as it is.
ask_for() {
    say "$2 Run this, and then $0 again:"
    say ""
    say "$1"
    exit 1
}

# Debian ships Python without venv and pip; as root the missing package is installed, else its command is printed.
need_venv_module() {
    "$PYTHON" -c 'import ensurepip, venv' >/dev/null 2>&1 && return 0
    package=$("$PYTHON" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])')
    command -v apt-get >/dev/null 2>&1 ||
        die "This Python lacks the modules venv and ensurepip. Install them with your system's package manager, then run $0 again."
    [ "$(id -u)" = 0 ] || ask_for "sudo apt-get install $package" "This Python lacks venv."
    say "Installing $package, which this Python lacks ..."
    DEBIAN_FRONTEND=noninteractive
    export DEBIAN_FRONTEND
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$package"; } >&2 ||
        ask_for "apt-get install $package" "Could not install $package, which this Python lacks."
}

# Makes .venv where there is none that works.
need_venv() {
    if [ -x .venv/bin/python ] && .venv/bin/python -c 'import pip' >/dev/null 2>&1; then
        return 0
    fi
    if [ -x .venv/bin/python ] && .venv/bin/python -m ensurepip >/dev/null 2>&1; then
        return 0
    fi
    find_python
    need_venv_module
    say "Making .venv with $("$PYTHON" --version) ..."
    "$PYTHON" -m venv --clear .venv || die "Could not make .venv in $(pwd)."
}

# need_requirements NAME: installs requirements/NAME.txt when it changed since it was installed here.
need_requirements() {
    need_venv
    stamp=.venv/requirements-$1
    wanted=$(.venv/bin/python -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' \
        "requirements/$1.txt")
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
        return 0
    fi
    say "Installing requirements/$1.txt (a minute or two the first time) ..."
    # Who serves may not be who installed, and cannot keep what Python compiles. Most of what tests bring is never imported.
    compile=--compile
    [ "$1" = base ] || compile=--no-compile
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input $compile --require-hashes \
        -r "requirements/$1.txt" >&2 || die "Could not install requirements/$1.txt. Is there a network?"
    printf '%s\n' "$wanted" >"$stamp"
}

# with_lock COMMAND...: runs it while no other script installs into the same .venv, where flock is at hand.
with_lock() {
    if command -v flock >/dev/null 2>&1; then
        exec 9>.install.lock
        flock 9
        "$@"
        exec 9>&-
    else
        "$@"
    fi
}

#!/bin/sh
# Install the package, editable, with what constraints.txt pins:
#
#     scripts/install.sh demo    to use it
#     scripts/install.sh docs    to build the site
#     scripts/install.sh dev     to work on it: tests, tutorials, linters and oracles too
#
# A call installs nothing while pins, metadata and place are those of the last one.
# Read from the environment: PYTHON (an interpreter), PIP_ARGS (more arguments for pip) and
# MIN_FREE_GB (free disk space asked for).
set -eu
cd "$(dirname "$0")/.."

log=.venv/install.log

say() {
    echo "quantum-latents: $*"
}

fail() {
    echo "error: $*" >&2
    exit 1
}

version_of() {
    "$1" -c 'import platform; print(platform.python_version())' 2>/dev/null
}

suitable() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        suitable "$PYTHON" || fail "PYTHON=$PYTHON is $(version_of "$PYTHON" || echo 'no Python');" \
            "Python 3.11 or newer is needed, for example PYTHON=python3.12"
        python=$PYTHON
        return
    fi
    for python in python3.13 python3.12 python3.11 python3; do
        suitable "$python" && return
    done
    fail "Python 3.11 or newer is needed, and this machine has" \
        "$(version_of python3 || echo none); name one with PYTHON=/path/to/python3"
}

venv_serves() {
    suitable .venv/bin/python || return 1
    [ -z "${PYTHON:-}" ] || [ "$(version_of "$PYTHON")" = "$(version_of .venv/bin/python)" ]
}

check_disk() {
    needed_gb=${MIN_FREE_GB:-3}
    free_kb=$(df -Pk . | awk 'NR == 2 {print $4}')
    [ "$free_kb" -ge $((needed_gb * 1024 * 1024)) ] || fail "the disk is too full:" \
        "$((free_kb / 1024)) MB free here, $needed_gb GB needed; free some space" \
        "(or set MIN_FREE_GB, if you know that less will do)"
}

make_venv() {
    rm -rf .venv
    mkdir .venv
    "$python" -m venv .venv >"$log" 2>&1 || fail "$python cannot create .venv" \
        "(on Debian and Ubuntu: apt install python3-venv); log: $log"
}

pip_install() {
    # PIP_ARGS is a list of words.
    # shellcheck disable=SC2086
    .venv/bin/python -m pip install --disable-pip-version-check --progress-bar off \
        -c constraints.txt ${PIP_ARGS:-} "$@" >>"$log" 2>&1 && return
    # On a full disk the log itself may end in the middle of the message.
    if grep -qi -e 'errno 28' -e 'no space left' "$log"; then
        fail "the disk filled up while pip was installing; log: $log"
    fi
    message=$(grep '^ERROR' "$log" | head -n 1 | cut -c 1-200)
    fail "pip failed: ${message:-it ended without a message} (log: $log)"
}

case ${1:-} in
    demo) extra=data what="the package" ;;
    docs) extra=docs what="the package, the site's tools" ;;
    dev) extra=dev what="the package, the tests' and the linters' tools" ;;
    *) echo "usage: scripts/install.sh demo|docs|dev" >&2 && exit 2 ;;
esac

# A virtual environment knows its own path, so a checkout that moved is installed anew.
state=$(cat constraints.txt pyproject.toml scripts/install.sh | cksum)" in $(pwd)"
for stamp in ".venv/installed-$1" .venv/installed-dev; do
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$state" ] && venv_serves; then
        say "installed already, in .venv"
        exit 0
    fi
done

check_disk
if venv_serves && .venv/bin/python -m pip --version >/dev/null 2>&1; then
    : >"$log"
else
    find_python
    make_venv
fi
rm -f .venv/installed-*
say "installing $what in .venv with Python $(version_of .venv/bin/python)" \
    "(one to three minutes, 2 GB; log: $log)"
# The package is built by the pinned setuptools, not by one that pip fetches for the build.
pip_install setuptools
pip_install --no-build-isolation -e ".[$extra]"
if [ "$1" = dev ]; then
    # Its flow matchers, which an example uses, import torch, numpy and POT; the package asks for
    # torchdyn, Lightning, IPython and forty more.
    pip_install --no-deps torchcfm
fi
echo "$state" >".venv/installed-$1"
say "installed"

#!/bin/sh
# venv.sh REQUIREMENTS STAMP…: make .venv with what REQUIREMENTS pins. Failures are one plain sentence and exit 2.
requirements=$1
shift

stop() {
    echo "$1" >&2
    exit 2
}

fits() {
    "$1" -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

if [ -x .venv/bin/python ] && ! fits .venv/bin/python; then
    rm -rf .venv
fi
if [ ! -x .venv/bin/python ]; then
    for candidate in $PYTHON python3 python3.13 python3.12 python3.11 python3.14; do
        if command -v "$candidate" >/dev/null 2>&1 && fits "$candidate"; then
            python=$candidate
            break
        fi
    done
    [ -n "$python" ] || stop "autoorder needs Python 3.11 or newer: install it (apt install python3 python3-venv), or name one with PYTHON=…"
    free=$(df -Pk . | awk 'NR == 2 { print int($4 / 1024) }')
    [ "$free" -ge 700 ] || stop "The disk is full: $free MB free here, the first start needs 700 MB."
    echo "Making .venv …"
    "$python" -m venv .venv || stop "The virtual environment could not be made: apt install python3-venv, then try again."
fi
echo "Installing what $requirements pins (once, about a minute) …"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-warn-script-location --require-hashes -r "$requirements" 2>.venv/pip.log || {
    tail -n 5 .venv/pip.log >&2
    stop "The packages of $requirements could not be installed: is the network there, and room on the disk? Then try again."
}
touch "$@"

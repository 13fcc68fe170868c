#!/bin/sh
# Make a virtual environment with pip in it: $1 is the Python, $2 the folder.
# Debian's python3 has neither pip nor ensurepip, so pip comes from the wheel beside this file (MIT, see inside it).
set -eu
python=$1 venv=$2
wheel=$(echo "$(dirname "$0")"/pip-*-py3-none-any.whl)

"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || {
    echo "error: $("$python" --version) found, svgmill needs 3.11 to 3.13; name another with: make PYTHON=python3.12 ..." >&2
    exit 1
}
"$python" -m venv --without-pip "$venv"
"$venv/bin/python" "$wheel/pip" --quiet --disable-pip-version-check install --no-index "$wheel"

#!/bin/sh
# The steps of the image, and of infra/rehearse.sh where no image can be built: $1 is the checkout's copy, $2 the folder
# of the virtual environment. Whatever python3 is first in PATH is used. Nothing is resolved: requirements.txt is whole.
set -eu
checkout=$1 venv=$2

sh "$checkout/tools/make_venv.sh" python3 "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-deps -r "$checkout/infra/requirements.txt"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-deps --no-build-isolation -e "$checkout"
"$venv/bin/python" -m pip check
"$venv/bin/python" -m compileall -q "$venv/lib" "$checkout/pipeline" "$checkout/stages" || true # some packages ship templates
"$venv/bin/svgmill" --help > /dev/null

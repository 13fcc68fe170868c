#!/bin/sh
# Build the image svgmill:VERSION where a container tool works; where none does, go through its steps without it. Says which.
set -eu
cd "$(dirname "$0")/.."
image=svgmill:$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
for engine in docker podman; do
    if "$engine" info > /dev/null 2>&1; then
        "$engine" build -f infra/Containerfile -t "$image" .
        "$engine" run --rm --network none "$image" svgmill run /opt/svgmill/configs/quickstart.yaml --workspace ws --engine inline
        echo "image: $image was built by $engine, and ran without a network"
        exit
    fi
done
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
sh infra/rehearse.sh "$folder/image"
echo "image: not built, since no container tool works here; its steps ran in an empty folder"

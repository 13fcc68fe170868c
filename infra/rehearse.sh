#!/bin/sh
# Where no image can be built: what the image holds, installed as the image installs it, in an empty folder with an empty
# environment, and a run there without a network. $1 is the folder, which must not exist.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
target=$1
mkdir "$target"
target=$(CDPATH= cd -- "$target" && pwd)
mkdir "$target/home" "$target/opt"

# what the Containerfile copies, from the files that git knows or would take
sed -n 's|^COPY \(.*\) /opt/svgmill/.*|\1|p; s|^COPY \(.*\) /opt/svgmill$|\1|p' "$here/infra/Containerfile" | grep -v -e '--from' | tr ' ' '\n' |
    while read -r path; do
        (cd "$here" && git ls-files --cached --others --exclude-standard -- "$path")
    done | (cd "$here" && tar --create --files-from=-) | tar --extract --directory="$target/opt"

clean() {
    env -i PATH="$target/venv/bin:$(dirname "$(command -v python3)"):/usr/bin:/bin" HOME="$target/home" "$@"
}
clean sh "$target/opt/infra/install.sh" "$target/opt" "$target/venv"
cd "$target/home"
# a network of its own that leads nowhere; where that needs rights, the one that is there
alone=$(unshare -rn true 2> /dev/null && echo "unshare -rn" || true)
if [ -n "$alone" ]; then network=without; else network=with; fi
echo "installed in $target; now svgmill runs there $network a network"
clean $alone svgmill run "$target/opt/configs/quickstart.yaml" --workspace "$target/ws" --engine inline
clean $alone svgmill verify "$target/ws"

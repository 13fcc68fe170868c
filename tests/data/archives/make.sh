#!/bin/sh
# Makes the archives beside it with the tools that people make archives with. Needs GNU tar, Info-ZIP's zip, dpkg-deb,
# bsdtar (libarchive-tools) and 7z (p7zip-full) of Debian 12. The drawings are our own and CC0.
set -eu
out=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export LC_ALL=C.UTF-8 TZ=UTC SOURCE_DATE_EPOCH=1700000000
svg() { printf '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M%s 1h4v%sz"/></svg>' "$1" "$1"; }

long=$(printf 'n%.0s' $(seq 200))
mkdir -p "set/déjà" set/a
svg 1 > set/a/one.svg
svg 2 > "set/déjà/zwei ü.svg"
svg 3 > "set/a/$(printf 'e\314\201').svg" # e with a combining accent, as macOS stores it
svg 4 > "set/a/$long.svg"
svg 5 > 'set/back\slash.svg'
printf 'text' > set/README
ln -s one.svg set/a/link.svg
find set -exec touch -h -d @1700000000 {} +

bsdtar --format=zip -cf "$out/bsdtar.zip" set
zip -qrX "$out/infozip.zip" set
mkfifo pipe.svg
svg 1 > pipe.svg &
zip -qX -FI - pipe.svg | cat > "$out/stream.zip" # from a pipe into one: sizes follow, and are of 64 bits
7z a -bso0 -tzip -mcu=off "$out/7z-codepage.zip" set
7z a -bso0 -tzip -mm=Deflate64 "$out/7z-deflate64.zip" set/a
7z a -bso0 -tzip -psecret "$out/7z-encrypted.zip" set/a/one.svg
for method in LZMA LZMA2 BZip2 Deflate Copy PPMd; do
    7z a -bso0 -snl -m0=$method "$out/$method.7z" set
done
7z a -bso0 -snl -ms=off -mhc=off "$out/plain.7z" set
7z a -bso0 -snl -mf=BCJ -m0=LZMA2 "$out/filtered.7z" set
7z a -bso0 -psecret "$out/encrypted.7z" set/a/one.svg set/README
7z a -bso0 -psecret -mhe "$out/encrypted-names.7z" set/a/one.svg
7z a -bso0 "$out/empty.7z" ./none-such 2> "$work/none" || true

for format in v7 ustar gnu pax; do # names of over 99 characters are left out of v7, with exit code 2
    tar --sort=name --owner=0 --group=0 --format=$format -czf "$out/$format.tgz" set 2> "$work/none" || true
done
for format in v7 ustar gnutar pax; do
    bsdtar --format=$format -czf "$out/bsdtar-$format.tgz" set 2> "$work/none" || true
done
truncate -s 200000 sparse.svg
svg 6 | dd of=sparse.svg conv=notrunc status=none
truncate -s 200000 sparse.svg
tar --format=gnu -Sczf "$out/sparse-gnu.tgz" sparse.svg
for version in 0.0 0.1 1.0; do
    tar --format=posix --sparse-version=$version -Sczf "$out/sparse-$version.tgz" sparse.svg
done

mkdir -p deb/DEBIAN deb/usr/share/icons/own/scalable deb/usr/share/doc/own-icons
printf 'Package: own-icons\nVersion: 1.0\nArchitecture: all\nMaintainer: svgmill\nDescription: icons\n' > deb/DEBIAN/control
svg 1 > deb/usr/share/icons/own/one.svg
svg 2 > deb/usr/share/icons/own/scalable/two.svg
svg 3 > deb/usr/share/icons/own/three.svg
ln -s one.svg deb/usr/share/icons/own/alias.svg
cat > deb/usr/share/doc/own-icons/copyright <<'END'
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: own-icons
Source: https://icons.test/own

Files: *
Copyright: 2026 The First Author
License: MIT

Files: icons/scalable/* usr/share/icons/own/scalable/*
Copyright: 2026 The Second Author
License: CC-BY-SA-4.0

Files: debian/*
Copyright: 2026 The Packager
License: GPL-2+

License: MIT
 Permission is hereby granted.

License: CC-BY-SA-4.0
 Attribution and sharing alike.

License: GPL-2+
 On Debian systems, see /usr/share/common-licenses/GPL-2.
END
find deb -exec touch -h -d @1700000000 {} +
for method in xz gzip zstd; do
    dpkg-deb -Z$method --root-owner-group -b deb "$out/own-icons-$method.deb" > "$work/none"
done

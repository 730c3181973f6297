#!/usr/bin/env bash
# Bundles the scripts and styles of the pages into one file per page with esbuild. The server uses the
# bundle if its digest equals the digest of the sources, and serves the sources otherwise.
set -euo pipefail
cd "$(dirname "$0")/../Sources/Trellis/Resources"

# The digest covers the name and content of every source, so an edit makes the bundle stale.
digest() {
  (cd assets && find . -type f \( -name '*.js' -o -name '*.css' \) | sed 's|^\./||' | LC_ALL=C sort |
    xargs sha256sum | sha256sum | cut -d ' ' -f 1)
}

wanted=$(digest)
if [ -f bundle/digest ] && [ "$(cat bundle/digest)" = "$wanted" ]; then exit 0; fi

entries=(assets/app.css assets/js/theme.js assets/js/account.js)
for entry in assets/js/*/main.js; do entries+=("$entry"); done
# The views beside the log are loaded when they are first opened; what they export is imported by address.
mapfile -t views < <(find assets/js/job -mindepth 2 -name main.js)
made=$(mktemp -d bundle.XXXXXX)
trap 'rm -rf "$made"' EXIT
# Identifiers keep their names, so stack traces stay readable.
options=(--bundle --outdir="$made" --outbase=assets --target=chrome109,firefox115,safari16.4
  --minify-whitespace --minify-syntax --charset=utf8 --log-level=warning)
esbuild "${entries[@]}" "${options[@]}"
esbuild "${views[@]}" "${options[@]}" --format=esm
printf '%s\n' "$wanted" >"$made/digest"
chmod 755 "$made"
rm -rf bundle
mv "$made" bundle

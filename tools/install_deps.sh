#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs the Debian packages that goro's commands need, and only those that are missing.
#
# usage: install_deps.sh demo|test|browser|compare|compare-net|clang    which command they are for
#
# As root it installs them and says so. Otherwise it says what to run; it then exits with 1 only if something
# is missing that the command cannot do without. On a system without dpkg it looks for the programs instead.
set -eu

needed="g++ cmake python3"
network="libc-ares-dev liburing-dev libssl-dev libboost1.81-dev"  # goro::net, goro::tls, goro::http
useful="ninja-build ccache"  # quicker builds; CMake takes them if they are there
case "${1:-test}" in
  demo) useful="$useful libgtest-dev $network" ;;  # one program of the guide is a GoogleTest
  compare) useful="$useful $network" ;;
  browser) needed="$needed chromium-headless-shell fonts-dejavu-core $network" ;;
  compare-net) needed="$needed wrk nginx-light $network" ;;
  test) needed="$needed libgtest-dev libgmock-dev pkg-config" useful="$useful clang catch2 gdb curl $network" ;;
  clang) needed="$needed libgtest-dev libgmock-dev clang" useful="$useful $network" ;;
  *) echo "goro: install_deps.sh: \"$1\" is not known; say demo, test, browser, compare, compare-net or clang" >&2; exit 2 ;;
esac

if ! command -v dpkg-query >/dev/null 2>&1; then
  missing=""
  for program in c++ cmake python3; do
    command -v "$program" >/dev/null 2>&1 || missing="$missing $program"
  done
  [ -z "$missing" ] && exit 0
  echo "goro: not found:$missing. Install these with your system's package manager;" >&2
  echo "      on Debian the packages are: $needed $useful" >&2
  exit 1
fi

# Of the packages named, those that are not installed.
absent() {
  for package in "$@"; do
    state=$(dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null || true)
    case "$state" in *"ok installed"*) ;; *) printf ' %s' "$package" ;; esac
  done
}

# shellcheck disable=SC2086  # lists of names, to be split
{
  missing=$(absent $needed)
  welcome=$(absent $useful)
}
[ -z "$missing$welcome" ] && exit 0

if [ "$(id -u)" -ne 0 ]; then
  echo "goro: Debian packages are missing:$missing$welcome" >&2
  echo "      They come with this command:" >&2
  echo "          sudo apt-get update &&" \
       "sudo apt-get install --yes --no-install-recommends$missing$welcome" >&2
  [ -z "$missing" ] && echo "      None is indispensable: going on without." >&2 && exit 0
  echo "      Run it, and then what you ran just now." >&2
  exit 1
fi

echo "goro: installing Debian packages:$missing$welcome"
export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet=2
# shellcheck disable=SC2086
apt-get install --quiet=2 --yes --no-install-recommends -o Dpkg::Use-Pty=0 $missing $welcome
echo "goro: installed:$missing$welcome"

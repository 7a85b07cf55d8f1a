#!/bin/sh
# SPDX-License-Identifier: MIT
# Configures a preset if it is new, and builds targets of it.
#
# usage: build.sh PRESET TARGET...
set -eu
cd "$(dirname "$0")/.."
preset=$1
shift
if [ ! -e "build/$preset/build.ninja" ] && [ ! -e "build/$preset/Makefile" ]; then
  cmake --preset "$preset" -DGORO_BUILD_TESTS=OFF
fi
cmake --build --preset "$preset" --parallel "$(nproc)" --target "$@"

#!/bin/sh
# SPDX-License-Identifier: MIT
# Fuzzes what reads bytes of strangers (test/fuzz) with libFuzzer and AddressSanitizer, one target after another.
#
# usage: fuzz.sh [SECONDS [TARGET]...]         60 seconds each; targets: request response router websocket
#
# New inputs are kept under build/fuzz/<target>; one that breaks something, beside them as crash-*.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-60}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- request response router websocket
out=build/fuzz
mkdir -p "$out/objects"
flags="-std=c++20 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -Iinclude -Isrc -Itest"
objects=""
for source in test/fuzz/targets.cpp src/http/base64.cpp src/http/fields.cpp src/http/frames.cpp src/http/parser.cpp \
    src/http/pattern.cpp src/http/routes.cpp src/http/status.cpp src/http/text.cpp src/http/url.cpp; do
  object=$out/objects/$(basename "$source" .cpp).o
  # shellcheck disable=SC2086  # flags, to be split
  clang++ $flags -c -o "$object" "$source"
  objects="$objects $object"
done
for target in "$@"; do
  mkdir -p "$out/$target"
  # shellcheck disable=SC2086
  clang++ $flags -DGORO_FUZZ_TARGET="$target" -o "$out/fuzz_$target" test/fuzz/fuzz_main.cpp $objects
  "$out/fuzz_$target" -max_total_time="$seconds" -max_len=4000 -timeout=10 -print_final_stats=0 -verbosity=0 \
    -artifact_prefix="$out/$target/" "$out/$target" "test/fuzz/corpus/$target"
  echo "ok: $target kept its promises for $seconds s"
done

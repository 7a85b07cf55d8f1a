#!/bin/sh
# SPDX-License-Identifier: MIT
# Checks digest against sha256sum: odd names, errors, --verify, Ctrl-C.
#
# usage: check.sh DIGEST-BINARY            exit 0 and a last line "ok: ..."; or 1 and what failed
set -u
LC_ALL=C
export LC_ALL

if [ $# -ne 1 ] || [ ! -x "$1" ]; then
  echo "usage: check.sh DIGEST-BINARY" >&2
  exit 2
fi
digest=$(realpath "$1")
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
failed=0

fail() {
  echo "FAILED: $*"
  failed=1
}

# run EXPECTED-EXIT-CODE ARGUMENTS...: leaves what was printed in out and err
run() {
  expected=$1
  shift
  "$digest" "$@" >out 2>err
  code=$?
  [ "$code" -eq "$expected" ] && return
  fail "digest $*: exit code $code, not $expected"
  cat err
}

# A tree with names that need care, sizes round SHA-256's block and padding borders, links and a pipe.
mkdir -p "tree/with space" 'tree/back\slash' tree/deep/er/still tree/empty "tree/-dash"
printf 'abc' >"tree/with space/a file"
printf 'back' >'tree/back\slash/b\n'
printf 'newline' >"tree/new
line"
printf 'return' >"tree/$(printf 'carriage\rreturn')"
printf 'dash' >tree/-dash/--list
printf 'star' >'tree/*'
: >tree/deep/er/still/nothing
for size in 1 55 56 57 63 64 65 119 120 128 131071 131072 131073 1000000; do
  head -c "$size" /dev/zero | tr '\0' 'x' >"tree/size-$size"
done
i=0
while [ $i -lt 300 ]; do
  echo "$i" >"tree/deep/$i"
  i=$((i + 1))
done
ln -s /usr tree/link-to-folder
ln -s size-1 tree/link-to-file
mkfifo tree/pipe

for root in tree tree/ ./tree "$folder/tree"; do
  find "$root" -type f -print0 | sort -z | xargs -0 sha256sum >expected
  for jobs in 1 3 64; do
    run 0 --list --jobs $jobs "$root"
    cmp -s out expected && continue
    fail "the list of $root with $jobs readers differs from sha256sum's"
    diff out expected | head -n 10
  done
done

combined=$(sha256sum <expected | cut -d' ' -f1)
grep -q "^combined  $combined " err || fail "the combined digest is not that of the list"
grep -q "^files     $(wc -l <expected)\$" err || fail "the number of files is wrong"
bytes=$(find tree -type f -printf '%s\n' | awk '{ n += $1 } END { print n }')
grep -q "^bytes     $bytes " err || fail "the number of bytes is wrong"
grep -q "$(printf '\r')" err && fail "a progress bar was drawn without a terminal"

run 0 --verify tree
grep -q 'verify .*, the same$' out || fail "--verify does not say that the totals are the same"
run 0 tree/empty
grep -q '^files     0$' out || fail "an empty folder has no files"
run 0 --verify tree/empty
run 0 --list tree/link-to-file
cd tree || exit 1
run 0 --list -- -dash
sha256sum -- -dash/--list | cmp -s out - || fail "a folder after -- is not listed rightly"
rm -f out err
cd ..

# Errors: each names the file. /proc/self/mem is a regular file that even root cannot read from its start.
run 1 --list no/such/folder
grep -q 'no/such/folder: No such file' err || fail "a missing folder is not named"
run 1 --list tree /proc/self/mem
grep -q '/proc/self/mem: ' err || fail "an unreadable file is not named"
[ -s out ] && fail "a list was printed in spite of an error"
run 1 --list --keep-going tree /proc/self/mem
find tree -type f -print0 | sort -z | xargs -0 sha256sum >expected
cmp -s out expected || fail "--keep-going left out too much"
grep -q '^errors    1 ' err || fail "--keep-going does not count the error"
if [ "$(id -u)" -ne 0 ]; then
  chmod 000 tree/size-1
  run 1 tree
  grep -q 'tree/size-1: Permission denied' err || fail "a file without permission is not named"
  chmod 600 tree/size-1
fi
run 1 tree/pipe
run 2 --jobs
run 2 --jobs 0 tree
run 2 --jobs 4x tree
run 2 --banana
grep -q 'banana' err || fail "an unknown option is not named"
run 0 --help
grep -q '^usage: digest' out || fail "--help prints no usage"

# Ctrl-C in the middle of a file that would take minutes: a sparse one. Shells that run this in the
# background make children ignore SIGINT; env undoes that.
mkdir big
truncate -s 64G big/file
for signal in INT:130 TERM:143; do
  env --default-signal=INT timeout --preserve-status -k 30 -s "${signal%:*}" 1 "$digest" big tree >out 2>err
  code=$?
  [ "$code" -eq "${signal#*:}" ] || fail "SIG${signal%:*}: exit code $code, not ${signal#*:}"
  grep -q 'interrupted' err || fail "SIG${signal%:*}: it does not say that it was interrupted"
done

[ "$failed" -eq 0 ] && echo "ok: digest lists as sha256sum does, names errors and stops cleanly"
exit "$failed"

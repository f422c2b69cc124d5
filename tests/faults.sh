#!/usr/bin/env bash
# Faults on purpose: kills, signals, failing system calls, memory and threads, full and read-only disks, two processes. After
# each the training is resumed, and must end with the bits of one that nothing happened to.
#
#   tests/faults.sh            all of it: 100 kills, 500 failing allocations, every failing system call
#   tests/faults.sh --short    a sample, as the tests run it
#   BUILD=build/other tests/faults.sh
#
# The table's columns: tried; told (it ended with an error that says what failed); survived (it ended as if nothing had been);
# lost (other bits, no way on, ended without a word, or changed what is another's). Exit status 1 where anything was lost.
# What the machine does not allow (mounting, strace) is a line that says so.
set -uo pipefail
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${BUILD:-$project/build/release}
program=$build/examples/cifar10/cifar10
short=no
[[ ${1:-} == --short ]] && short=yes
[[ -x $program ]] || { echo "faults.sh: expected $program, built before" >&2; exit 2; }
many() { [[ $short == yes ]] && echo "$1" || echo "$2"; }  # MANY_IN_SHORT MANY
RANDOM=${SEED:-11}

work=$(mktemp -d)
mounted=()
clean() {
  for place in "${mounted[@]}"; do umount "$place" 2> /dev/null; done
  rm -rf "$work"
}
trap clean EXIT

arguments=(--arch compact --norm batch --data synthetic --limit 96 --test-limit 20 --batch 32 --epochs 3 --device cpu
  --threads 1 --save-every-steps 1)
unset CIFAR10_DIR
begin() { "$program" train "${arguments[@]}" --out "$1"; }
# Goes on with a run, or begins one that was stopped before it had said what it is.
proceed() {
  if [[ -e $1/config.json ]]; then "$program" train --resume "$1"; else begin "$1"; fi
}
# The bits that a run ended with: weights, best weights, and metrics but for the seconds.
ending() {
  sha256sum < "$1/model.safetensors"
  sed -n 's/.*"crc64": //p' "$1/checkpoints/best.json" | head -1
  cut -d, -f1-6 "$1/metrics.csv"
}
declare -i tried=0 told=0 survived=0 lost=0 all_lost=0
start_line() { tried=0 told=0 survived=0 lost=0; }
line() {
  printf '%-44s %7d %7d %9d %6d\n' "$1" $tried $told $survived $lost
  all_lost+=$lost
}
skipped() { printf '%-44s not tried: %s\n' "$1" "$2"; }
# What a run that was tampered with says: told or survived by its status, lost when it cannot be brought to the right end.
judge() { # FOLDER STATUS LOG
  tried+=1
  if [[ $2 -eq 0 ]] && [[ $(ending "$1" 2> /dev/null) == "$expected" ]]; then
    survived+=1
  elif [[ $2 -gt 0 && $2 -lt 128 || $2 -eq 130 || $2 -eq 143 ]] && grep -q 'cifar10' "$3" && proceed "$1" > "$work/again" 2>&1 &&
    [[ $(ending "$1") == "$expected" ]]; then
    told+=1
  else
    lost+=1
    echo "lost: $1, status $2" >&2
    tail -3 "$3" "$work/again" >&2
  fi
}

start=$(date +%s%N)
begin "$work/whole" > "$work/log" 2>&1 || { cat "$work/log"; exit 2; }
duration=$((($(date +%s%N) - start) / 1000000))
expected=$(ending "$work/whole")
printf '%-44s %7s %7s %9s %6s\n' "fault" tried told survived lost

# A killed process tells nobody: what counts is that the next one ends right.
start_line
kills=$(many 6 100)
for ((run = 0; tried < kills; ++run)); do
  place=$work/kill
  rm -rf "$place"
  for ((attempt = 0; ; ++attempt)); do
    proceed "$place" > "$work/log" 2>&1 &
    child=$!
    # Those that are left are killed within the first run of this folder or the second.
    if ((tried < kills && attempt < 8)); then
      sleep "$(awk -v most="$duration" -v r="$RANDOM" 'BEGIN { printf "%.3f", most * r / 32768 / 1000 }')"
      # proceed is a shell that waits for the program: the program is its child.
      pkill -KILL -P "$child" 2> /dev/null && tried+=1
    fi
    wait "$child" && break
    if ((attempt > 20)); then break; fi
  done
  if [[ $(ending "$place" 2> /dev/null) != "$expected" ]]; then lost+=1; fi
done
survived=$((tried - lost))
line "kill -9 at a random moment"

start_line
for signal in $(many "INT TERM" "INT TERM INT TERM INT TERM INT TERM INT TERM"); do
  place=$work/signal
  rm -rf "$place"
  "$program" train "${arguments[@]}" --out "$place" > "$work/log" 2>&1 &
  child=$!
  while [[ ! -e $place/checkpoints/last.json ]] && kill -0 "$child" 2> /dev/null; do sleep 0.005; done
  kill -"$signal" "$child" 2> /dev/null
  wait "$child"
  judge "$place" $? "$work/log"
done
line "SIGTERM, and SIGINT (ignored in background)"

if command -v strace > /dev/null && strace -f --seccomp-bpf -o /dev/null true 2> /dev/null; then
  calls=$(many "openat:EACCES fsync:EIO rename:ENOSPC" "openat:EACCES openat:EMFILE write:ENOSPC write:EIO fsync:EIO rename:ENOSPC \
    rename:EROFS flock:EIO mkdir:ENOSPC unlink:EIO newfstatat:EIO lseek:EIO ftruncate:EIO read:EIO close:EIO")
  for call in $calls; do
    strace -f --seccomp-bpf -qq -o "$work/trace" -e trace="${call%:*}" "$program" train "${arguments[@]}" --out "$work/traced" > /dev/null 2>&1
    rm -rf "$work/traced"
    all=$(wc -l < "$work/trace")
    start_line
    # One call of all that the training makes, by its number; evenly over the whole of it.
    samples=$(many 2 25)
    for ((i = 1; i <= samples && i <= all; ++i)); do
      when=$((all <= samples ? i : 1 + (all - 1) * (i - 1) / (samples - 1)))
      place=$work/strace
      rm -rf "$place"
      strace -f --seccomp-bpf -qq -o /dev/null -e trace="${call%:*}" -e "inject=${call%:*}:error=${call#*:}:when=$when" \
        "$program" train "${arguments[@]}" --out "$place" > "$work/log" 2>&1
      judge "$place" $? "$work/log"
    done
    line "system call: ${call%:*} gives ${call#*:}"
  done
else
  skipped "failing system calls" "strace is not there or may not trace"
fi

for harness in alloc_faults:"an allocation" thread_faults:"a thread's creation"; do
  start_line
  found=$(find "$build" -name "${harness%%:*}" -type f -perm -u+x | head -1)
  if [[ -z $found ]]; then skipped "failing ${harness#*:}" "${harness%%:*} is not built"; continue; fi
  "$found" "$(many 10 500)" > "$work/log" 2>&1
  status=$?
  # Their last lines: tried N survived N terminated N, of each thing that was tried.
  read -r tried survived lost < <(awk '/^tried/ { for (i = 1; i < NF; ++i) { if ($i == "tried") t += $(i + 1); if ($i == "survived") s += $(i + 1)
    if ($i == "terminated") l += $(i + 1) } } END { print t + 0, s + 0, l + 0 }' "$work/log")
  if ((status != 0 && lost == 0)); then lost=1; fi
  ((lost)) && tail -3 "$work/log" >&2
  told=$((tried - survived - lost))
  line "failing ${harness#*:}"
done

start_line
for ((kilobytes = 20; kilobytes <= 900; kilobytes += $(many 300 40))); do
  place=$work/limit
  rm -rf "$place"
  (ulimit -f "$kilobytes"; exec "$program" train "${arguments[@]}" --out "$place") > "$work/log" 2>&1
  judge "$place" $? "$work/log"
done
line "files that may not grow further"

if mkdir "$work/disk" && mount -t tmpfs -o size=4m tmpfs "$work/disk" 2> /dev/null; then
  mounted+=("$work/disk")
  start_line
  for ((free = 0; free <= 1200; free += $(many 400 60))); do
    place=$work/disk/run
    rm -rf "$work/disk/filling" "$place"
    head -c $(((4096 - free) * 1024)) /dev/zero > "$work/disk/filling" 2> /dev/null
    begin "$place" > "$work/log" 2>&1
    status=$?
    rm -f "$work/disk/filling"
    judge "$place" $status "$work/log"
  done
  line "full disk"
  start_line
  for _ in $(many "1" "1 2 3 4 5"); do
    place=$work/disk/run
    rm -rf "$place"
    "$program" train "${arguments[@]}" --out "$place" > "$work/log" 2>&1 &
    child=$!
    while [[ ! -e $place/checkpoints/last.json ]] && kill -0 "$child" 2> /dev/null; do sleep 0.002; done
    kill "$child" 2> /dev/null
    wait "$child"
    mount -o remount,ro "$work/disk"
    proceed "$place" > "$work/log" 2>&1
    status=$?
    mount -o remount,rw "$work/disk"
    judge "$place" $status "$work/log"
  done
  line "a disk that has become read-only"
else
  skipped "full disk, read-only disk" "mounting is not allowed"
fi

start_line
for _ in $(many "1" "1 2 3 4 5"); do
  place=$work/two
  rm -rf "$place"
  begin "$place" > "$work/log" 2>&1 &
  child=$!
  while [[ ! -e $place/heddle.lock ]] && kill -0 "$child" 2> /dev/null; do sleep 0.002; done
  tried+=1
  begin "$place" > "$work/second" 2>&1
  status=$?
  wait "$child"
  if [[ $(ending "$place" 2> /dev/null) != "$expected" ]]; then
    lost+=1
  elif [[ $status -eq 1 ]] && grep -q 'in use by process' "$work/second" && [[ ! -e $place/previous-1 ]]; then
    told+=1
  else
    survived+=1  # the first one had finished by then
  fi
done
line "a second run into the same folder"

((all_lost == 0))

#!/usr/bin/env bash
# Everything that needs a real GPU, in one command, each stage within ten minutes: build, tests, compute-sanitizer,
# benchmarks, training steps, the thirteen trainings beside their PyTorch peer, and a table last.
#
#   tests/gpu.sh FOLDER                          all stages; results and full logs go into FOLDER
#   tests/gpu.sh FOLDER build tests              some of them
#   tests/gpu.sh FOLDER --peer torch_cifar.py    also time the peer (PyTorch with CUDA has to be there)
#   tests/gpu.sh FOLDER --dry-run                say what would be run
#
# Stages: build tests memcheck racecheck synccheck initcheck tune bench steps peer train table
#   build      the library, the programs and the tests, for this machine's GPU; with FOLDER's conv_tuned.inc where there is one
#   tests      the surface's promises, every kernel test and the library's tests on the GPU
#   ...check   compute-sanitizer's four tools over the kernel tests (without those of large shapes)
#   tune       which tile is the fastest for each convolution (conv_tuned.inc in FOLDER, to be kept as
#              kernels/conv/conv_tuned.inc, and conv_tune.md), and a build with what was found, for the stages behind it
#   bench      every kernel at the layers' shapes, beside the device's measured roofline
#   steps      a training step of each of the thirteen, and what it is made of
#   peer       the same steps in PyTorch: eager in both layouts, amp, compile (needs --peer and --data)
#   train      the thirteen trainings by their recipes (--only ARCH-NORM,... for some)
#   table      what FOLDER holds by now, as a table
#
# --data DIR   holds cifar-10-batches-bin/; default: $CIFAR10_DIR, else what the program finds
# --limit S    seconds a stage may take, default 570; a training that was cut short is done again by the next call
# --only A,B   systems of steps, peer and train, as bottleneck-batch; default: all
# --build DIR  default build/gpu
set -uo pipefail
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
systems="transition-batch transition-group transition-layer dilated-batch residual-batch residual-group residual-layer
bottleneck-batch bottleneck-group bottleneck-layer compact-batch compact-group compact-layer"
all_stages="build tests memcheck racecheck synccheck initcheck tune bench steps peer train table"
benches=$(cd "$project/bench" && basename -s .cpp *_bench.cpp)

fail() {
  echo "tests/gpu.sh: $*" >&2
  exit 2
}

out="" peer="" data=${CIFAR10_DIR:-} limit=570 build=$project/build/gpu dry=0 stages=""
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; exit 0 ;;
    --peer | --data | --limit | --only | --build)
      [ $# -ge 2 ] || fail "expected a value after $1"
      case $1 in
        --peer) peer=$(realpath "$2") ;;
        --data) data=$2 ;;
        --limit) limit=$2 ;;
        --only) systems=${2//,/ } ;;
        --build) build=$2 ;;
      esac
      shift ;;
    --dry-run) dry=1 ;;
    -*) fail "expected an option of --help's, got $1" ;;
    *)
      if [ -z "$out" ]; then out=$1
      else
        case " $all_stages " in *" $1 "*) stages+=" $1" ;; *) fail "expected a stage of: $all_stages; got $1" ;; esac
      fi ;;
  esac
  shift
done
[ -n "$out" ] || fail "expected a folder for the results; see --help"
stages=${stages:-$all_stages}

gpu=$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null | head -n 1)
if [ -z "$gpu" ]; then
  echo "There is no GPU on this machine (nvidia-smi finds none)."
  if [ $dry = 0 ]; then
    echo "Nothing was run and nothing measured. --dry-run says what would be."
    exit 77
  fi
else
  echo "GPU: $gpu"
fi
mkdir -p "$out/logs" || exit 2
out=$(cd "$out" && pwd)
[ $dry = 1 ] || { nvidia-smi; nvcc --version; git -C "$project" log -1 --format=%H; } >"$out/machine.txt" 2>&1

failed="" deadline=0
# run NAME COMMAND...: within what is left of the stage's time, its output in logs/NAME.log.
run() {
  local name=$1 left rc
  shift
  if [ $dry = 1 ]; then
    printf '  [%s]' "$name"
    printf ' %q' "$@"
    printf '\n'
    return
  fi
  left=$((deadline - SECONDS))
  if [ $left -le 0 ]; then
    echo "  $name: no time left in this stage"
    failed+=" $name"
    return 1
  fi
  local begin=$SECONDS
  timeout "$left" "$@" >"$out/logs/$name.log" 2>&1
  rc=$?
  case $rc in
    0) echo "  $name: ok, $((SECONDS - begin)) s" ;;
    77) echo "  $name: skipped: $(tail -n 1 "$out/logs/$name.log")" ;;
    124) echo "  $name: cut short after $((SECONDS - begin)) s" ;;
    *) echo "  $name: failed ($rc), the end of logs/$name.log:"; tail -n 15 "$out/logs/$name.log" | sed 's/^/    /' ;;
  esac
  [ $rc = 0 ] || [ $rc = 77 ] || failed+=" $name"
  return $rc
}

# build_all NAME TABLE: convolutions take their tiles by this table; without one, by kernels/conv/conv_tuned.inc.
build_all() {
  source "$project/examples/setup.sh"
  heddle_cuda_architecture
  run "$1configure" cmake -S "$project" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CUDA_FLAGS=-lineinfo -DHEDDLE_CUDA=ON -DHEDDLE_PICTURES=OFF -DHEDDLE_DOWNLOAD=OFF -DHEDDLE_BUILD_TESTS=ON -DHEDDLE_BUILD_BENCH=ON -DHEDDLE_CONV_TUNED="$2" &&
    run "$1build" cmake --build "$build" -j "$(heddle_jobs)" --target test_simt_cuda test_kernels_gpu test_library_gpu cifar10 train_step conv_tune $benches
}
stage_build() { build_all "" "$([ -s "$out/conv_tuned.inc" ] && echo "$out/conv_tuned.inc")"; }
stage_tests() {
  run test_simt "$build/tests/simt/gpu/test_simt_cuda"
  run test_kernels "$build/tests/test_kernels_gpu"
  run test_library "$build/tests/test_library_gpu"
}
sanitize() {
  local tool=$1
  shift
  run "$tool-simt" compute-sanitizer --tool "$tool" --error-exitcode 1 "$@" "$build/tests/simt/gpu/test_simt_cuda"
  run "$tool-kernels" compute-sanitizer --tool "$tool" --error-exitcode 1 "$@" "$build/tests/test_kernels_gpu" "~[large]"
}
stage_memcheck() { sanitize memcheck --leak-check full; }
stage_racecheck() { sanitize racecheck; }
stage_synccheck() { sanitize synccheck; }
stage_initcheck() { sanitize initcheck; }
# Measures for two thirds of the stage's time; what is found by then is kept.
stage_tune() {
  run conv_tune timeout $((limit * 2 / 3)) "$build/bench/conv_tune" --device cuda \
    --note "$(git -C "$project" log -1 --format='commit %h' 2>/dev/null)" \
    --write "$out/conv_tuned.inc" --json "$out/conv_tune.json" --markdown "$out/conv_tune.md"
  if [ $dry = 1 ] || [ -s "$out/conv_tuned.inc" ]; then build_all tuned- "$out/conv_tuned.inc"; fi
}
stage_bench() {
  local bench
  mkdir -p "$out/bench"
  for bench in $benches; do
    run "$bench" "$build/bench/$bench" --device cuda --benchmark_min_time=0.02 --benchmark_out="$out/bench/$bench.json" \
      --benchmark_out_format=json
  done
}
stage_steps() {
  local system precision
  mkdir -p "$out/steps"
  for precision in fp32 tf32 bf16; do
    run "plan-$precision" "$build/bench/train_step" --arch all --norm all --device cuda --precision "$precision" --plan \
      --json "$out/plan-$precision.json"
    for system in $systems; do
      run "step-$system-$precision" "$build/bench/train_step" --arch "${system%-*}" --norm "${system#*-}" --device cuda \
        --precision "$precision" --steps 200 --json "$out/steps/$system-$precision.json"
    done
  done
}
stage_peer() {
  local system mode layout
  if [ -z "$peer" ] || [ -z "$data" ]; then
    echo "  the peer is not timed: --peer FILE and --data DIR (or CIFAR10_DIR) say where it and the data are"
    return
  fi
  mkdir -p "$out/peer"
  for system in $systems; do
    for mode in eager-nchw eager-nhwc amp-nhwc compile-nhwc; do
      layout=${mode#*-}
      [ -s "$out/peer/$system-$mode.json" ] ||
        run "peer-$system-$mode" python3 "$peer" --data "$data" --arch "${system%-*}" --norm "${system#*-}" --device cuda \
          --mode "${mode%-*}" --layout "$layout" --steps 200 --json "$out/peer/$system-$mode.json"
    done
  done
}
stage_train() {
  local system precision folder
  for precision in bf16 fp32; do
    for system in $systems; do
      folder=$out/train/$system-$precision
      [ -s "$folder/report.html" ] ||
        run "train-$system-$precision" "$build/examples/cifar10/cifar10" train --arch "${system%-*}" --norm "${system#*-}" \
          --device cuda --precision "$precision" ${data:+--data "$data"} --out "$folder"
    done
  done
}
stage_table() { run table python3 "$project/tests/gpu_table.py" "$out" && { [ $dry = 1 ] || cat "$out/table.md"; }; }

for stage in $stages; do
  echo "$stage:"
  deadline=$((SECONDS + limit))
  "stage_$stage"
done
if [ -n "$failed" ]; then
  echo "Not in order:$failed (logs in $out/logs)"
  exit 1
fi
if [ $dry = 1 ]; then echo "A dry run: nothing was run and nothing measured."; fi

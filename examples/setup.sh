# What examples/run.sh and tests/run.sh share; they source it. It looks for what a build needs and installs what is missing
# where apt-get is the way to do so (Debian, Ubuntu); elsewhere it lists what is missing and stops. Where nothing is
# missing it uses no network.
#
#   heddle_require PACKAGE...   makes sure that these are there, named as Debian's packages
#   heddle_want PACKAGE...      installs these where that can be done, and goes without them otherwise
#   heddle_build_folder KIND    prints where a build of this kind (release, quick) is kept, see docs/environment.md
#   heddle_jobs                 prints how many compilers to run at once
#   heddle_cuda_architecture    has nvcc, where there is one, compile for this machine alone

# The command that a package is needed for, or a header of it; nothing where the package is only files.
heddle_probe() {
  case $1 in
    cmake | ccache | git | curl) echo "command $1" ;;
    g++) echo "command ${CXX:-c++}" ;;
    ninja-build) echo "command ninja ninja-build" ;;
    libfmt-dev) echo "header fmt/format.h" ;;
    libcli11-dev) echo "header CLI/CLI.hpp" ;;
    nlohmann-json3-dev) echo "header nlohmann/json.hpp" ;;
    libjpeg-dev) echo "header jpeglib.h" ;;
    libpng-dev) echo "header png.h" ;;
    libcurl4-openssl-dev) echo "header curl/curl.h" ;;
    libarchive-dev) echo "header archive.h" ;;
    libssl-dev) echo "header openssl/evp.h" ;;
    clang) echo "command clang++" ;;
    libclang-rt-*-dev) echo "file $(clang++ -print-resource-dir)/lib/linux/libclang_rt.fuzzer-$(uname -m).a" ;;
    libstb-dev) echo "header stb/stb_image.h" ;;
    catch2) echo "header catch2/catch.hpp catch2/catch_all.hpp" ;;
    libbenchmark-dev) echo "header benchmark/benchmark.h" ;;
    ca-certificates) echo "file /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem" ;;
    *) echo "heddle_probe: nothing known about $1" >&2; return 1 ;;
  esac
}

heddle_present() {
  local kind candidates candidate
  read -r kind candidates <<<"$(heddle_probe "$1")"
  for candidate in $candidates; do
    case $kind in
      command) command -v "$candidate" >/dev/null && return ;;
      file) [ -e "$candidate" ] && return ;;
      header) "${CXX:-c++}" -E -x c++ -include "$candidate" /dev/null >/dev/null 2>&1 && return ;;
    esac
  done
  return 1
}

# heddle_install PACKAGE...: status 1, and no word, where there is no apt-get or no way to be root.
heddle_install() {
  local as_root=()
  command -v apt-get >/dev/null || return 1
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || return 1
    as_root=(sudo)
  fi
  echo "Installing what is missing: $*"
  "${as_root[@]}" apt-get update -qq &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

heddle_missing() {
  local package
  for package in "$@"; do heddle_present "$package" || printf '%s ' "$package"; done
}

heddle_want() {
  local missing
  read -ra missing <<<"$(heddle_missing "$@")"
  if [ ${#missing[@]} -eq 0 ] || heddle_install "${missing[@]}"; then return; fi
  echo "Going on without what is optional, by the names of Debian's packages: ${missing[*]}" >&2
}

heddle_require() {
  local missing
  read -ra missing <<<"$(heddle_missing "$@")"
  if [ ${#missing[@]} -gt 0 ] && ! heddle_install "${missing[@]}"; then
    echo "Missing, by the names of Debian's packages: ${missing[*]}" >&2
    echo "Please install them by your system's own means (with apt-get it takes root or sudo), then start this again." >&2
    return 1
  fi
  local version
  version=$(cmake --version | sed -n 's/^cmake version //p')
  if [ "$(printf '%s\n' 3.25 "$version" | sort -V | head -n 1)" != 3.25 ]; then
    echo "Expected cmake 3.25 or later, got $version; see https://cmake.org/download for a newer one." >&2
    return 1
  fi
}

# build/KIND in the project; where that cannot be written, a folder of the user's cache, one for each place of the project.
heddle_build_folder() {
  local here
  here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
  if [ -n "${HEDDLE_BUILD_DIR:-}" ]; then
    case $HEDDLE_BUILD_DIR in /*) echo "$HEDDLE_BUILD_DIR/$1" ;; *) echo "$PWD/$HEDDLE_BUILD_DIR/$1" ;; esac
  elif { [ -d "$here/build/$1" ] && [ -w "$here/build/$1" ]; } || { [ ! -e "$here/build" ] && [ -w "$here" ]; } || [ -w "$here/build" ]; then
    echo "$here/build/$1"
  else
    echo "${XDG_CACHE_HOME:-$HOME/.cache}/heddle/$(printf %s "$here" | cksum | cut -d ' ' -f 1)/$1"
  fi
}

# One compiler a core, as long as each has a gigabyte and a half of free memory.
heddle_jobs() {
  local cores memory jobs
  cores=$(nproc 2>/dev/null || echo 1)
  memory=$(awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo 2>/dev/null || true)
  jobs=$cores
  if [ -n "$memory" ] && [ $((memory / 1536)) -lt "$cores" ]; then jobs=$((memory / 1536)); fi
  echo $((jobs > 0 ? jobs : 1))
}

# What is built here runs here: CUDA kernels for this machine's GPU alone; where there is none, for one architecture, to see
# that they compile. CUDAARCHS in the environment decides otherwise.
heddle_cuda_architecture() {
  if [ -n "${CUDAARCHS:-}" ]; then return; fi
  if nvidia-smi -L 2>/dev/null | grep -q GPU; then export CUDAARCHS=native; else export CUDAARCHS=90; fi
}

#!/usr/bin/env bash
# Who includes whom: examples -> train -> nn -> ops -> autograd -> core -> kernels -> base, and beside nn: optim sees autograd
# and rightwards, data core and rightwards, report core and base, debug nn and rightwards. The optional components: pictures sees
# core and base, download data and rightwards; no room of the core sees them, and heddle.hpp has none of their headers. Public
# headers leak no dependency.
#
# usage: layering.sh PROJECT
set -euo pipefail
cd "$1"
mapfile -t files < <(find lib/heddle kernels examples \( -name '*.hpp' -o -name '*.cpp' -o -name '*.cu' -o -name '*.cuh' \) | sort)
awk '
  function forbid(why) { printf "%s:%d: %s: %s\n", FILENAME, FNR, why, $0; failures++ }
  function room_of(path,   parts) { split(path, parts, "/"); return parts[1] == "heddle" ? parts[2] : parts[1] }
  function is_public(path) { return path ~ /^heddle\// && !(path in internal) }

  BEGIN {
    sees["base"] = "base"
    sees["kernels"] = "kernels base"
    sees["core"] = "core kernels base"
    sees["autograd"] = "autograd core kernels base"
    sees["ops"] = "ops autograd core kernels base"
    sees["nn"] = "nn ops autograd core kernels base"
    sees["optim"] = "optim autograd core kernels base"
    sees["data"] = "data core kernels base"
    sees["report"] = "report core base"
    sees["debug"] = "debug nn ops autograd core kernels base"
    sees["train"] = "train nn optim data report ops autograd core kernels base"
    sees["pictures"] = "pictures core base"
    sees["download"] = "download data core base"
    components = "^heddle/(pictures|download)/"
    umbrella = "heddle/heddle.hpp"

    # Beforehand: which headers are internal.
    for (i = 1; i < ARGC; i++) {
      name = ARGV[i]; sub(/^lib\//, "", name)
      while ((getline line < ARGV[i]) > 0)
        if (line ~ /^\/\/ (.* )?Internal[.:]/) { internal[name]; break }
      close(ARGV[i])
    }
  }

  FNR == 1 {
    files++
    self = FILENAME; sub(/^lib\//, "", self)
    room = room_of(self)
    header = self ~ /\.hpp$/
    if (self ~ /^heddle\// && self != umbrella && !(room in sees)) forbid("a room that the layering does not know")
  }
  /^[ \t]*#[ \t]*include/ {
    target = $0; sub(/^[^"<]*["<]/, "", target); sub(/[">].*/, "", target)
    if (target ~ /^(cuda|cooperative_groups|mma\.h|nvtx|cub\/)/ && self !~ /^kernels\/simt\//) forbid("CUDA outside of kernels/simt")
    if (header && is_public(self) && (target ~ /^((fmt|nlohmann|CLI|stb|kernels|curl|openssl)\/|(jpeglib|png|archive))/ || target in internal))
      forbid("a public header leaks a dependency")
    if (target !~ /^(heddle|kernels)\//) next
    if (self == umbrella) {
      covered[target]
      if (target ~ components) forbid("the umbrella has an optional component")
      next
    }
    if (room == "examples") {
      if (!is_public(target) && target !~ /^heddle\/base\/(check|format|json)\.hpp$/)
        forbid("examples use public headers alone")
    } else if ((" " sees[room] " ") !~ (" " room_of(target) " ")) {
      forbid(room " does not see " room_of(target))
    }
  }
  /^HD_API_BEGIN$/ { marked[self] }
  END {
    for (i = 1; i < ARGC; i++) {
      name = ARGV[i]; sub(/^lib\//, "", name)
      if (name ~ /^heddle\/.*\.hpp$/ && is_public(name) && name != umbrella && name !~ components && !(name in covered)) {
        printf "%s: missing in %s\n", name, umbrella
        failures++
      }
      if (name ~ /^heddle\/.*\.hpp$/ && is_public(name) && name != umbrella && name !~ /base\/(export|inline)\.hpp$/ && !(name in marked)) {
        printf "%s: a public header, but nothing of it is between HD_API_BEGIN and HD_API_END\n", name
        failures++
      }
    }
    if (files < 60) { printf "only %d files seen\n", files; failures++ }
    printf "%d files, %d failures\n", files, failures
    exit failures > 0
  }
' "${files[@]}"

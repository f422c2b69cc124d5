#!/usr/bin/env python3
"""Times heddle and its PyTorch peer alternately on the same machine and prints the ratios.

usage: compare.py --program BUILD/bench/train_step --peer torch_cifar.py --data DIR [--rounds R] [--steps K]
                  [--threads T] [--only ARCH-NORM ...] [--json FILE]

One round runs each system once in heddle and once in the peer, so that a change of the machine's load meets both. The
table gives the median over the rounds of each one's step time, and the ratio of the medians. The peer runs with glibc's
malloc told to keep its memory, without which it is slower.
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys

SYSTEMS = ["transition-batch", "transition-group", "transition-layer", "dilated-batch", "residual-batch", "residual-group",
           "residual-layer", "bottleneck-batch", "bottleneck-group", "bottleneck-layer", "compact-batch", "compact-group",
           "compact-layer"]


def last_json(command, env=None):
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--program", required=True)
    ap.add_argument("--peer", required=True)
    ap.add_argument("--peer-python", default=sys.executable)
    ap.add_argument("--data", required=True)
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--steps", type=int, default=15)
    ap.add_argument("--threads", type=int, default=os.cpu_count())
    ap.add_argument("--layout", default="nhwc", choices=("nchw", "nhwc"))
    ap.add_argument("--device", default="cpu")
    ap.add_argument("--only", nargs="*", default=SYSTEMS)
    ap.add_argument("--json")
    a = ap.parse_args()
    env = dict(os.environ, MALLOC_MMAP_THRESHOLD_="1000000000", MALLOC_TRIM_THRESHOLD_="4000000000",
               MALLOC_TOP_PAD_="100000000")
    times = {name: {"heddle": [], "peer": []} for name in a.only}
    for turn in range(a.rounds):
        for name in a.only:
            print(f"round {turn + 1} of {a.rounds}: {name}", file=sys.stderr, flush=True)
            arch, norm = name.split("-")
            common = ["--arch", arch, "--norm", norm, "--threads", str(a.threads), "--steps", str(a.steps),
                      "--device", a.device]
            times[name]["heddle"].append(last_json([a.program, *common])["step_ms"])
            times[name]["peer"].append(
                last_json([a.peer_python, a.peer, "--data", a.data, "--layout", a.layout, *common], env)["step_ms"])
    rows = []
    print(f"{'system':<18} {'heddle ms':>10} {'peer ms':>10} {'ratio':>7}")
    for name in a.only:
        ours, theirs = (statistics.median(times[name][k]) for k in ("heddle", "peer"))
        rows.append({"system": name, "heddle_ms": ours, "peer_ms": theirs, "ratio": theirs / ours, "raw": times[name]})
        print(f"{name:<18} {ours:>10.2f} {theirs:>10.2f} {theirs / ours:>6.2f}x")
    if a.json:
        with open(a.json, "w") as file:
            json.dump({"machine": platform.processor() or platform.machine(), "threads": a.threads, "rounds": a.rounds,
                       "steps": a.steps, "device": a.device, "layout": a.layout, "rows": rows}, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Times heddle and its PyTorch peer alternately on the same machine and prints the ratios.

usage: compare.py --program BUILD/bench/train_step --peer torch_cifar.py --data DIR [--peer-python P] [--rounds R]
                  [--steps K] [--threads T] [--layout best|nchw|nhwc] [--eval] [--memory] [--only ARCH-NORM ...]
                  [--json FILE]

One round runs each system once in heddle and once in the peer, so that a change of the machine's load meets both. The
table gives the median over the rounds of each one's step time, and the ratio of the medians. --layout best (the default)
runs the peer in both layouts in the first round and then in the faster one. --eval times forward passes in evaluation
mode instead of training steps. --memory adds how much each process's resident memory grew at its peak, from the loaded data
set on; both read it from the kernel. The peer runs with glibc's malloc told to keep its memory, without which it is slower.
The JSON file is written after each system, so that a run that is stopped leaves what it has.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

SYSTEMS = ["transition-batch", "transition-group", "transition-layer", "dilated-batch", "residual-batch", "residual-group",
           "residual-layer", "bottleneck-batch", "bottleneck-group", "bottleneck-layer", "compact-batch", "compact-group",
           "compact-layer"]
PEER_MALLOC = {"MALLOC_MMAP_THRESHOLD_": "1000000000", "MALLOC_TRIM_THRESHOLD_": "4000000000", "MALLOC_TOP_PAD_": "100000000"}
PROBE = pathlib.Path(__file__).with_name("peer_probe.py")


def last_json(command, env=None):
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or not lines:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    return json.loads(lines[-1])


def machine():
    model = os.uname().machine
    with open("/proc/cpuinfo") as file:
        fields = dict(line.split(":", 1) for line in file if ":" in line)
    fields = {name.strip(): value.strip() for name, value in fields.items()}
    family = f", family {fields['cpu family']} model {fields['model']}" if "cpu family" in fields else ""
    return f"{fields.get('model name', model)}{family}, {os.cpu_count()} cores"


class Comparison:
    def __init__(self, a):
        self.a = a
        self.env = dict(os.environ, **PEER_MALLOC) if a.device == "cpu" else dict(os.environ)
        self.raw = {name: {"heddle": [], "nchw": [], "nhwc": [], "load": []} for name in a.only}

    def common(self, name):
        arch, norm = name.split("-")
        return ["--arch", arch, "--norm", norm, "--threads", str(self.a.threads), "--steps", str(self.a.steps)]

    def heddle(self, name):
        mode = ["--eval"] if self.a.eval else []
        self.raw[name]["heddle"].append(last_json([self.a.program, *self.common(name), "--device", self.a.device, *mode]))

    def peer(self, name, layout):
        common = ["--data", self.a.data, "--layout", layout, *self.common(name)]
        if self.a.eval or self.a.memory:
            command = [str(PROBE), "--peer", self.a.peer, *common, *(["--eval"] if self.a.eval else [])]
        else:
            command = [self.a.peer, *common, "--device", self.a.device]
        self.raw[name][layout].append(last_json([self.a.peer_python, *command], self.env))

    def layouts(self, name):
        if self.a.layout != "best":
            return [self.a.layout]
        raw = self.raw[name]
        if not raw["nchw"] or not raw["nhwc"]:
            return ["nchw", "nhwc"]
        return [min(("nchw", "nhwc"), key=lambda layout: raw[layout][0]["step_ms"])]

    def run(self, name):
        self.raw[name]["load"].append(os.getloadavg()[0])
        self.heddle(name)
        for layout in self.layouts(name):
            self.peer(name, layout)

    def median(self, name, kind, field="step_ms"):
        values = [run[field] for run in self.raw[name][kind] if field in run]
        return statistics.median(values) if values else None

    def row(self, name):
        layout = self.layouts(name)[0]
        row = {"system": name, "layout": layout, "heddle_ms": self.median(name, "heddle"), "peer_ms": self.median(name, layout)}
        row["ratio"] = row["peer_ms"] / row["heddle_ms"]
        if self.a.memory:
            row["heddle_mb"] = self.median(name, "heddle", "step_memory_mb")
            row["peer_mb"] = self.median(name, layout, "step_memory_mb")
        return row

    def rows(self):
        done = [name for name, raw in self.raw.items() if raw["heddle"] and (raw["nchw"] or raw["nhwc"])]
        return [self.row(name) for name in done if self.raw[name][self.layouts(name)[0]]]

    def save(self):
        if not self.a.json:
            return
        a = self.a
        text = {"machine": machine(), "mode": "eval" if a.eval else "train", "threads": a.threads, "rounds": a.rounds,
                "steps": a.steps, "device": a.device, "rows": self.rows(), "raw": self.raw}
        temporary = pathlib.Path(a.json + ".tmp")
        temporary.write_text(json.dumps(text, indent=1) + "\n")
        temporary.replace(a.json)

    def table(self):
        memory = f" {'heddle MB':>10} {'peer MB':>10}" if self.a.memory else ""
        print(f"{'system':<18} {'heddle ms':>10} {'peer ms':>10} {'layout':>7} {'ratio':>7}{memory}")
        for row in self.rows():
            memory = f" {row['heddle_mb']:>10.1f} {row['peer_mb']:>10.1f}" if self.a.memory else ""
            print(f"{row['system']:<18} {row['heddle_ms']:>10.2f} {row['peer_ms']:>10.2f} {row['layout']:>7} "
                  f"{row['ratio']:>6.2f}x{memory}", flush=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--program", required=True)
    ap.add_argument("--peer", required=True)
    ap.add_argument("--peer-python", default=sys.executable)
    ap.add_argument("--data", required=True)
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--steps", type=int, default=15)
    ap.add_argument("--threads", type=int, default=os.cpu_count())
    ap.add_argument("--layout", default="best", choices=("best", "nchw", "nhwc"))
    ap.add_argument("--device", default="cpu")
    ap.add_argument("--eval", action="store_true")
    ap.add_argument("--memory", action="store_true")
    ap.add_argument("--only", nargs="+", default=SYSTEMS, choices=SYSTEMS, metavar="ARCH-NORM")
    ap.add_argument("--json")
    a = ap.parse_args()
    if a.eval and a.memory:
        ap.error("--memory is that of training steps: without --eval")
    if (a.eval or a.memory) and a.device != "cpu":
        ap.error("--eval and --memory are measured on the CPU")
    comparison = Comparison(a)
    try:
        for turn in range(a.rounds):
            for name in a.only:
                print(f"round {turn + 1} of {a.rounds}: {name}", file=sys.stderr, flush=True)
                comparison.run(name)
                comparison.save()
    except KeyboardInterrupt:
        print("stopped; what has been measured so far:", file=sys.stderr)
    comparison.table()


if __name__ == "__main__":
    main()

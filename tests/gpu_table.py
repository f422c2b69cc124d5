#!/usr/bin/env python3
"""What tests/gpu.sh left in a folder, as tables: gpu_table.py FOLDER writes FOLDER/table.md, and every kernel's figures into
FOLDER/kernels.md."""
import csv
import json
import pathlib
import statistics
import sys

UNITS = {"ns": 1e-3, "us": 1, "ms": 1e3, "s": 1e6}  # in microseconds
MODES = ["eager-nchw", "eager-nhwc", "amp-nhwc", "compile-nhwc"]


def read_json(path):
    """The JSON in a file, or nothing where a run was cut short."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return {}


def training(folder):
    """Epochs, seconds of training, and the last test accuracy."""
    try:
        rows = list(csv.DictReader(open(folder / "metrics.csv")))
    except OSError:
        return None
    if not rows:
        return None
    return len(rows), sum(float(r["seconds"]) for r in rows), float(rows[-1]["test_accuracy"])


def cell(value, form="{:.3f}"):
    return form.format(value) if value is not None else "-"


ROOFLINE = "% roofline"


def kernels(out):
    """The fast CUDA kernels' benchmarks by family (and precision, where it has several), and what they are held against."""
    families, device = {}, {}
    for path in sorted((out / "bench").glob("*_bench.json")):
        results = read_json(path)
        device = {k: v for k, v in results.get("context", {}).items() if k == "device" or k.startswith(("GB/s", "TFLOP/s"))} or device
        for run in results.get("benchmarks", []):
            name = run["name"].removeprefix("cuda/").removesuffix("/manual_time").removesuffix("/iterations:1")
            if not run["name"].startswith("cuda/") or run.get("run_type", "iteration") != "iteration":
                continue
            precision = next((p for p in ("tf32", "bf16") if name.endswith(p)), "")
            families.setdefault(f"{path.stem.removesuffix('_bench')} {precision}".strip(), []).append(dict(run, name=name))
    return families, device


def kernel_tables(out):
    """Lines of the table of families; writes that of all kernels."""
    families, device = kernels(out)
    if not families:
        return []
    against = [f"Measured roofline: {', '.join(f'{k}: {v}' for k, v in device.items())}.", ""]
    lines = against + ["| family | kernels | best % of roofline | median % | worst % |", "|" + "---|" * 5]
    every = against + ["| family | kernel | us | GB/s | TFLOP/s | % of roofline |", "|" + "---|" * 6]
    for family, runs in families.items():
        known = sorted((run for run in runs if ROOFLINE in run), key=lambda run: run[ROOFLINE])
        extreme = lambda run: f"{run[ROOFLINE]:.1f} ({run['name']}, {run['real_time'] * UNITS[run['time_unit']]:.2f} us)"
        if known:
            median = statistics.median(run[ROOFLINE] for run in known)
            lines.append(f"| {family} | {len(runs)} | {extreme(known[-1])} | {median:.1f} | {extreme(known[0])} |")
        for run in runs:
            every.append("| " + " | ".join([
                family, run["name"], cell(run["real_time"] * UNITS[run["time_unit"]], "{:.2f}"), cell(run.get("GB/s"), "{:.0f}"),
                cell(run.get("TFLOP/s"), "{:.2f}"), cell(run.get(ROOFLINE), "{:.1f}")]) + " |")
    (out / "kernels.md").write_text("\n".join(every) + "\n")
    return ["", *lines]


def tiles(out):
    """A line about the tiles that conv_tune chose."""
    tuned = read_json(out / "conv_tune.json")
    gains = []
    for one in tuned.get("passes", []):
        times = {tile["tile"]: tile["us"] for tile in one["tiles"]}
        gains.append(times[one["estimate"]] / times[one["kept"]])
    if not gains:
        return []
    return ["", f"Convolutions' tiles: of {len(gains)} passes {sum(gain > 1 for gain in gains)} keep another one than the estimate's choice, "
                f"{max(gains):.2f} times as fast at most, {statistics.geometric_mean(gains):.3f} over all of them (conv_tune.md)."
                + (" These are the emulator's times, which mean nothing." if tuned["emulated"] else "")]


def main():
    out = pathlib.Path(sys.argv[1])
    lines = ["| system, precision | graph nodes | MB a step | ms a step | images/s | peer eager | amp | compile | ratio to eager | to compile "
             "| epochs | s of training | test % |", "|" + "---|" * 13]
    plans = {f"{plan['system']}-{plan['precision']}": plan for path in out.glob("plan-*.json") for plan in read_json(path) or []}
    names = sorted({p.stem for p in (out / "steps").glob("*.json")} | {p.name for p in (out / "train").glob("*")})
    for name in names:
        step = read_json(out / "steps" / f"{name}.json")
        system = name.rpartition("-")[0]
        peer = {mode: read_json(out / "peer" / f"{system}-{mode}.json").get("step_ms") for mode in MODES}
        eager = min((peer[m] for m in MODES[:2] if peer[m]), default=None)
        ours, plan = step.get("step_ms"), plans.get(name, {})
        ratio = lambda other: other / ours if other and ours else None
        epochs, seconds, accuracy = training(out / "train" / name) or (None, None, None)
        lines.append("| " + " | ".join([
            name, cell(plan.get("nodes"), "{}"), cell(plan.get("megabytes"), "{:.1f}"), cell(ours), cell(step.get("images_per_s"), "{:.0f}"), cell(eager),
            cell(peer["amp-nhwc"]), cell(peer["compile-nhwc"]), cell(ratio(eager), "{:.1f}"), cell(ratio(peer["compile-nhwc"]), "{:.1f}"),
            cell(epochs, "{}"), cell(seconds, "{:.2f}"), cell(accuracy, "{:.2f}")]) + " |")
    lines = (lines if len(lines) > 2 else []) + kernel_tables(out) + tiles(out) or ["Nothing was measured."]
    (out / "table.md").write_text("\n".join(lines) + "\n")


main()

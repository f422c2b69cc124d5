#!/usr/bin/env python3
"""What tests/gpu.sh left in a folder, as a table: gpu_table.py FOLDER writes FOLDER/table.md."""
import csv
import json
import pathlib
import sys

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


def main():
    out = pathlib.Path(sys.argv[1])
    lines = ["| system | graph nodes | MB a step | ms a step | images/s | peer eager | amp | compile | ratio to eager | to compile "
             "| epochs | s of training | test % |", "|" + "---|" * 13]
    plans = {plan["system"]: plan for plan in read_json(out / "plan.json") or []}
    names = sorted({p.stem for p in (out / "steps").glob("*.json")} | {p.name for p in (out / "train").glob("*")})
    for name in names:
        step = read_json(out / "steps" / f"{name}.json")
        peer = {mode: read_json(out / "peer" / f"{name}-{mode}.json").get("step_ms") for mode in MODES}
        eager = min((peer[m] for m in MODES[:2] if peer[m]), default=None)
        ours, plan = step.get("step_ms"), plans.get(name, {})
        ratio = lambda other: other / ours if other and ours else None
        epochs, seconds, accuracy = training(out / "train" / name) or (None, None, None)
        lines.append("| " + " | ".join([
            name, cell(plan.get("nodes"), "{}"), cell(plan.get("megabytes"), "{:.1f}"), cell(ours), cell(step.get("images_per_s"), "{:.0f}"), cell(eager),
            cell(peer["amp-nhwc"]), cell(peer["compile-nhwc"]), cell(ratio(eager), "{:.1f}"), cell(ratio(peer["compile-nhwc"]), "{:.1f}"),
            cell(epochs, "{}"), cell(seconds, "{:.2f}"), cell(accuracy, "{:.2f}")]) + " |")
    if len(lines) == 2:
        lines = ["Nothing was measured."]
    (out / "table.md").write_text("\n".join(lines) + "\n")


main()

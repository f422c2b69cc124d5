#!/usr/bin/env python3
"""Per cent of the roofline of every kernel, as a Markdown table.

    conv_bench --benchmark_filter='/auto/threads:1' --benchmark_repetitions=9 --benchmark_out=conv.json
    roofline_table.py conv.json [more.json ...]

A row is a layer; a column, a pass: milliseconds and the share of them that the machine's multiply-adds or its copy
bandwidth allow for, whichever takes longer. Of several files, the least time of a kernel counts, and the most that any
of the programs measured of the machine at its start; on one thread the time is the processor's, which other work on the
machine disturbs least.
"""
import argparse
import json


def read(paths):
    """The runs, and what the machine can do: {("GFLOP/s" or "GB/s", threads): rate}."""
    runs, machine = [], {}
    for path in paths:
        with open(path) as file:
            content = json.load(file)
        runs += [run for run in content["benchmarks"] if run.get("run_type") == "iteration"]
        for name, value in content["context"].items():
            unit, _, rest = name.partition(" on ")
            if unit in ("GFLOP/s", "GB/s"):
                key = unit, int(rest.split()[0])
                machine[key] = max(machine.get(key, 0), float(value))
    return runs, machine


def least_times(paths):
    """{layer: {pass: (milliseconds, per cent)}}; names are [batch/ or group/]pass/layer[/algorithm]/threads:N[/...]."""
    runs, machine = read(paths)
    table = {}
    for run in runs:
        parts = run["name"].split("/")
        if parts[0] in ("batch", "group"):  # norms
            parts = [parts[1], parts[0] + " norm, " + parts[2], *parts[3:]]
        threads = next(int(part.removeprefix("threads:")) for part in parts if part.startswith("threads:"))
        ms = run["cpu_time" if threads == 1 else "real_time"] * 1e-6
        # The program's rates are those of real time.
        work = {unit: run.get(unit, 0) * run["real_time"] * 1e-9 for unit in ("GFLOP/s", "GB/s")}
        least = max(amount / machine[unit, threads] for unit, amount in work.items())
        passes = table.setdefault(parts[1], {})
        if least > 0 and (parts[0] not in passes or ms < passes[parts[0]][0]):
            passes[parts[0]] = ms, 100 * least / (ms * 1e-3)
    return table


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("json", nargs="+", help="what the benchmark wrote with --benchmark_out")
    table = least_times(parser.parse_args().json)
    columns = list(dict.fromkeys(name for passes in table.values() for name in passes))
    print("| layer | " + " | ".join(f"{name} ms | %" for name in columns) + " |")
    print("|---|" + "---|---|" * len(columns))
    for layer, passes in table.items():
        cells = []
        for name in columns:
            ms, share = passes.get(name, (None, None))
            cells.append(" | " if ms is None else f"{ms:.3g} | {'**%.0f**' % share if share >= 60 else '%.0f' % share}")
        print(f"| {layer} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()

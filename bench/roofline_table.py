#!/usr/bin/env python3
"""Per cent of the roofline of every kernel, as a Markdown table.

    conv_bench --benchmark_filter='/auto/threads:1' --benchmark_repetitions=9 --benchmark_out=conv.json
    roofline_table.py conv.json [more.json ...]

A row is a layer; a column, a pass: milliseconds and the share of the time that the machine's multiply-adds or its copy
bandwidth allow for, as the program measured them at start. The least of all repetitions counts; on one thread that of
processor time, which other work on the machine disturbs least.
"""
import argparse
import json


def least_times(paths):
    """{layer: {pass: (milliseconds, share)}}; names are pass/layer[/algorithm]/threads:N[/...]."""
    table = {}
    for path in paths:
        with open(path) as file:
            runs = json.load(file)["benchmarks"]
        for run in runs:
            if run.get("run_type") != "iteration" or "% roofline" not in run:
                continue
            parts = run["name"].split("/")
            threads = next(part for part in parts if part.startswith("threads:"))
            nanoseconds = run["cpu_time"] if threads == "threads:1" else run["real_time"]
            # The program's rate is that of real time.
            share = run["% roofline"] * run["real_time"] / nanoseconds
            passes = table.setdefault(parts[1], {})
            if parts[0] not in passes or nanoseconds < passes[parts[0]][0] * 1e6:
                passes[parts[0]] = (nanoseconds / 1e6, share)
    return table


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("json", nargs="+", help="what the benchmark wrote with --benchmark_out")
    table = least_times(parser.parse_args().json)
    columns = ["forward", "grad_input", "grad_weight"]
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

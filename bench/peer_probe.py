#!/usr/bin/env python3
"""Runs the PyTorch peer (torch_cifar.py, unchanged) for what it does not measure itself: evaluation steps, and memory.

usage: peer_probe.py --peer torch_cifar.py --data DIR --arch A --norm N --layout L --threads T --steps K [--eval]

Prints the peer's own JSON object with `step_memory_mb` added: how much the resident memory grew at its peak, from the loaded
data set on (before the network is built) to the end of the steps. --eval times forward passes in evaluation mode without
gradients, batch by batch, preparation and counting of right answers included, as the peer's own evaluation does them.
"""
import argparse
import importlib.util
import json
import statistics
import sys
import time

import torch


def resident(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(name + ":"))


def reset_peak():
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def evaluation(peer, a):
    torch.set_num_threads(a.threads)
    torch.manual_seed(1)
    batch = peer.RECIPES[a.arch][0]
    layout = torch.channels_last if a.layout == "nhwc" else torch.contiguous_format
    images, labels = peer.load(a.data, ["test_batch.bin"])
    mean, std = torch.tensor(peer.MEAN)[:, None, None], torch.tensor(peer.STD)[:, None, None]
    net = peer.ARCHS[a.arch](a.norm).to(memory_format=layout).eval()
    times, right, full = [], 0, len(images) // batch
    with torch.no_grad():
        for s in range(10 + a.steps):
            part = slice(s % full * batch, (s % full + 1) * batch)
            start = time.perf_counter()
            x = ((images[part].float() / 255 - mean).div(std)).contiguous(memory_format=layout)
            right += (net(x).argmax(1) == labels[part]).sum()
            times.append(time.perf_counter() - start)
    median = statistics.median(times[10:])
    return {"peer": f"torch {torch.__version__}", "arch": a.arch, "norm": a.norm, "device": "cpu", "mode": "eval",
            "layout": a.layout, "threads": torch.get_num_threads(), "batch": batch, "step_ms": median * 1e3,
            "images_per_s": batch / median}


def training(peer, a):
    """The peer's own main(), watched: its last call of load() marks where the memory of the step begins."""
    original, printed, before = peer.load, [], 0

    def load(*args):
        nonlocal before
        loaded = original(*args)
        reset_peak()
        before = resident("VmRSS")
        return loaded

    peer.load, peer.print = load, lambda *args, **_: printed.append(args[0])
    sys.argv = [a.peer, "--data", a.data, "--arch", a.arch, "--norm", a.norm, "--layout", a.layout, "--threads",
                str(a.threads), "--steps", str(a.steps)]
    peer.main()
    return dict(json.loads(printed[-1]), step_memory_mb=(resident("VmHWM") - before) * 1e-6)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("peer", "data", "arch", "norm", "layout"):
        ap.add_argument("--" + name, required=True)
    ap.add_argument("--threads", type=int, required=True)
    ap.add_argument("--steps", type=int, default=15)
    ap.add_argument("--eval", action="store_true")
    a = ap.parse_args()
    spec = importlib.util.spec_from_file_location("peer", a.peer)
    peer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(peer)
    print(json.dumps(evaluation(peer, a) if a.eval else training(peer, a)))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Sends all thirteen networks from PyTorch to heddle, back to PyTorch, and to onnxruntime, and compares.

usage: round_trip.py --cifar10 build/release/examples/cifar10/cifar10 [--tolerance 1e-4] [--images 8]

Needs torch, numpy and, for the last two columns, onnxruntime and onnx (pip install onnx onnxruntime). For each network:

  1. PyTorch makes it with random weights of a trained network's size, shifted norms and used running statistics, and saves
     its state_dict.
  2. cifar10 import takes it over; its file is opened in PyTorch again: every tensor must have the same bits.
  3. cifar10 compare-activations runs it on PyTorch's images: the largest difference in any layer's output, as a part of that
     layer's largest value; of a logit; and the largest logit.
  4. cifar10 export writes it as ONNX; onnx checks the file, onnxruntime runs it on batches of several sizes: the largest
     difference of a logit from PyTorch and from heddle.

Exits with 1 where a difference exceeds the tolerance.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
from torch import nn

from dump_activations import dump
from heddle_models import ARCHITECTURES, load, read_safetensors, save, write_safetensors

NETWORKS = [(arch, norm) for arch in ARCHITECTURES for norm in (["batch"] if arch == "dilated" else ["batch", "group", "layer"])]


def used_network(arch, norm):
    """A network whose every parameter and running statistic is other than at the start."""
    net = ARCHITECTURES[arch](norm)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, (nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm)) and module.weight is not None:
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.5, 0.5)
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        net.train()
        for _ in range(4):
            net(1.5 * torch.randn(8, 3, 32, 32) + 0.3)
    return net.eval()


def run_onnx(path, images):
    import onnx
    import onnxruntime
    onnx.checker.check_model(str(path), full_check=True)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    whole = session.run(None, {name: images.numpy()})[0]
    for size in (1, 3):  # an open batch takes any number
        part = session.run(None, {name: images[:size].numpy()})[0]
        assert np.abs(part - whole[:size]).max() < 1e-4, f"{path}: a batch of {size} gives other logits"
    return torch.from_numpy(whole)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--cifar10", required=True, help="the program")
    ap.add_argument("--tolerance", type=float, default=1e-4)
    ap.add_argument("--images", type=int, default=8)
    ap.add_argument("--only", help="one architecture")
    ap.add_argument("--no-onnx", action="store_true", help="leave onnxruntime out")
    a = ap.parse_args()
    program = str(pathlib.Path(a.cifar10).resolve())

    def cifar10(*words):
        done = subprocess.run([program, *map(str, words)], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(map(str, words))}:\n{done.stdout}{done.stderr}")

    torch.manual_seed(1)
    good = True
    print(f"{'network':<18}  {'same bits back':<14}  {'any layer':>9}  {'logits':>9}  {'of up to':>8}  {'ONNX-PyTorch':>12}  {'ONNX-heddle':>11}")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for arch, norm in NETWORKS:
            if a.only not in (None, arch):
                continue
            net = used_network(arch, norm)
            theirs, run = folder / "theirs.safetensors", folder / f"{arch}-{norm}"
            save(net, theirs, arch, norm)
            cifar10("import", theirs, "--out", run)
            back = load(run / "model.safetensors")
            same = all(torch.equal(x, y) for x, y in zip(net.state_dict().values(), back.state_dict().values()))

            images = torch.randn(a.images, 3, 32, 32)
            activations = dump(back, images)
            write_safetensors(folder / "dump.safetensors", activations, {"format": "pt"})
            cifar10("compare-activations", folder / "dump.safetensors", "--model", run, "--out", folder / "ours.safetensors")
            ours = read_safetensors(folder / "ours.safetensors")[0]
            assert set(ours) == set(activations), f"{arch}-{norm}: layers {set(ours) ^ set(activations)} are on one side only"
            layers = max(((ours[name] - t).abs().max() / t.abs().max()).item() for name, t in activations.items())
            worst = [layers, (ours["output"] - activations["output"]).abs().max().item()]
            largest = activations["output"].abs().max().item()
            if not a.no_onnx:
                cifar10("export", run, "--onnx", folder / "net.onnx")
                onnx = run_onnx(folder / "net.onnx", images)
                worst += [(onnx - activations["output"]).abs().max().item(), (onnx - ours["output"]).abs().max().item()]
            good = good and same and max(worst) <= a.tolerance
            print(f"{arch + ', ' + norm:<18}  {'yes' if same else 'NO':<14}  {worst[0]:9.1e}  {worst[1]:9.1e}  {largest:8.2f}  " +
                  ("  ".join(f"{w:{n}.1e}" for w, n in zip(worst[2:], (12, 11))) or "not asked"), flush=True)
    print("All within" if good else "NOT all within", a.tolerance)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()

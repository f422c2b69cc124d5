#!/usr/bin/env python3
"""Opens a network that heddle trained in PyTorch and compares the logits of the test images.

usage: cifar10 evaluate RUN --data DIR --logits logits.safetensors
       check_logits.py --model RUN/model.safetensors --data DIR --logits logits.safetensors [--tolerance 1e-4]

Prints the largest difference, and exits with 1 where it exceeds the tolerance.
"""
import argparse
import pathlib
import sys

import numpy as np
import torch

from heddle_models import load, read_safetensors

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2471, 0.2435, 0.2616)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--model", required=True)
    ap.add_argument("--data", required=True)
    ap.add_argument("--logits", required=True)
    ap.add_argument("--tolerance", type=float, default=1e-4)
    a = ap.parse_args()
    folder = pathlib.Path(a.data)
    if (folder / "cifar-10-batches-bin").is_dir():
        folder /= "cifar-10-batches-bin"
    records = np.fromfile(folder / "test_batch.bin", np.uint8).reshape(-1, 3073)
    images = torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).copy()).float() / 255
    images = (images - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    ours = read_safetensors(a.logits)[0]["logits"]
    net = load(a.model)
    with torch.no_grad():
        theirs = torch.cat([net(batch) for batch in images[:len(ours)].split(500)])
    worst = (ours - theirs).abs().max().item()
    same = (ours.argmax(1) == theirs.argmax(1)).float().mean().item()
    print(f"{a.model}: {len(ours)} images, largest difference of a logit {worst:.2e}, same class {100 * same:.2f}%")
    sys.exit(0 if worst <= a.tolerance else 1)


if __name__ == "__main__":
    main()

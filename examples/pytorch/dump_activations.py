#!/usr/bin/env python3
"""Saves what every layer of a PyTorch network makes of some images, for heddle to compare with its own:

       dump_activations.py --model model.safetensors --out activations.safetensors
       cifar10 compare-activations activations.safetensors --model model.safetensors

The tensors are called "input", by the layers' paths ("stages.0.1") in the order they run, and "output"; a layer that runs
again has "#2", "#3", ... behind its path. dump() does the same for any nn.Module. The images are random unless --images
names a safetensors file with normalised ones as "images" or "input".
"""
import argparse

import torch

from heddle_models import ARCHITECTURES, load, read_safetensors, write_safetensors


def dump(net, images):
    """A dictionary of the input, each leaf module's output, and the output, in evaluation mode."""
    tensors, calls, hooks = {"input": images}, {}, []

    def keep(path):
        def hook(module, inputs, output):
            calls[path] = calls.get(path, 0) + 1
            tensors[path if calls[path] == 1 else f"{path}#{calls[path]}"] = output.detach().clone()
        return hook

    for path, module in net.named_modules():
        if path and not any(module.children()):
            hooks.append(module.register_forward_hook(keep(path)))
    was_training = net.training
    with torch.no_grad():
        tensors["output"] = net.eval()(images)
    net.train(was_training)
    for hook in hooks:
        hook.remove()
    return tensors


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--model", required=True, help="a model.safetensors")
    ap.add_argument("--arch", choices=list(ARCHITECTURES), help="where the file does not say")
    ap.add_argument("--norm", choices=["batch", "group", "layer"], help="where the file does not say")
    ap.add_argument("--images", help="a safetensors file; default: random numbers")
    ap.add_argument("--count", type=int, default=4, help="random images (default %(default)s)")
    ap.add_argument("--out", required=True)
    a = ap.parse_args()
    if a.images:
        found = read_safetensors(a.images)[0]
        images = found["images"] if "images" in found else found["input"]
    else:
        images = torch.randn(a.count, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    tensors = dump(load(a.model, a.arch, a.norm), images)
    write_safetensors(a.out, tensors, {"format": "pt"})
    print(f"{a.out}: {len(tensors) - 2} layers of {len(images)} images")


if __name__ == "__main__":
    main()

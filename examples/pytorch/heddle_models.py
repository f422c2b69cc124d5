"""heddle's five CIFAR-10 networks as PyTorch modules, so that weights travel both ways.

    net = load("runs/bottleneck-batch/model.safetensors")      # architecture and norm as the file says
    save(net, "mine.safetensors", arch="bottleneck", norm="batch")   # for: cifar10 evaluate mine.safetensors

Needs torch and numpy. Parameter names are the same on both sides: stages.<stage>.<layer>.weight.
"""
import json
import struct

import numpy as np
import torch
from torch import nn

DTYPES = {"F32": np.float32, "F64": np.float64, "I64": np.int64, "U8": np.uint8}


def read_safetensors(path):
    """The file's tensors by name, and its metadata."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        payload = file.read()
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        values = np.frombuffer(payload[begin:end], DTYPES[entry["dtype"]]).reshape(entry["shape"])
        tensors[name] = torch.from_numpy(values.copy())
    return tensors, metadata


def write_safetensors(path, tensors, metadata):
    names = {np.dtype(v): k for k, v in DTYPES.items()}
    header, payload, offset = {"__metadata__": metadata}, [], 0
    for name, tensor in tensors.items():
        values = np.ascontiguousarray(tensor.detach().cpu().numpy())
        header[name] = {"dtype": names[values.dtype], "shape": list(tensor.shape),
                        "data_offsets": [offset, offset + values.nbytes]}
        payload.append(values.tobytes())
        offset += values.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(payload))


class Net(nn.Module):
    """Stages in a row; skips[(a, b)]: the input of stage a is added to the output of stage b."""

    def __init__(self, stages, skips=()):
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.skips = tuple(skips)

    def forward(self, x):
        inputs = []
        for number, stage in enumerate(self.stages):
            inputs.append(x)
            x = stage(x)
            for begin, end in self.skips:
                if end == number:
                    x = x + inputs[begin]
        return torch.flatten(x, 1)


def conv3(i, o, **options):
    return nn.Conv2d(i, o, 3, **{"padding": 1, "bias": False, **options})


def conv1(i, o, **options):
    return nn.Conv2d(i, o, 1, **{"bias": False, **options})


def transition(norm):
    groups = {20: 5, 32: 8, 24: 8}

    def block(layer, size, p=0.0, keep_group=False):
        c = layer.out_channels
        if norm == "batch":
            n = nn.BatchNorm2d(c)
        elif norm == "group" or keep_group:
            n = nn.GroupNorm(groups[c], c)
        else:
            n = nn.LayerNorm([c, size, size], elementwise_affine=False)
        return nn.Sequential(layer, nn.ReLU(), nn.Dropout(p), n)

    return Net([block(conv3(3, 20), 32), block(conv3(20, 20), 32), block(conv3(20, 20), 32, 0.05),
                block(conv1(20, 32), 32, 0.1), nn.MaxPool2d(2), block(conv3(32, 32), 16),
                block(conv3(32, 32), 16, 0.05), block(conv3(32, 32), 16, 0.05), nn.MaxPool2d(2),
                block(conv1(32, 24), 8, 0.1, True), block(conv3(24, 24), 8, 0.05), conv3(24, 24),
                nn.AdaptiveAvgPool2d(1), conv1(24, 10)], [(1, 2)])


def dilated(norm):
    layers = []

    def add(*modules, tail=None):
        layers.extend(modules)
        if tail:
            layers.extend([nn.ReLU(), nn.BatchNorm2d(tail), nn.Dropout2d(0.05)])

    def shrink(i, o):
        add(conv1(i, o, stride=2, bias=True), nn.ReLU())

    add(conv3(3, 64), tail=64)
    add(conv3(64, 128), tail=128)
    shrink(128, 64)
    add(conv3(64, 64), tail=64)
    add(conv3(64, 64, groups=64), conv1(64, 64, padding=1), tail=64)
    shrink(64, 32)
    add(conv3(32, 64, dilation=2), tail=64)
    add(conv3(64, 64), tail=64)
    shrink(64, 32)
    add(conv3(32, 32), tail=32)
    add(conv3(32, 32, groups=32), conv1(32, 10, padding=1), tail=10)
    add(nn.AdaptiveAvgPool2d(1))
    return Net([nn.Sequential(*layers)])


def one_norm(norm, c):
    return nn.BatchNorm2d(c) if norm == "batch" else nn.GroupNorm(2 if norm == "group" else 1, c)


def residual(norm):
    def block(i, o):
        return nn.Sequential(conv3(i, o, bias=True), one_norm(norm, o), nn.ReLU())

    return Net([block(3, 16), block(16, 16), conv1(16, 8, bias=True), nn.MaxPool2d(2), nn.Dropout(0.01),
                block(8, 32), block(32, 32), block(32, 32), conv1(32, 16, bias=True), nn.MaxPool2d(2),
                nn.Dropout(0.01), block(16, 32), block(32, 32), block(32, 32), nn.AdaptiveAvgPool2d(1),
                conv1(32, 10, bias=True)], [(6, 7), (12, 13)])


def bottleneck(norm):
    w = 16 if norm == "layer" else 32

    def block(i, o, size):
        if norm == "batch":
            n = nn.BatchNorm2d(o)
        elif norm == "group":
            n = nn.GroupNorm(8 if (o, size) == (32, 16) else 4, o)
        else:
            n = nn.LayerNorm([o, size, size])
        return nn.Sequential(conv3(i, o), n, nn.ReLU(), nn.Dropout2d(0.1 if norm == "layer" else 0.05))

    return Net([block(3, w, 32), block(w, w, 32), conv1(w, 10), nn.MaxPool2d(2), block(10, 16, 16),
                block(16, w, 16), block(w, w, 16), conv1(w, 10), nn.MaxPool2d(2), block(10, w, 8),
                block(w, w, 8), block(w, w, 8), nn.AdaptiveAvgPool2d(1), conv1(w, 10)])


def compact(norm):
    def block(i, o):
        return nn.Sequential(conv3(i, o), nn.ReLU(), one_norm(norm, o), nn.Dropout(0.02))

    return Net([block(3, 10), block(10, 10), conv1(10, 16), nn.MaxPool2d(2), block(16, 24), block(24, 16),
                block(16, 32), conv1(32, 16), nn.MaxPool2d(2), block(16, 32), block(32, 32), block(32, 32),
                nn.AvgPool2d(8), conv1(32, 10)])


ARCHITECTURES = {f.__name__: f for f in (transition, dilated, residual, bottleneck, compact)}


def load(path, arch=None, norm=None):
    """The network of a model.safetensors, with its weights, in evaluation mode. Names that differ are an error."""
    tensors, metadata = read_safetensors(path)
    net = ARCHITECTURES[arch or metadata["arch"]](norm or metadata["norm"])
    net.load_state_dict(tensors, strict=True)
    return net.eval()


def save(net, path, arch, norm):
    write_safetensors(path, net.state_dict(), {"format": "pt", "arch": arch, "norm": norm})

#!/usr/bin/env python3
"""Writes the corpora of the fuzz targets: small files of each kind, right ones and wrong ones, that fuzzing begins with.

usage: make_corpus.py [FOLDER]     default: corpus, beside this script

Files that other names belong to (findings kept as regression tests, JPEG files of make_jpegs.cpp) are left alone.
"""
import bz2
import gzip
import io
import json
import lzma
import pathlib
import struct
import sys
import tarfile
import zipfile
import zlib

corpus = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "corpus")


def put(target, name, content):
    folder = corpus / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def floats(*values):
    return struct.pack(f"<{len(values)}f", *values)


def header(text, data=b""):
    text = text if isinstance(text, bytes) else text.encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def safetensors(tensors, metadata=None):
    """tensors: (name, dtype, shape, bytes)."""
    entries, data = ({"__metadata__": metadata} if metadata else {}), b""
    for name, dtype, shape, content in tensors:
        entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    return header(json.dumps(entries, separators=(",", ":")), data)


def ramp(n):
    return floats(*[i / 8 - 1 for i in range(n)])


# --- safetensors: the network is Conv2d(1, 2, 3), BatchNorm2d(2), Flatten, Linear(8, 2).
net = [("0.weight", "F32", [2, 1, 3, 3], ramp(18)), ("0.bias", "F32", [2], ramp(2)),
       ("1.weight", "F32", [2], ramp(2)), ("1.bias", "F32", [2], ramp(2)),
       ("1.running_mean", "F32", [2], ramp(2)), ("1.running_var", "F32", [2], floats(1, 1)),
       ("1.num_batches_tracked", "I64", [], struct.pack("<q", 7)),
       ("3.weight", "F32", [2, 8], ramp(16)), ("3.bias", "F32", [2], ramp(2))]
put("safetensors", "net", safetensors(net, {"format": "pt", "arch": "small"}))
put("safetensors", "net-float64", safetensors([(n, "F64", s, b + b) for n, _, s, b in net if n[-1] != "d"]))
put("safetensors", "net-other-shapes", safetensors([(n, d, [1] + s, b) for n, d, s, b in net]))
put("safetensors", "types", safetensors([("a", "U8", [3], b"abc"), ("b", "I64", [1], bytes(8)), ("c", "BF16", [2], bytes(4)),
                                         ("d", "F64", [1, 1], bytes(8)), ("e", "F32", [], bytes(4))]))
put("safetensors", "no-elements", safetensors([("a", "F32", [0], b""), ("b", "F32", [0, 1 << 62], b""), ("c", "U8", [3, 0, 2], b"")]))
put("safetensors", "no-tensors", header("{}"))
put("safetensors", "large-shape", header('{"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,0]}}'))
put("safetensors", "large-offsets", header('{"a":{"dtype":"U8","shape":[1],"data_offsets":[18446744073709551615,0]}}', b"a"))
put("safetensors", "negative", header('{"a":{"dtype":"U8","shape":[-1,-4],"data_offsets":[0,4]}}', b"abcd"))
put("safetensors", "overlap", header('{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}', b"abc"))
put("safetensors", "gap", header('{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}', b"ab"))
put("safetensors", "name-twice", header('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}', b"ab"))
put("safetensors", "field-twice", header('{"a":{"dtype":"U8","dtype":"I64","shape":[1],"data_offsets":[0,1]}}', b"a"))
put("safetensors", "shape-of-fractions", header('{"a":{"dtype":"U8","shape":[1.9],"data_offsets":[0,1]}}', b"a"))
put("safetensors", "nine-dimensions", header('{"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]}}', b"a"))
put("safetensors", "escapes", header('{"\\u001b[31mred\\u0007":{"dtype":"U8","shape":[2],"data_offsets":[0,1]}}', b"a"))
put("safetensors", "byte-order-mark", header(b"\xef\xbb\xbf{}"))
put("safetensors", "not-utf8", header(b'{"a\xff":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"a"))
put("safetensors", "metadata-of-numbers", header('{"__metadata__":{"a":1}}'))
put("safetensors", "metadata-list", header('{"__metadata__":[]}'))
put("safetensors", "deep", header("[" * 4000))
put("safetensors", "deep-shape", header('{"a":{"dtype":"U8","shape":' + "[" * 2000 + "]" * 2000 + ',"data_offsets":[0,0]}}'))
put("safetensors", "header-too-long", struct.pack("<Q", 1 << 63) + b"{}")
put("safetensors", "short", b"\x02\0\0\0")

# --- activations: the network is Conv2d(1, 2, 3, padding 1), BatchNorm2d(2), ReLU, MaxPool2d(2), AdaptiveAvgPool2d(1), ...
image = ("input", "F32", [1, 1, 4, 4], ramp(16))
put("activations", "dump", safetensors([image, ("0", "F32", [1, 2, 4, 4], ramp(32)), ("3", "F32", [1, 2, 2, 2], ramp(8)),
                                        ("output", "F32", [1, 3], ramp(3))]))
put("activations", "of-bytes", safetensors([("input", "U8", [1, 1, 2, 2], b"abcd"), ("6", "F32", [1, 3], ramp(3))]))
put("activations", "not-finite", safetensors([image, ("0", "F32", [1, 2, 4, 4], floats(*[float("nan"), float("inf")] * 16))]))
put("activations", "other-shape", safetensors([image, ("2", "F64", [2], bytes(16)), ("elsewhere", "U8", [1], b"a")]))
put("activations", "no-input", safetensors([("0", "F32", [1], ramp(1))]))
put("activations", "only-input", safetensors([image]))
put("activations", "three-channels", safetensors([("input", "F32", [1, 3, 1, 1], ramp(3)), ("0", "F32", [1], ramp(1))]))
put("activations", "no-images", safetensors([("input", "F32", [0, 1, 4, 4], b""), ("0", "F32", [0, 2, 4, 4], b"")]))
put("activations", "no-rows", safetensors([("input", "F32", [1, 1, 0, 1 << 40], b""), ("0", "F32", [1], ramp(1))]))

# --- checkpoint: Conv2d(1, 2, 3), Flatten, Linear(8, 2) with SGD, momentum and OneCycleLR; the sidecar's sum is put there by the target.
small = [("0.weight", "F32", [2, 1, 3, 3], ramp(18)), ("0.bias", "F32", [2], ramp(2)),
         ("2.weight", "F32", [2, 8], ramp(16)), ("2.bias", "F32", [2], ramp(2))]
meter = ("meter", "F64", [3], struct.pack("<3d", 2.5, 3, 4))
momentum = [(f"optimizer.state.{i}.momentum_buffer", d, s, b) for i, (_, d, s, b) in enumerate(small)]


def sidecar(**changes):
    epoch = {"epoch": 1, "lr": 0.1, "train": {"loss": 2.3, "accuracy": 10.0, "count": 52},
             "test": {"loss": "nan", "accuracy": 10.0, "count": 20}, "seconds": 0.5, "images_per_second": 104.0}
    companion = {"file": "step-00000004.model.safetensors", "bytes": 123, "crc64": "0" * 16}
    content = {"format": "heddle checkpoint, version 2", "model": companion,
               "state": dict(companion, file="step-00000004.state.safetensors"),
               "trainer": {"epoch": 1, "batch": 0, "step": 4, "lr": 0.1, "seconds": 0.5},
               "random": {"seed": 5, "step": 4, "call": 0},
               "optimizer": {"param_groups.0.dampening": 0.0, "param_groups.0.lr": 0.1, "param_groups.0.momentum": 0.9,
                             "param_groups.0.nesterov": 0.0, "param_groups.0.weight_decay": 0.0},
               "schedule": {"last_epoch": 4, "base_lrs": [0.1], "extra": []},
               "config": {"arch": "small"}, "history": [epoch]}
    content.update(changes)
    return json.dumps(content, indent=1).encode() + b"\n"


def checkpoint(model=small, state=momentum + [meter], **changes):
    return b"\n%%\n".join([sidecar(**changes), safetensors(model, {"format": "pt"}), safetensors(state)])


whole = checkpoint()
put("checkpoint", "whole", whole)
put("checkpoint", "no-momentum", checkpoint(state=[meter]))
put("checkpoint", "no-schedule", checkpoint(schedule=None))
put("checkpoint", "other-meter", checkpoint(state=momentum + [("meter", "F32", [3], ramp(3))]))
put("checkpoint", "meter-not-finite", checkpoint(state=momentum + [("meter", "F64", [3], struct.pack("<3d", 1, 1e300, float("nan")))]))
put("checkpoint", "meter-negative", checkpoint(state=momentum + [("meter", "F64", [3], struct.pack("<3d", 1, 1, -1e300))]))
put("checkpoint", "other-weights", checkpoint(model=small[1:]))
put("checkpoint", "negative", checkpoint(trainer={"epoch": -1, "batch": -5, "step": -4, "lr": "-inf", "seconds": -1}))
put("checkpoint", "fractions", checkpoint(trainer={"epoch": 1.5, "batch": 1e300, "step": 4, "lr": 0.1, "seconds": 0.5}))
put("checkpoint", "large", checkpoint(trainer={"epoch": 2 ** 31, "batch": 2 ** 63, "step": 2 ** 64 - 1, "lr": 1e308, "seconds": 0.5}))
put("checkpoint", "rates", checkpoint(schedule={"last_epoch": 2 ** 62, "base_lrs": [0.1, "inf"], "extra": ["nan"]}))
put("checkpoint", "words", checkpoint(optimizer={"param_groups.0.lr": "much"}, config={"arch": 3}))
put("checkpoint", "other-format", checkpoint(format="\u001b[31m2"))
put("checkpoint", "path-upwards", checkpoint(model=small, state=[meter]).replace(b"step-00000004.model", b"../../etc/passwd"))
put("checkpoint", "list", b"[]")
put("checkpoint", "deep", b'{"format":' + b"[" * 8000)

# --- run_config: config.json of a run.
options = {"arch": "compact", "norm": "group", "data": "synthetic", "epochs": None, "batch": 64, "lr": None, "momentum": None,
           "seed": 1, "limit": 0, "test_limit": 0, "augment": True, "threads": 0, "device": "cpu", "precision": "fp32",
           "save_every": 0, "save_every_steps": 0}


def config(**changes):
    return json.dumps({"arch": "compact", "norm": "group", "epochs": 2, "options": dict(options, **changes)})


put("run_config", "compact", config())
put("run_config", "transition", config(arch="transition", norm="batch", epochs=30, lr=0.1))
put("run_config", "residual", config(arch="residual", norm="layer", epochs=1, lr=1e-3, momentum=0.5, augment=False))
put("run_config", "dilated-group", config(arch="dilated"))
put("run_config", "no-such-network", config(arch="\u001b]0;x\u0007", norm="none"))
put("run_config", "negative", config(epochs=-1, batch=-64, lr=-1, momentum=-2, seed=-1, limit=-1, threads=-1, save_every=-1))
put("run_config", "nothing", config(arch="bottleneck", epochs=0, batch=0, lr=0))
put("run_config", "large", config(arch="residual", epochs=2 ** 31, batch=2 ** 40, lr=1e308, seed=2 ** 64, threads=10 ** 6))
put("run_config", "fractions", config(arch="bottleneck", epochs=1.5, batch=1e300, seed=0.1))
put("run_config", "words", config(epochs="three", augment="yes", device="gpu", precision="double"))
put("run_config", "no-options", '{"arch":"compact"}')
put("run_config", "options-list", '{"options":[1,2]}')
put("run_config", "few-options", '{"options":{"arch":"compact"}}')
put("run_config", "deep", '{"options":' + "[" * 8000)
put("run_config", "cut", config()[:100])
put("run_config", "none", "")

# --- cifar: a byte whose last bit says CIFAR-100, records, class names.
record = bytes(range(256)) * 12
ten = "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n"
put("cifar", "ten", b"\0\3" + record + b"\n%%\n" + ten.encode())
put("cifar", "hundred", b"\1\x13\x63" + record + b"\n%%\n" + "".join(f"name {i}\r\n" for i in range(100)).encode())
put("cifar", "two-records", b"\0\0" + bytes(3072) + b"\x09" + bytes([255]) * 3072)
put("cifar", "no-such-class", b"\0\x0a" + bytes(3072))
put("cifar", "cut", b"\0\3" + record[:-1])
put("cifar", "none", b"\1")

# --- metrics: metrics.csv of one run or two.
columns = "epoch,lr,train_loss,train_accuracy,test_loss,test_accuracy,seconds,images_per_second\n"


def metrics(*rows):
    return columns + "".join(",".join(str(v) for v in row) + "\n" for row in rows)


first, second = (1, 0.01, 2.1, 21.5, 1.9, 30.25, 12.5, 4000.1), (2, 0.005, 1.7, 38.0, 1.6, 41.0, 12.4, 4010.0)
put("metrics", "one-epoch", metrics(first))
put("metrics", "two-epochs", metrics(first, second))
put("metrics", "two-runs", metrics(first, second) + "\n%%\n" + metrics(first))
put("metrics", "not-finite", metrics((1, "nan", "inf", "-inf", "nan", "inf", "nan", "inf"), second))
put("metrics", "subnormal", metrics((1, 0, 5e-324, 0, 0, 0, 5e-324, 0), (2, 0, 0, 1e-323, 0, 0, 1e-310, 0)))
put("metrics", "far-apart", metrics((1, -1e308, 1e308, 0, -1.7e308, 0, 0, 0), (2, 1e308, -1e308, 1e-308, 1.7e308, 0, 0, 1)))
put("metrics", "epochs-far-apart", metrics((-2147483648,) + first[1:], (2147483647,) + second[1:]))
put("metrics", "epochs-out-of-range", metrics((1e300,) + first[1:], ("nan",) + second[1:]))
put("metrics", "same-epoch", metrics(first, first, first))
put("metrics", "nearly-equal", metrics((1, 1, 1e16, 1, 1, 1, 1, 1), (2, 1, 10000000000000002, 1, 1, 1, 1, 1)))
put("metrics", "many-epochs", metrics(*[(i, 1 / i, 2 / i, i % 100, 3 / i, i % 90, 1, 5) for i in range(1, 60)]))
put("metrics", "no-epochs", columns)
put("metrics", "other-header", "epoch,\u001b[31m\n")
put("metrics", "nine-numbers", columns + "1,2,3,4,5,6,7,8,9\n")
put("metrics", "words", columns + "one,2,3,4,5,6,7,8\n")
put("metrics", "none", "")

# --- picture: PNG files; JPEG files are of make_jpegs.cpp.


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width, height, depth, colour, rows, before=b"", interlaced=0):
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)) + before
            + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def rows_of(height, row_bytes):
    return b"".join(bytes([y % 5]) + bytes((37 * y + 11 * i) % 256 for i in range(row_bytes)) for y in range(height))


palette = chunk(b"PLTE", bytes(range(12)))
grey = png(5, 4, 8, 0, rows_of(4, 5))
put("picture", "grey.png", grey)
put("picture", "grey1.png", png(9, 3, 1, 0, rows_of(3, 2)))
put("picture", "grey16.png", png(3, 3, 16, 0, rows_of(3, 6)))
put("picture", "grey-alpha.png", png(3, 3, 8, 4, rows_of(3, 6)))
put("picture", "rgb.png", png(4, 4, 8, 2, rows_of(4, 12)))
put("picture", "rgb16.png", png(2, 2, 16, 2, rows_of(2, 12)))
put("picture", "rgba.png", png(4, 4, 8, 6, rows_of(4, 16)))
put("picture", "rgb-transparent.png", png(4, 4, 8, 2, rows_of(4, 12), chunk(b"tRNS", bytes(6))))
put("picture", "palette2.png", png(4, 2, 2, 3, b"\0\x1b\0\xe4", palette))
put("picture", "palette-transparent.png", png(4, 2, 2, 3, b"\0\x1b\0\xe4", palette + chunk(b"tRNS", b"\0\x80")))
put("picture", "palette-missing.png", png(4, 2, 2, 3, b"\0\x1b\0\xe4"))
put("picture", "interlaced.png", png(2, 2, 8, 0, b"\0a\0b\0cd", interlaced=1))
put("picture", "other-sum.png", grey[:-13] + b"\0" + grey[-12:])
put("picture", "cut.png", grey[:-20])
put("picture", "no-pixels.png", png(0, 4, 8, 0, b""))
put("picture", "large.png", png(60000, 60000, 8, 6, bytes(64)))
put("picture", "wide.png", png(2 ** 31 - 1, 1, 16, 6, bytes(64)))
put("picture", "bomb.png", png(4000, 4000, 8, 0, bytes(4001 * 4000)))
put("picture", "few-rows.png", png(4, 4, 8, 2, rows_of(2, 12)))
put("picture", "none", b"")

# --- archive.


def tar_of(*members):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, kind, content in members:
            member = tarfile.TarInfo(name)
            member.type, member.mtime = kind, 0
            if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                member.linkname = content
                content = b""
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()[:2048 + 512 * len(members)]


plain = tar_of(("a", tarfile.DIRTYPE, b""), ("a/b.bin", tarfile.REGTYPE, b"bytes"))
put("archive", "plain.tar", plain)
put("archive", "gzip.tar", gzip.compress(plain, mtime=0))
put("archive", "xz.tar", lzma.compress(plain))
put("archive", "bzip2.tar", bz2.compress(plain))
put("archive", "upwards.tar", tar_of(("../b", tarfile.REGTYPE, b"bytes")))
put("archive", "absolute.tar", tar_of(("/tmp/heddle-fuzz-b", tarfile.REGTYPE, b"bytes")))
put("archive", "link.tar", tar_of(("a", tarfile.SYMTYPE, "/tmp"), ("a/b", tarfile.REGTYPE, b"bytes")))
put("archive", "hard-link.tar", tar_of(("a", tarfile.LNKTYPE, "../archive")))
put("archive", "device.tar", tar_of(("a", tarfile.CHRTYPE, b"")))
put("archive", "twice.tar", tar_of(("a", tarfile.REGTYPE, b"1"), ("a", tarfile.REGTYPE, b"2")))
put("archive", "bomb.tar", gzip.compress(tar_of(("a", tarfile.REGTYPE, bytes(1200000))) + bytes(1200000), mtime=0))
put("archive", "cut.tar", gzip.compress(plain, mtime=0)[:-20])
packed = io.BytesIO()
with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr(zipfile.ZipInfo("a/b"), b"bytes" * 20)
put("archive", "small.zip", packed.getvalue())
put("archive", "none", b"")

# --- command_line: a word a line.
for name, words in {
        "train": "train --arch compact --norm group --epochs 3 --batch 64 --lr 0.01 --seed 7 --no-augment --data synthetic",
        "resume": "train --resume runs/mine --epochs 5", "summary": "summary --arch dilated --batch 4", "help": "train --help",
        "version": "--version", "typo": "trian --epochs 3", "typo-option": "train --epcohs=3", "octal": "train --epochs 010",
        "hexadecimal": "train --batch 0x10", "negative": "train --epochs -1", "large": "train --batch 99999999999999999999",
        "real": "train --lr 1e-400 --momentum nan", "evaluate": "evaluate --model . --device cuda:99999999999",
        "device": "cuda:4294967296", "predict": "predict . a.png b.jpg --top 3 --json", "compare": "compare . . --out x --title y",
        "study": "study --arch compact --epochs 1", "gradcam": "gradcam . --limit 3", "lr-find": "lr-find --arch compact",
        "export": "export . --onnx x.onnx --batch 2", "import": "import /dev/null --arch compact",
        "activations": "compare-activations /dev/null --model . --atol 1e-3", "nothing": "", "dashes": "-- -- --x", "empty": "train --out "}.items():
    put("command_line", name, words.replace(" ", "\n"))
put("command_line", "escapes", "train\n--arch\n\u001b[31mred\u0007\n--device\n\u202ecpu")
put("command_line", "long", "train\n--arch\n" + "compact" * 300)

#!/usr/bin/env python3
"""Writes step_reference.hpp: what PyTorch's optimizers make of a fixed start and fixed gradients, in double, step by step.

usage: make_reference.py > step_reference.hpp
"""
import torch

START = [0.5, -1.25, 2.0, 0.0, -0.03125]
STEPS = 6

SGD = [
    dict(lr=0.1),
    dict(lr=0.1, weight_decay=0.01),
    dict(lr=0.05, momentum=0.9),
    dict(lr=0.05, momentum=0.9, weight_decay=0.02),
    dict(lr=0.05, momentum=0.9, dampening=0.3, weight_decay=0.02),
    dict(lr=0.05, momentum=0.8, nesterov=True),
    dict(lr=0.05, momentum=0.8, nesterov=True, weight_decay=0.1),
]
ADAM = [
    dict(lr=0.01),
    dict(lr=0.01, betas=(0.8, 0.95), eps=1e-6),
    dict(lr=0.02, weight_decay=0.1),
]


def gradient(step):
    """Exact in binary, of both signs, of very different sizes, and zero for one element at first."""
    return [0.25 * (step + 1), -0.5 + 0.125 * step, 16.0 / (step + 1) ** 2 if step % 2 else -8.0,
            0.0 if step < 2 else 0.5, 2.0 ** -(10 + step)]


def run(optimizer, options):
    p = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    opt = optimizer([p], **options)
    rows = []
    for step in range(STEPS):
        p.grad = torch.tensor(gradient(step), dtype=torch.float64)
        opt.step()
        rows.append(p.detach().tolist())
    return rows


def numbers(values):
    return "{" + ", ".join(repr(float(v)) for v in values) + "}"


def table(rows):
    return "{" + ",\n      ".join(numbers(r) for r in rows) + "}"


print("// Written by tests/optim/make_reference.py with PyTorch " + torch.__version__.split("+")[0] + "; do not edit.")
print("#pragma once\n")
print("namespace heddle::test {\n")
print(f"inline constexpr int reference_steps = {STEPS}, reference_size = {len(START)};")
print(f"inline constexpr double reference_start[] = {numbers(START)};")
print("inline constexpr double reference_gradient[reference_steps][reference_size] = {\n      "
      + ",\n      ".join(numbers(gradient(s)) for s in range(STEPS)) + "};\n")
print("struct SgdReference {\n  double lr, momentum, dampening, weight_decay;\n  bool nesterov;\n"
      "  double value[reference_steps][reference_size];\n};")
print("inline constexpr SgdReference sgd_reference[] = {")
for o in SGD:
    head = ", ".join(repr(float(o.get(k, 0))) for k in ("lr", "momentum", "dampening", "weight_decay"))
    print(f"    {{{head}, {'true' if o.get('nesterov') else 'false'},\n     {table(run(torch.optim.SGD, o))}}},")
print("};\n")
print("struct AdamReference {\n  double lr, beta1, beta2, eps, weight_decay;\n  bool decoupled;\n"
      "  double value[reference_steps][reference_size];\n};")
print("inline constexpr AdamReference adam_reference[] = {")
for optimizer in (torch.optim.Adam, torch.optim.AdamW):
    for o in ADAM:
        o = dict(o, weight_decay=o.get("weight_decay", 0.0))
        betas = o.get("betas", (0.9, 0.999))
        head = f"{o['lr']}, {betas[0]}, {betas[1]}, {o.get('eps', 1e-8)}, {o['weight_decay']}"
        print(f"    {{{head}, {'true' if optimizer is torch.optim.AdamW else 'false'},\n     {table(run(optimizer, o))}}},")
print("};\n\n}  // namespace heddle::test")

#!/usr/bin/env python3
"""Writes schedule_reference.hpp: the rates that PyTorch's schedules set, step by step, and what two parameter groups become
under optimizers and schedules together, in double.

usage: make_schedule_reference.py > schedule_reference.hpp
"""
import warnings

import numpy as np
import torch
from torch.optim import lr_scheduler as lr

warnings.simplefilter("ignore")
STEPS = 24
LRS = [0.1, 0.03]
POINTS = [(0, 0.001), (2, 0.01), (8, 0.0002), (12, 0.0001), (20, 0)]
METRICS = [8, 7, 7, 7, 7, 6.5, 6.5, 6.5, 6.5, 6.5, 6.5, 6.5, 6.5, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2]


def points(x):
    return float(np.interp(x, *zip(*POINTS)))


def warmup(opt, after):
    return lr.SequentialLR(opt, [lr.LinearLR(opt, start_factor=0.25, total_iters=6), after], milestones=[6])


def absolute(opt, rate):
    return lr.LambdaLR(opt, [lambda s, base=base: rate(s) / base for base in LRS])


SCHEDULES = {
    "step": lambda o: lr.StepLR(o, 7, gamma=0.3),
    "multistep": lambda o: lr.MultiStepLR(o, [4, 11, 12], gamma=0.5),
    "exponential": lambda o: lr.ExponentialLR(o, 0.85),
    "cosine": lambda o: lr.CosineAnnealingLR(o, 10, eta_min=0.001),
    "onecycle": lambda o: lr.OneCycleLR(o, 0.2, total_steps=STEPS),
    "onecycle other": lambda o: lr.OneCycleLR(o, 0.5, total_steps=STEPS + 9, pct_start=0.45, base_momentum=0.8,
                                              max_momentum=0.9, div_factor=10, final_div_factor=100),
    "onecycle without momentum": lambda o: lr.OneCycleLR(o, 0.2, total_steps=STEPS, cycle_momentum=False),
    "onecycle linear": lambda o: lr.OneCycleLR(o, 0.2, total_steps=STEPS, anneal_strategy="linear"),
    "onecycle three phases": lambda o: lr.OneCycleLR(o, 0.2, total_steps=STEPS, three_phase=True),
    "onecycle three lines": lambda o: lr.OneCycleLR(o, 0.3, total_steps=STEPS, pct_start=0.4, anneal_strategy="linear",
                                                    three_phase=True),
    "warm restarts": lambda o: lr.CosineAnnealingWarmRestarts(o, 5),
    "warm restarts, longer": lambda o: lr.CosineAnnealingWarmRestarts(o, 3, T_mult=2, eta_min=0.002),
    "cyclic": lambda o: lr.CyclicLR(o, 0.01, 0.3, step_size_up=4),
    "cyclic, halved": lambda o: lr.CyclicLR(o, 0.01, 0.3, step_size_up=3, step_size_down=5, mode="triangular2",
                                            base_momentum=0.7, max_momentum=0.95),
    "cyclic, exponential": lambda o: lr.CyclicLR(o, 0.01, 0.3, step_size_up=4, mode="exp_range", gamma=0.9,
                                                 cycle_momentum=False),
    "cyclic, scaled by cycle": lambda o: lr.CyclicLR(o, 0.01, 0.3, step_size_up=4, scale_fn=lambda x: 1 / (1 + x)),
    "cyclic, scaled by step": lambda o: lr.CyclicLR(o, 0.01, 0.3, step_size_up=4, scale_fn=lambda x: 1 / (1 + x),
                                                    scale_mode="iterations"),
    "polynomial": lambda o: lr.PolynomialLR(o),
    "polynomial, squared": lambda o: lr.PolynomialLR(o, 20, power=2.0),
    "linear": lambda o: lr.LinearLR(o),
    "linear, down": lambda o: lr.LinearLR(o, 0.75, 0.125, 9),
    "constant": lambda o: lr.ConstantLR(o, 0.25, 7),
    "sequential": lambda o: lr.SequentialLR(o, [lr.LinearLR(o, 0.25, total_iters=4), lr.CosineAnnealingLR(o, 10),
                                                lr.StepLR(o, 3)], milestones=[4, 14]),
    "sequential, cycles": lambda o: lr.SequentialLR(o, [lr.ConstantLR(o, 0.5, 3), lr.CosineAnnealingWarmRestarts(o, 4),
                                                        lr.PolynomialLR(o, 8)], milestones=[3, 15]),
    "chained": lambda o: lr.ChainedScheduler([lr.LinearLR(o, 0.25, total_iters=6), lr.ExponentialLR(o, 0.9),
                                              lr.StepLR(o, 5, gamma=0.5), lr.MultiStepLR(o, [3, 17], gamma=0.7),
                                              lr.ConstantLR(o, 0.5, 4), lr.PolynomialLR(o, 22, power=0.5)]),
    "chained cosine": lambda o: lr.ChainedScheduler([lr.CosineAnnealingLR(o, 7, eta_min=0.001), lr.ExponentialLR(o, 0.95)]),
    "chained sequential": lambda o: lr.ChainedScheduler([
        lr.SequentialLR(o, [lr.ConstantLR(o, 0.5, 3), lr.ExponentialLR(o, 0.9)], milestones=[5]), lr.StepLR(o, 4, gamma=0.5)]),
    "points": lambda o: absolute(o, points),
    "points by epoch": lambda o: absolute(o, lambda s: points(s // 3)),
    "points within epochs": lambda o: absolute(o, lambda s: points(s / 3)),
    "lambda": lambda o: lr.LambdaLR(o, [lambda s: 1 / (1 + s), lambda s: 0.9 ** s]),
    "warmup, step": lambda o: warmup(o, lr.StepLR(o, 7, gamma=0.3)),
    "warmup, cosine": lambda o: warmup(o, lr.CosineAnnealingLR(o, 10, eta_min=0.001)),
    "plateau": lambda o: lr.ReduceLROnPlateau(o, factor=0.5, patience=2),
    "plateau, cooldown": lambda o: lr.ReduceLROnPlateau(o, mode="max", factor=0.3, patience=1, threshold=0.5,
                                                        threshold_mode="abs", cooldown=2, min_lr=0.005),
}


def optimizer():
    return torch.optim.SGD([{"params": [torch.zeros(1)], "lr": x} for x in LRS], lr=1.0, momentum=0.9)


def rates(make):
    opt = optimizer()
    schedule = make(opt)
    rows = []
    for s in range(STEPS + 1):
        rows.append([g["lr"] for g in opt.param_groups] + [opt.param_groups[0]["momentum"]])
        if s < STEPS:
            opt.step()
            schedule.step(*([METRICS[s]] if isinstance(schedule, lr.ReduceLROnPlateau) else []))
    return rows


START = [[0.5, -1.25, 2.0], [0.25, -0.75], [1.5]]
GROUPS = [[0, 1], [2]]


def gradient(step, which, p):
    """Of a bowl whose middle moves; none for the second parameter at some steps."""
    if which == 1 and step in (0, 4, 5):
        return None
    return 0.5 * p.detach() + 0.125 * (which + 1) - 0.0625 * step


TRAININGS = {
    "sgd": (lambda g: torch.optim.SGD([dict(g[0], lr=0.1, weight_decay=0.01), dict(g[1], lr=0.02)], lr=1, momentum=0.8),
            lambda o: lr.OneCycleLR(o, 0.2, total_steps=STEPS), None),
    "adam": (lambda g: torch.optim.Adam([dict(g[0], weight_decay=0.1), dict(g[1], betas=(0.8, 0.9))], lr=0.05),
             lambda o: lr.OneCycleLR(o, 0.2, total_steps=STEPS), None),
    "adamw": (lambda g: torch.optim.AdamW([dict(g[0], lr=0.1), dict(g[1], lr=0.02, weight_decay=0.3)]),
              lambda o: lr.CosineAnnealingLR(o, 10), 0.75),
}


def training(make, schedule, max_norm):
    p = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in START]
    opt = make([{"params": [p[i] for i in g]} for g in GROUPS])
    sched = schedule(opt)
    rows = []
    for s in range(STEPS):
        for i, x in enumerate(p):
            x.grad = gradient(s, i, x)
        norm = 0.0
        if max_norm:
            norm = torch.nn.utils.clip_grad_norm_(p, max_norm).item()
        opt.step()
        sched.step()
        rows.append([v for x in p for v in x.tolist()] + [norm])
    return rows


def table(rows):
    return "{" + ",\n      ".join("{" + ", ".join(repr(float(v)) for v in r) + "}" for r in rows) + "}"


print("// Written by tests/optim/make_schedule_reference.py with PyTorch " + torch.__version__.split("+")[0] + "; do not edit.")
print("#pragma once\n\nnamespace heddle::test {\n")
print(f"inline constexpr int schedule_steps = {STEPS};")
print(f"inline constexpr double plateau_metrics[schedule_steps] = {{{', '.join(map(str, METRICS))}}};\n")
print("/// Rates of two groups (first set to 0.1 and 0.03) and momentum after 0, 1, ... steps.")
print("struct ScheduleReference {\n  const char* name;\n  double rates[schedule_steps + 1][3];\n};")
print("inline constexpr ScheduleReference schedule_reference[] = {")
for name, make in SCHEDULES.items():
    print(f'    {{"{name}",\n     {table(rates(make))}}},')
print("};\n")
print("/// Six parameters (3 and 2 in the first group, 1 in the second) and the norm before clipping, after 1, 2, ... steps.")
print("struct TrainingReference {\n  const char* name;\n  double values[schedule_steps][7];\n};")
print("inline constexpr TrainingReference training_reference[] = {")
for name, how in TRAININGS.items():
    print(f'    {{"{name}",\n     {table(training(*how))}}},')
print("};\n\n}  // namespace heddle::test")

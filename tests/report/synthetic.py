"""Run folders as training leaves them, with returns that a test chooses."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from pwm.config.compose import compose, to_yaml
from pwm.run.folder import config_hash

START = {
    "time": "2026-01-02T03:04:05+00:00",
    "git": {"commit": "0123456789abcdef", "dirty": False},
    "image": "sha256:fedcba9876543210",
    "hardware": {"cpu": "a CPU", "cpu_cores": 4, "gpus": ["NVIDIA L40S"]},
}
OWN_EVALUATIONS = {"mlp": 1.0, "v1": 1.5, "v2": 2.0, "v3": 2.1}
"""Seconds per epoch of a variant."""

_composed = cache(lambda name, overrides: compose([f"alg={name}", *overrides]))


def run(
    root: Path,
    name: str,
    seed: int = 0,
    *,
    top: float = 1000.0,
    end: float | None = None,
    velocity: float = 2.0,
    epochs: int = 60,
    max_epochs: int | None = None,
    noise: float = 0.0,
    overrides: tuple[str, ...] = (),
    start: dict[str, Any] | None = None,
) -> Path:
    """A run whose R rises to ``top`` over the first 80% of its epochs and then goes to ``end``."""
    total = epochs if max_epochs is None else max_epochs
    config = replace(_composed(name, overrides), seed=seed, max_epochs=total)
    folder = root / f"{name}-s{seed}"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").write_text(to_yaml(config))
    provenance = {"config_hash": config_hash(config), "starts": [START | (start or {})]}
    (folder / "run.json").write_text(json.dumps(provenance))
    random = np.random.default_rng([seed, *name.encode()])
    seconds = OWN_EVALUATIONS.get(name[-2:], 1.0)
    with open(folder / "metrics.jsonl", "w") as file:
        for epoch in range(1, epochs + 1):
            progress = epoch / epochs
            value = top * min(1.0, progress / 0.8)
            if end is not None and progress > 0.8:
                value = top + (end - top) * (progress - 0.8) / 0.2
            row = {
                "epoch": epoch,
                "max_epochs": total,
                "R": None if epoch < 3 else value + noise * float(random.normal()),
                "forward_velocity": velocity * min(1.0, progress / 0.8),
                "env_steps": epoch * config.num_envs * config.horizon,
                "seconds": epoch * seconds,
                "wm_loss": 1 / epoch,
                "wm_grad_norm": 1 + 0.1 * math.sin(epoch),
                "pi_grad_norm": 2.0,
                "v_grad_norm": 3.0,
            }
            file.write(json.dumps(row) + "\n")
    return folder


def world_model(folder: Path, own: str, errors: dict[str, float]) -> None:
    """What ``pwm eval --world-model`` leaves: errors that grow to those given, by substeps."""
    grown = {
        substeps: {
            kind: [scale * final * step / 16 for step in range(1, 17)]
            for kind, scale in (("latent", 1.0), ("reward", 0.8), ("return", 0.9), ("observation", 1.2))
        }
        for substeps, final in errors.items()
    }
    content = {"epoch": 60, "horizon": 16, "substeps": own, "errors": grown}
    (folder / "world_model.json").write_text(json.dumps(content))


def suite(root: Path, seeds: int = 5, spread: float = 40.0) -> Path:
    """All eight experiments; v2 is the best in both settings, v3 falls at the end."""
    tops = {"baseline": 800.0, "flow_v1": 900.0, "flow_v2": 1100.0, "flow_v3": 1000.0}
    for setting, gain in (("st", 0.0), ("mt", -100.0)):
        for variant, top in tops.items():
            for seed in range(seeds):
                random = np.random.default_rng([seed, *variant.encode()])
                height = top + gain + spread * float(random.normal())
                folder = run(
                    root,
                    f"{setting}_{variant}",
                    seed,
                    top=height,
                    end=0.6 * height if variant == "flow_v3" else None,
                    noise=15.0,
                )
                errors = {"1": 0.5, "2": 0.4, "4": 0.35, "8": 0.34} if "flow" in variant else {"none": 0.6}
                own = {"flow_v1": "2", "flow_v2": "4", "flow_v3": "8"}.get(variant, "none")
                world_model(folder, own, errors)
    return root

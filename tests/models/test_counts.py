"""The model sizes are TD-MPC2's: the world model's parameters, counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from pwm.models.world_model import WorldModel, parameter_count

SIZES = Path(__file__).parents[2] / "configs" / "size"
COUNTS = {"5M": 1_521_253, "19M": 6_472_293, "48M": 18_668_389, "317M": 107_167_909}


def build(size: dict[str, Any], dynamics: str = "mlp", latent: str = "simnorm") -> WorldModel:
    sizes = size["encoder_units"], size["units"], size["latent_dim"]
    integrator, substeps = ("heun", 2) if dynamics == "flow" else (None, None)
    with torch.device("meta"):
        return WorldModel(37, 8, 0, 1, *sizes, dynamics, integrator, substeps, None, latent)


def read(name: str) -> dict[str, Any]:
    return yaml.safe_load((SIZES / f"{name}.yaml").read_text())


@pytest.mark.parametrize(("name", "count"), COUNTS.items())
def test_count(name: str, count: int) -> None:
    assert parameter_count(build(read(name))) == count


def test_pwms_own_19m() -> None:
    """PWM's own 19M configuration has a latent of 512 components."""
    assert parameter_count(build(read("19M") | {"latent_dim": 512})) == 5_422_181


def test_standardized_latents_leave_out_the_dynamics_last_layer_norm() -> None:
    """Its output is a change, of any size."""
    assert parameter_count(build(read("48M"), latent="standardized")) == COUNTS["48M"] - 2 * 768


@pytest.mark.parametrize("latent", ["simnorm", "standardized"])
@pytest.mark.parametrize("name", [*COUNTS, "tiny"])
def test_flow_has_the_baselines_count(name: str, latent: str) -> None:
    """Within 0.5%, so that no variant wins by its size."""
    baseline, flow = (parameter_count(build(read(name), d, latent)) for d in ("mlp", "flow"))
    assert abs(flow / baseline - 1) < 0.005


@pytest.mark.parametrize("path", sorted(SIZES.glob("*.yaml")), ids=lambda path: path.stem)
def test_size_files(path: Path) -> None:
    assert path.read_text().startswith("# @package _global_\n")
    size = yaml.safe_load(path.read_text())
    assert set(size) == {"model_size", "encoder_units", "units", "latent_dim"}
    assert size["model_size"] == path.stem
    assert size["latent_dim"] % 8 == 0

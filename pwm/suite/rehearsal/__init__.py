"""The recipe of a cluster of one node in a container: real Slurm and real Apptainer, pretended GPUs."""

from __future__ import annotations

from pathlib import Path

IMAGE = "pwm-cluster:dev"
RECIPE = Path(__file__).parent
"""The folder that Docker builds :data:`IMAGE` from."""

"""The rooms of the package: what is said of them holds."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from pwm.config import validate
from pwm.learning.learner import CARRIED_WEIGHT
from pwm.models import dynamics, latent_space, world_model
from pwm.nn import ode
from pwm.run.folder import RunFolder

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "pwm"


def test_the_choices_are_those_of_what_is_chosen_from() -> None:
    choices = validate.CHOICES | validate.FLOW_CHOICES
    tables = {
        "dynamics": world_model.DYNAMICS,
        "latent": latent_space.LATENTS,
        "reward_scale": world_model.REWARD_SCALES,
        "wm_loss": CARRIED_WEIGHT,
        "flow_integrator": ode.STEPS,
        # `linear` follows from the latent space and is not to be chosen.
        "flow_head": set(dynamics.HEADS) - {"linear"},
    }
    for key, table in tables.items():
        assert set(choices[key]) == set(table), key
    assert latent_space.GROUP == validate.SIMNORM_GROUP


def test_the_readme_has_every_room_in_the_order_of_the_layers() -> None:
    layout = (ROOT / "README.md").read_text().split("\npwm/\n")[1].split("tests/")[0]
    rooms = [
        room
        for line in layout.splitlines()
        if re.match(r"  \w", line)
        for room in line[:16].replace(",", " ").split()
    ]
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert set(rooms) == folders | {"cli.py"}
    declared = (ROOT / "pyproject.toml").read_text().split("layers = [")[1].split("]")[0]
    layers = [name for line in re.findall(r'"([^"]+)"', declared) for name in line.split(" | ")]
    beside = {"models", "envs"}  # one line in the one, one layer in the other
    assert [room for room in rooms if room in folders - beside] == [
        layer for layer in reversed(layers) if layer in folders - beside
    ]


def test_only_the_run_folder_knows_what_its_files_are_called() -> None:
    """No other module holds the name of one of them as a string of its own, or in a path."""
    names = [value.name for value in vars(RunFolder("run")).values() if isinstance(value, Path)]
    names.remove("run")
    own = PACKAGE / "run" / "folder.py"
    # The name of a command, of a module or of a folder of the checkout; not of a file in a run's folder.
    others = {"cli.py": {"jobs"}, "jobs.py": {"jobs"}, "provenance.py": {"lock"}, "verify.py": {"lock"}}
    for path in PACKAGE.rglob("*.py"):
        if path == own or "envs" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                name = node.value.rpartition("/")[2]
                assert name not in names or name in others.get(path.name, ()), (path.name, node.value)

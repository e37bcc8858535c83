"""What a job asks of a cluster, and where things lie there: ``configs/cluster/<name>.yaml``, typed.

Values end up in ``#SBATCH`` lines and in the shell, so whatever would need more than quotes is refused
here: a control character anywhere; in a folder also quotes, backslashes and what Slurm, Apptainer or
Hydra would read as a pattern, a separator or an interpolation.
"""

from __future__ import annotations

import math
import re
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, cast

import yaml

from pwm.arguments import Parser
from pwm.config.compose import choices, config_dir
from pwm.config.validate import CHOICES
from pwm.errors import UserError, choose_from

DEFAULT = "pace_l40s"
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@/+=-]*")
FOLDER = re.compile(r"[^\x00-\x1f\x7f'\"\\$`%,:;*?\[\]{}-][^\x00-\x1f\x7f'\"\\$`%,:;*?\[\]{}]*")
MEMORY = re.compile(r"[1-9][0-9]*[KMGT]?")


@dataclass(frozen=True)
class Cluster:
    """One cluster; the keys of its file are explained in ``configs/cluster/pace_l40s.yaml``."""

    name: str
    account: str | None
    partition: str | None
    qos: str | None
    nodes: int
    gpus: int
    gres: str | None
    cores: int
    memory: str
    hours_st: int
    hours_mt: int
    warning: int
    modules: list[str]
    binds: list[str]
    sif: str
    logs: str
    runs: str
    tracking: str
    overrides: list[str]
    epoch_s: float | None = None

    @property
    def processes(self) -> int:
        """How many processes train one experiment: one per GPU, or one without."""
        return max(1, self.nodes * self.gpus)

    @property
    def run_overrides(self) -> list[str]:
        """What every run here is told, besides the experiment's name, its folder and its seed."""
        several = [f"num_processes={self.processes}"] if self.processes > 1 else []
        return [*self.overrides, f"tracking={self.tracking}", *several]

    def hours(self, multitask: bool) -> int:
        """The time limit of an experiment."""
        return self.hours_mt if multitask else self.hours_st


def add_argument(parser: Parser) -> None:
    """Let the command have ``--cluster``."""
    parser.add_argument("--cluster", default=DEFAULT, help=f"a name or a YAML file (default: {DEFAULT})")


def load(name: str = DEFAULT) -> Cluster:
    """The cluster ``name``: a file of ``configs/cluster``, or the path of a YAML file.

    Raises:
        UserError: there is no such file, or a key or value in it is wrong.
    """
    path = Path(name) if name.endswith(".yaml") else config_dir() / "cluster" / f"{name}.yaml"
    if not path.is_file():
        if path == Path(name):
            raise UserError(f"no cluster config {name!r}; copy one of {config_dir() / 'cluster'}")
        raise choose_from("cluster", name, choices("cluster"))
    if not NAME.fullmatch(path.stem):
        raise UserError(f"a cluster cannot be called {path.stem!r}; use letters, digits, '_', '.' and '-'")
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"cannot read {path}: {reason}") from error
    if not isinstance(loaded, dict):
        raise UserError(f"{path}: expected keys and values")
    cluster = Cluster(name=path.stem, **_values(cast(dict[str, Any], loaded), path))
    _check(cluster, path)
    return cluster


def _values(loaded: dict[str, Any], path: Path) -> dict[str, Any]:
    types = {field.name: str(field.type) for field in fields(Cluster) if field.name != "name"}
    for key in loaded:
        if key not in types:
            raise UserError(f"{path}: unknown key {str(key)!r}; choose one of {', '.join(types)}")
    optional = {field.name for field in fields(Cluster) if field.default is not MISSING}
    for key, expected in types.items():
        if key not in loaded and key in optional:
            continue
        if key not in loaded:
            raise UserError(f"{path}: {key} is missing; {DEFAULT}.yaml, beside the others, explains it")
        if not _fits(loaded[key], expected):
            raise UserError(f"{path}: {key}: expected {expected}, got {loaded[key]!r}")
    return loaded


def _fits(value: Any, expected: str) -> bool:
    if expected == "list[str]":
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if expected == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    if expected == "float | None":
        return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))
    return isinstance(value, str) or (value is None and expected.endswith("None"))


def _check(cluster: Cluster, path: Path) -> None:
    for key in ("nodes", "cores", "hours_st", "hours_mt", "warning"):
        if getattr(cluster, key) < 1:
            raise UserError(f"{path}: {key} must be at least 1, got {getattr(cluster, key)}")
    if cluster.epoch_s is not None and not 0 < cluster.epoch_s < math.inf:
        raise UserError(f"{path}: epoch_s must be more than 0, got {cluster.epoch_s}")
    if cluster.gpus < 0 or (cluster.gpus > 0) != (cluster.gres is not None):
        raise UserError(f"{path}: gpus is {cluster.gpus} and gres {cluster.gres!r}; give both, or 0 and null")
    words = {key: getattr(cluster, key) for key in ("account", "partition", "qos", "gres")}
    words |= {f"modules[{index}]": module for index, module in enumerate(cluster.modules)}
    for key, value in words.items():
        if value is not None and not WORD.fullmatch(value):
            raise UserError(f"{path}: {key} cannot be {value!r}; use letters, digits and any of _.:@/+=-")
    if not MEMORY.fullmatch(cluster.memory):
        raise UserError(f"{path}: memory cannot be {cluster.memory!r}; write a number and K, M, G or T")
    folders = {key: [getattr(cluster, key)] for key in ("sif", "logs", "runs")}
    folders |= {f"binds[{index}]": bind.split(":") for index, bind in enumerate(cluster.binds)}
    for key, parts in folders.items():
        for part in parts:
            if not FOLDER.fullmatch(part) or len(parts) > 2:
                raise UserError(
                    f"{path}: {key} cannot be {':'.join(parts)!r}: no control characters, quotes, "
                    "a leading dash or any of \\ $ ` % , ; : * ? [ ] { }"
                )
    if cluster.tracking not in CHOICES["tracking"]:
        raise UserError(f"{path}: {choose_from('tracking', cluster.tracking, CHOICES['tracking'])}")
    for override in cluster.overrides:
        if not override.isprintable():
            raise UserError(f"{path}: overrides: {override!r} holds a control character")
        if override.startswith("tracking="):
            raise UserError(f"{path}: overrides: {override!r} is for the key tracking to say")

"""What a user says of pretraining and extraction, as the keys of a run's configuration."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from pwm.config.compose import compose, given
from pwm.errors import UserError
from pwm.run.folder import RunFolder

MODEL = (
    *("multitask", "task_dim", "dynamics", "flow_integrator", "flow_substeps", "flow_head"),
    *("model_size", "encoder_units", "units", "latent_dim", "latent"),
    *("termination_head", "normalize_observation", "normalize_reward", "reward_scale"),
)
"""Keys that a policy has from its world model."""


def pretraining(overrides: list[str]) -> list[str]:
    """``pwm pretrain``'s ``overrides`` as those of a run: the tasks are those of the store where none are
    named, and ``steps`` updates of the world model are as many epochs as that takes.

    Raises:
        UserError: no store, or a wrong value.
    """
    said = given(overrides)
    words = [word for word in overrides if not word.startswith("steps=")] + ["stage=pretrain"]
    if not said.get("data"):
        raise UserError("data=<store> is missing: `pwm data generate` makes one")
    if not {"env", "env.name", "tasks"} & said.keys():
        from pwm.data.store import Store  # here, so that other mistakes are told without waiting for torch

        store = Store(str(said["data"]))
        store.close()
        words.append(_word("tasks", [task.name for task in store.tasks]))
    if "steps" in said:
        steps = said["steps"]
        if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
            raise UserError(f"steps={steps}: expected a number of updates, at least 1")
        words.append(f"max_epochs={math.ceil(steps / compose(words).wm_updates)}")
    if "run" not in said:
        words.append(_word("run", Path("runs") / "pretrained" / f"{said.get('alg')}-s{said.get('seed', 0)}"))
    return words


def extraction(overrides: list[str]) -> list[str]:
    """The ``overrides`` of ``pwm train world_model=…`` with what the world model says: its networks and
    tasks, its store, and its experiment.

    Raises:
        UserError: no pretraining run there, or it is of another experiment or size than is asked for.
    """
    said = given(overrides)
    folder = RunFolder(str(said["world_model"]))
    model = folder.config()
    if model.stage != "pretrain":
        raise UserError(f"{folder.path} is no run of `pwm pretrain`")
    for key, value in (("alg", model.name), ("size", model.model_size)):
        if key in said and said[key] != value:
            raise UserError(f"{key}={said[key]}, but {folder.path} holds a world model of {key}={value}")
    words = list(overrides)
    if "alg" not in said:
        words.append(f"alg={model.name}")
    from_model: dict[str, Any] = {key: getattr(model, key) for key in MODEL}
    from_model["tasks"] = model.tasks
    for key, value in from_model.items():
        if key in said and said[key] != value:
            raise UserError(f"{key}={said[key]}, but {folder.path} holds a world model of {key}={value}")
        words.append(_word(key, value))
    if "data" not in said:
        words.append(_word("data", model.data))
    task = said.get("task", model.tasks[0] if len(model.tasks) == 1 else "")
    if "task" not in said and task:
        words.append(_word("task", task))
    if task in model.tasks:
        words.append(_word("env.name", task))  # whose options env.options are
    if "run" not in said:
        words.append(_word("run", policies(folder.path) / f"{task}-s{said.get('seed', 0)}"))
    return [*words, "stage=extract"]


def policies(world_model: Path) -> Path:
    """Where the policies that are extracted from a world model are kept unless that is said."""
    return Path("runs") / "policies" / world_model.name


def _word(key: str, value: Any) -> str:
    """``key=value`` as it is typed."""
    if isinstance(value, (list, tuple)):
        return f"{key}=[{','.join(map(str, value))}]"
    if value is None or isinstance(value, bool):
        return f"{key}={str(value).lower().replace('none', 'null')}"
    return f"{key}={value}"

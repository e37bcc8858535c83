"""The frozen set of experiments, and that wrong configurations are refused in one helpful line."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pwm.config.compose import choices, compose, config_dir, from_yaml, to_yaml
from pwm.config.types import TrainConfig
from pwm.errors import UserError

# name: task_dim, multitask, wm_batch_size, dynamics, flow_integrator, flow_substeps, max_epochs
EXPERIMENTS: dict[str, tuple[Any, ...]] = {
    "st_baseline": (0, False, 1024, "mlp", None, None, 15_000),
    "st_flow_v1": (0, False, 1024, "flow", "heun", 2, 15_000),
    "st_flow_v2": (0, False, 1024, "flow", "heun", 4, 15_000),
    "st_flow_v3": (0, False, 1024, "flow", "euler", 8, 15_000),
    "mt_baseline": (96, True, 256, "mlp", None, None, 15_000),
    "mt_flow_v1": (96, True, 512, "flow", "heun", 2, 20_000),
    "mt_flow_v2": (96, True, 512, "flow", "heun", 4, 20_000),
    "mt_flow_v3": (96, True, 512, "flow", "euler", 8, 20_000),
    "mt_baseline_matched": (96, True, 512, "mlp", None, None, 20_000),
}
COLUMNS = (
    "task_dim",
    "multitask",
    "wm_batch_size",
    "dynamics",
    "flow_integrator",
    "flow_substeps",
    "max_epochs",
)
OWN = {*COLUMNS, "name", "run", "flow_head"}
"""The only keys in which two experiments may differ, or their comparison says nothing."""


@cache
def experiment(name: str, scale: str = "full") -> TrainConfig:
    return compose([f"alg={name}", f"scale={scale}"])


def test_the_set_of_experiments_is_frozen() -> None:
    assert choices("alg") == sorted(EXPERIMENTS)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_is_its_row_of_the_table(name: str) -> None:
    config = experiment(name)
    assert tuple(getattr(config, key) for key in COLUMNS) == EXPERIMENTS[name]
    assert config.name == name
    assert config.run == f"runs/{name}-s0"
    assert config.flow_head == (None if config.dynamics == "mlp" else "group_centered")


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_what_all_experiments_share(name: str) -> None:
    config = experiment(name)
    assert (config.units, config.encoder_units, config.latent_dim) == ([1792] * 2, [1792] * 3, 768)
    assert (config.horizon, config.num_envs, config.replay_capacity) == (16, 128, 1_000_000)
    assert (config.lr_schedule, config.actor_lr, config.critic_lr, config.wm_lr, config.final_lr) == (
        "linear",
        5e-4,
        5e-4,
        3e-4,
        1e-5,
    )
    assert (config.env.name, config.tasks, config.model_size, config.seed) == ("ant", ["ant"], "48M", 0)
    reference = asdict(experiment("st_baseline"))
    differing = {key for key, value in asdict(config).items() if value != reference[key]}
    assert differing <= OWN


def test_overrides_win() -> None:
    config = compose(["alg=mt_flow_v2", "size=5M", "env=cartpole", "seed=3", "horizon=8", "wm_lr=1"])
    assert (config.latent_dim, config.horizon, config.wm_lr) == (512, 8, 1.0)
    assert (config.env.name, config.tasks, config.run) == ("cartpole", ["cartpole"], "runs/mt_flow_v2-s3")
    assert compose(["alg=mt_flow_v2", "tasks=[ant,cartpole]"]).tasks == ["ant", "cartpole"]


def test_environment_options_need_no_plus() -> None:
    config = compose(["alg=st_baseline", "env.options.inertia=dflex", "env.options.episode_length=5"])
    assert config.env.options == {"inertia": "dflex", "episode_length": 5}


@pytest.mark.parametrize("path", ["/a b/c", "a=b", "a[0](1)", "it's", "a~b", "runs/${name}"])
def test_a_run_folder_may_have_any_name(path: str) -> None:
    assert compose(["alg=st_baseline", f"run={path}"]).run == path.replace("${name}", "st_baseline")


@pytest.mark.parametrize("name", EXPERIMENTS)
@pytest.mark.parametrize("scale", choices("scale"))
def test_every_scale_keeps_what_defines_the_experiment(name: str, scale: str) -> None:
    config, full = experiment(name, scale), experiment(name)
    kept = set(COLUMNS) - {"wm_batch_size", "max_epochs"}
    assert all(getattr(config, key) == getattr(full, key) for key in kept)


def test_the_demo_is_small_and_out_of_the_way() -> None:
    config = compose(["alg=st_flow_v1", "scale=demo"])
    assert (config.model_size, config.run) == ("tiny", "runs/demo/st_flow_v1-s0")
    assert config.max_epochs < 100
    assert compose(["alg=st_flow_v1", "scale=demo", "size=5M"]).model_size == "5M"


@pytest.mark.parametrize("name", ["st_baseline", "mt_flow_v3"])
def test_yaml_comes_back(name: str) -> None:
    config = compose([f"alg={name}", "env.options.inertia=dflex", "run=it's: a=b"])
    assert from_yaml(to_yaml(config)) == config


@pytest.mark.parametrize("group", ["alg", "env", "size", "scale"])
def test_every_choice_is_a_file_of_the_group(group: str) -> None:
    assert choices(group) == sorted(path.stem for path in (Path(config_dir()) / group).glob("*.yaml"))
    for choice in choices(group):
        others = [] if group == "alg" else ["alg=mt_baseline"]
        compose([*others, f"{group}={choice}"])


REFUSED = [
    # names
    (
        "alg=mt_flow_v9",
        "unknown alg 'mt_flow_v9'; choose one of mt_baseline, mt_baseline_matched, mt_flow_v1",
    ),
    ("env=cheetah", "unknown env 'cheetah'; choose one of acrobot-swingup, ant, anymal"),
    ("size=6M", "unknown size '6M'; choose one of 19M, 317M, 48M, 5M, tiny"),
    ("scale=huge", "unknown scale 'huge'; choose one of demo, full"),
    ("flow_substep=4", "unknown key 'flow_substep'; did you mean 'flow_substeps'?"),
    ("env.nam=ant", "did you mean 'env.name'?"),
    ("xyz=red", "unknown key 'xyz'; `pwm train alg=<name> --cfg job` lists every key"),
    ("collection=loop", "unknown collection 'loop'; choose one of closed_loop, lockstep"),
    ("wm_loss=flow", "unknown wm_loss 'flow'; choose one of carried, mixture, one_step"),
    ("flow_integrator=rk4", "unknown flow_integrator 'rk4'; choose one of euler, heun"),
    ("latent=pixels", "unknown latent 'pixels'; choose one of observation, simnorm, standardized"),
    ("flow_head=relu", "unknown flow_head 'relu'; choose one of group_centered, simnorm"),
    ("reward_scale=log", "choose one of real, symlog"),
    ("lr_schedule=cosine", "choose one of constant, linear"),
    ("mixed_precision=fp16", "choose one of bf16, no"),
    ("device=tpu", "unknown device 'tpu'; choose one of auto, cpu, cuda"),
    ("tasks=[ant,cheetah]", "unknown task 'cheetah'; choose one of acrobot-swingup, ant, anymal"),
    # types
    ("num_envs=many", "num_envs=many: expected int"),
    ("num_envs=1.5", "num_envs=1.5: expected int"),
    ("num_envs=null", "num_envs=None: expected int"),
    ("seed=true", "seed=True: expected int"),
    ("multitask=1", "multitask=1: expected bool"),
    ("units=512", "units=512: expected list[int]"),
    ("units=[512,wide]", "units[1]=wide: expected list[int]"),
    ("wm_lr=fast", "wm_lr=fast: expected float"),
    # form
    ("seed", "expected key=value, got 'seed'"),
    ("+seed=1", "only plain key=value"),
    ("~seed=1", "only plain key=value"),
    ("seed=0,1", "start one run for each"),
    ("units=[1", "cannot read 'units=[1'"),
    ("run=", "expected the path of a folder"),
    ("seed=${nothing}", "Interpolation key 'nothing' not found"),
    # numbers
    ("horizon=0", "horizon=0: expected at least 1"),
    ("num_envs=-1", "num_envs=-1: expected at least 1"),
    ("wm_lr=nan", "wm_lr=nan: expected more than 0"),
    ("wm_lr=0", "wm_lr=0.0: expected more than 0"),
    ("gamma=1.1", "gamma=1.1: expected between 0 and 1"),
    ("seed=-1", "seed=-1: expected at least 0"),
    ("latent_dim=100", "latent_dim=100: expected a multiple of 8"),
    ("units=[]", "units=[]: expected a list of layer widths"),
    ("betas_actor_critic=[0.9]", "expected two in [0, 1)"),
    ("flow_substeps=0", "flow_substeps=0: expected at least 1"),
    # combinations
    ("dynamics=mlp", "dynamics=mlp takes no flow_integrator=heun flow_substeps=4 flow_head=group_centered"),
    ("flow_substeps=null", "dynamics=flow needs flow_substeps"),
    ("task_dim=0", "multitask=true needs task_dim"),
    ("multitask=false", "task_dim=96 needs multitask=true"),
    ("env_shares=[0]", "env_shares=[0], tasks=[ant]: expected a number of at least 1 for each"),
    ("env_shares=[1,1]", "env_shares=[1,1], tasks=[ant]: expected a number of at least 1 for each"),
    ("tasks=[]", "at least one task"),
    ("tasks=[ant,ant]", "each once"),
    ("num_processes=3", "num_envs=128 does not divide by num_processes=3"),
    ("replay_capacity=100", "expected at least num_envs * (horizon + 1) = 2176"),
]


@pytest.mark.parametrize(("override", "said"), REFUSED)
def test_a_wrong_override_is_one_line_that_names_the_way_out(override: str, said: str) -> None:
    first = [] if override.startswith("alg=") else ["alg=mt_flow_v2"]
    with pytest.raises(UserError) as error:
        compose([*first, override])
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ([], "no experiment named: give alg=<name>; choose one of mt_baseline"),
        (["alg=st_baseline", "tasks=[ant,cartpole]"], "needs multitask=true: choose an mt_ alg"),
        (
            ["alg=st_baseline", "latent=observation", "normalize_observation=false"],
            "needs normalize_observation=true",
        ),
        (["alg=st_flow_v2", "latent=observation", "flow_head=simnorm"], "flow_head=simnorm needs latent"),
        (["alg=st_baseline", "flow_substeps=4"], "dynamics=mlp takes no flow_substeps=4"),
        (["alg=st_baseline", "task_dim=96"], "task_dim=96 needs multitask=true"),
        (
            ["alg=mt_baseline", "tasks=[ant,cartpole]", "num_envs=1"],
            "num_envs=1 does not split evenly over 2 tasks",
        ),
        (["alg=mt_baseline", "env=ant", "tasks=[cartpole]"], "leaves out env=ant"),
        (
            ["alg=mt_baseline", "tasks=[ant,cartpole]", "env_shares=[2,1]"],
            "num_envs=128 does not split into shares of [2, 1]; take a multiple of 3",
        ),
        (
            ["alg=mt_baseline", "tasks=[ant,cartpole]", "env_shares=[3,1]", "collection=lockstep"],
            "env_shares needs collection=closed_loop",
        ),
        (["alg=st_baseline", "collection=lockstep", "imagination_batch=64"], "needs collection=closed_loop"),
        (["alg=st_baseline", "num_envs=1", "horizon=2"], "critic_batches=4: only 2 imagined states"),
        (["alg=st_baseline", "num_processes=2", "wm_batch_size=7"], "wm_batch_size=7 does not divide"),
    ],
)
def test_what_does_not_go_together(overrides: list[str], said: str) -> None:
    with pytest.raises(UserError) as error:
        compose(overrides)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- 1", "expected keys and values"),
        ("a: [", "not a configuration"),
        ("name: x", "incomplete configuration"),
        ("sieze: 3", "unknown key 'sieze'"),
    ],
)
def test_yaml_that_is_no_configuration(text: str, said: str) -> None:
    with pytest.raises(UserError) as error:
        from_yaml(text)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_the_first_of_the_tasks_is_the_environment_where_none_is_named() -> None:
    assert compose(["alg=st_baseline", "tasks=[cartpole]"]).env.name == "cartpole"
    assert compose(["alg=mt_baseline", "tasks=[hopper,ant]"]).env.name == "hopper"
    assert compose(["alg=mt_baseline", "tasks=[hopper,ant]", "env=ant"]).env.name == "ant"

"""Sweeps hold exactly the runs they are meant to: by our own enumeration and by W&B's engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

from pwm.cli import main
from pwm.config.compose import choices, compose
from pwm.errors import UserError
from pwm.suite import experiments
from pwm.suite.sweeps import sweep
from tests.slurm.fake import cluster_yaml, install

SETTINGS = {"single_task": ["st"], "multi_task": ["mt"], "all": ["all"]}
ENGINE = "sweeps==0.3.0"  # asks for numpy<2, so it cannot be in the lock
ENUMERATE = """
import json, sys, warnings
warnings.simplefilter("ignore")
import sweeps
from sweeps.config import schema_violations_from_proposed_config
config = json.load(sys.stdin)
runs = []
if config["method"] == "grid":
    while (following := sweeps.next_run(config, runs)) is not None:
        following.state = sweeps.RunState.finished
        runs.append(following)
print(json.dumps([schema_violations_from_proposed_config(config), [run.config for run in runs]]))
"""


@pytest.mark.parametrize("name", SETTINGS)
def test_a_grid_is_every_experiment_of_its_setting_with_five_seeds(name: str) -> None:
    cells = sweep.grid(sweep.load(name))
    wanted = [(alg, seed) for alg in experiments.select(SETTINGS[name]) for seed in range(5)]
    assert sorted((cell["alg"], cell["seed"]) for cell in cells) == sorted(wanted)


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """W&B's own sweep engine, in a folder of its own."""
    target = tmp_path_factory.mktemp("sweeps")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(target), ENGINE]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        pytest.skip(f"{ENGINE} cannot be installed here")
    return target


def test_wandbs_engine_finds_the_files_valid_and_yields_the_same_commands(engine: Path) -> None:
    for name in choices("sweep"):
        loaded = sweep.load(name)
        result = subprocess.run(
            [sys.executable, "-c", ENUMERATE],
            input=json.dumps(loaded),
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(engine)},
        )
        assert result.returncode == 0, result.stderr
        violations, configs = json.loads(result.stdout)
        assert violations == []
        if loaded["method"] != "grid":
            continue
        commands = [create_sweep_command_args({"args": config})["args_no_hyphens"] for config in configs]
        ours = [[f"{key}={value}" for key, value in cell.items()] for cell in sweep.grid(loaded)]
        assert sorted(map(sorted, commands)) == sorted(map(sorted, ours))


def test_the_search_names_settings_that_exist_and_a_folder_for_each() -> None:
    loaded = sweep.load("learning_rates")
    fixed = [word for word in loaded["command"][2:] if word != "${args_no_hyphens}"]
    config = compose([*fixed, "wm_lr=0.0002", "actor_lr=0.001", "flow_substeps=8"])
    assert config.run == "runs/sweep/lr-0.0002-0.001-8"


def test_without_a_server_the_cells_are_ordinary_jobs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["suite", "sweep", "multi_task", "--print"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 20 and lines[0] == "pwm train alg=mt_baseline seed=0"
    assert main(["suite", "sweep", "single_task", "--dry-run", "--local"]) == 0
    said = capsys.readouterr().out
    assert said.count("--array=0,1,2,3,4") == 4 and "st_flow_v3" in said


def test_a_search_or_an_unknown_sweep_is_refused_in_words() -> None:
    with pytest.raises(UserError, match="needs a W&B server"):
        sweep.grid(sweep.load("learning_rates"))
    with pytest.raises(UserError, match="choose one of all, learning_rates"):
        sweep.load("everything")


GRID = """
method: grid
parameters:
  alg: {{values: [st_baseline, st_flow_v1]}}
  seed: {{values: [0, 1]}}
  {changed}
command: [pwm, train, tracking=online, "${{args_no_hyphens}}"]
"""


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ("seed: {min: 0, max: 4}", "seed: a grid needs value or values, not min, max"),
        ("alg: {values: st_baseline}", "alg: values: expected a list like [a, b], got 'st_baseline'"),
        ("alg: [st_baseline, st_flow_v1]", "alg: expected {values: [...]}"),
        ("seed: 3", "seed: expected {value: ...}"),
        ("seed: {values: [zero]}", "seed: expected whole numbers, got 'zero'"),
        ("seed: {values: [-1]}", "seed: expected whole numbers, got -1"),
        ("seed: {values: [1.5]}", "seed: expected whole numbers, got 1.5"),
        ("seed: {values: []}", "seed: values: expected a list like [a, b], got []"),
        ("seed: {values: [0, 0]}", "seed: values: 0 is there twice"),
        ("seed: {}", "seed: a grid needs value or values, not nothing"),
        ("seed: {value: 0, values: [1]}", "seed: a grid needs value or values"),
        ("alg: {values: [[st_baseline]]}", "alg"),
        ("alg: {values: [st_baseline, st_nothing]}", "st_nothing"),
        ("alg: {values: [{a: b}]}", "alg"),
        ("wm_lr: {values: [0.1, 0.2]}", "several of its 8 cells have the run folder runs/st_baseline-s0"),
        ("wm_lr: {values: [fast]}", "wm_lr=fast: expected float"),
    ],
)
def test_a_grid_that_is_none_is_refused_before_anything_is_submitted(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changed: str,
    message: str,
) -> None:
    slurm = install(tmp_path, monkeypatch)
    slurm.queue()
    text = GRID.format(changed=changed)
    key = changed.split(":")[0]
    if key in ("alg", "seed"):  # in place of the good one
        lines = text.split("\n")
        text = "\n".join(
            line
            for k, line in enumerate(lines)
            if not line.startswith(f"  {key}:") or lines[k] == f"  {changed}"
        )
    Path("mine.yaml").write_text(text)
    Path("cluster.yaml").write_text(cluster_yaml())
    Path("pwm.sif").touch()
    for flags in ([], ["--dry-run"]):
        assert main(["suite", "sweep", "mine.yaml", "--cluster=cluster.yaml", "--local", *flags]) == 2
        said = capsys.readouterr().err
        assert message in said and len(said.splitlines()) == 1
    assert not slurm.calls("sbatch")


def test_a_count_is_for_a_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch)
    with pytest.raises(UserError, match="is a grid, which is submitted whole: leave out --count"):
        sweep.run(["single_task", "--local", "--count=3", "--dry-run"])

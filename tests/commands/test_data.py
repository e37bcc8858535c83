"""Stores from the command line: made, gone on with, looked at."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from pwm.cli import main
from pwm.data import Store
from pwm.interpreter import PYTHON

GENERATE = ["data", "generate", "tasks=[cartpole,hopper]", "episodes=130", "seed=3"]
TINY = [
    *("train", "alg=st_flow_v2", "env=hopper", "scale=demo", "num_envs=20", "horizon=8", "max_epochs=20"),
    *("wm_first_updates=2", "wm_updates=1", "checkpoint_every=8", "eval_episodes=2", "replay_capacity=1200"),
]


def files(store: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(store.iterdir())}


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stores") / "random"
    assert main([*GENERATE, f"data={path}"]) == 0
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "hopper"
    assert main([*TINY, f"run={path}"]) == 0
    return path


def test_episodes_are_whole_and_of_both_tasks(generated: Path) -> None:
    store = Store(generated)
    assert [task.name for task in store.tasks] == ["cartpole", "hopper"]
    assert np.bincount(store.task).tolist() == [130, 130]
    assert (store.rows[store.task == 0] == 241).all()  # truncated, never terminated
    for episode in (0, 129, 130, 259):
        place = int(store.shard[episode]), int(store.first[episode]), int(store.rows[episode])
        words, _ = store.look(*place)
        rewards = words.view(np.float32)[:, -2]
        assert rewards[0] == 0 and rewards.sum() == pytest.approx(store.returned[episode], rel=1e-4)
    assert len(np.unique(store.returned)) == 260  # no two alike


def test_killed_it_goes_on_and_ends_the_same(generated: Path, tmp_path: Path) -> None:
    command = [*PYTHON, "-m", "pwm", *GENERATE, f"data={tmp_path / 'killed'}"]
    for _ in range(2):
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert main([*GENERATE, f"data={tmp_path / 'killed'}"]) == 0
    assert files(tmp_path / "killed") == files(generated)


def test_a_finished_one_is_not_made_again(generated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in generated.glob("*.rows")}
    assert main([*GENERATE, f"data={generated}"]) == 0
    assert {path.name: path.stat().st_mtime_ns for path in generated.glob("*.rows")} == before
    assert "260 episodes" in capsys.readouterr().out


def test_policies_of_a_run(trained: Path, tmp_path: Path) -> None:
    assert main(["data", "generate", f"run={trained}", f"data={tmp_path / 's'}", "episodes=9"]) == 0
    store = Store(tmp_path / "s")
    assert [task.name for task in store.tasks] == ["hopper"] and len(store.task) == 9
    assert len(store.files) == len(list((trained / "checkpoints").glob("epoch-*.pt"))) + (
        (trained / "checkpoints" / "best.json").exists() and _best_is_another(trained)
    )


def _best_is_another(run: Path) -> bool:
    epochs = [path.stat().st_ino for path in (run / "checkpoints").glob("epoch-*.pt")]
    return (run / "checkpoints" / "best.pt").stat().st_ino not in epochs


def test_a_replay_becomes_a_store_of_the_same_transitions(trained: Path, tmp_path: Path) -> None:
    assert main(["data", "from-replay", f"run={trained}", f"data={tmp_path / 's'}"]) == 0
    store = Store(tmp_path / "s")
    newest = max((trained / "checkpoints").glob("replay-*.pt"), key=lambda path: path.stat().st_mtime)
    ring = torch.load(newest, weights_only=True)[0]["ring"]
    assert (store.rows - 1).sum() == int(ring["stored"].sum()) == 1200  # 60 of 160 steps
    rewards, ends = [], 0
    for shard, first, rows in zip(store.shard, store.first, store.rows, strict=True):
        words, _ = store.look(int(shard), int(first), int(rows))
        rewards += words.view(np.float32)[1:, -2].tolist()
        ends += int((words[:, -1] & 1).sum())
    assert sorted(rewards) == sorted(ring["reward"].flatten().tolist())
    assert ends == int(ring["terminated"].sum()) > 0
    again = Store(tmp_path / "s")
    assert main(["data", "from-replay", f"run={trained}", f"data={tmp_path / 's'}"]) == 0
    assert len(again.task) == len(store.task)


def test_inspection_names_what_is_damaged(
    generated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "inspect", str(generated), "--plot", str(tmp_path / "returns.png")]) == 0
    whole = capsys.readouterr().out
    assert "cartpole" in whole and "130" in whole and "damaged" not in whole
    assert (tmp_path / "returns.png").stat().st_size > 5000
    copy = tmp_path / "copy"
    copy.mkdir()
    for name, whole_file in files(generated).items():
        (copy / name).write_bytes(whole_file)
    size = Store(copy).layout.row_bytes
    content = bytearray((copy / "00001.rows").read_bytes())
    content[5 * size : 8 * size] = bytes(3 * size)
    content[-1] ^= 4
    (copy / "00001.rows").write_bytes(content)
    assert main(["data", "inspect", str(copy)]) == 1
    shown = capsys.readouterr().out
    assert f"damaged: 00001.rows, bytes {5 * size:,} to {8 * size - 1:,} (3 rows)" in shown
    assert f"to {len(content) - 1:,} (1 rows)" in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["generate", "tasks=[ant]"], "data=… is missing"),
        (["generate", "data=x"], "say tasks=[…] for random policies, or run=<folder>"),
        (["generate", "data=x", "tasks=[ant]", "run=y"], "one of the two"),
        (["generate", "data=x", "tasks=[snake]"], "unknown task 'snake'"),
        (["generate", "data=x", "tasks=[ant]", "episodes=0"], "episodes=0: expected at least 1"),
        (["generate", "data=x", "tasks=[ant]", "episodes=many"], "episodes=many: expected int"),
        (["generate", "data=x", "tasks=[ant,ant]"], "none twice"),
        (["generate", "data=x", "task=ant"], "unknown key 'task'; choose one of data, episodes"),
        (["generate", "data=x", "run=nowhere"], "nowhere is not a run folder"),
        (["from-replay", "data=x", "run=nowhere"], "nowhere is not a run folder"),
        (["inspect", "nowhere"], "nowhere is no store"),
        (["forget"], "unknown data command 'forget'"),
    ],
)
def test_mistakes_are_told_in_a_line(
    words: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["data", *words]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())

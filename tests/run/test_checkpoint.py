"""Checkpoints survive what happens to files: crashes, full disks, damage."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from pwm.errors import UserError
from pwm.run.checkpoint import Checkpoints


def state(value: float, replay: bool = True) -> dict[str, Any]:
    content: dict[str, Any] = {
        "model": {"weight": torch.full((64, 64), value), "steps": torch.tensor(3)},
        "schedule": [1, 2.5, "linear", None, True],
        "random": torch.get_rng_state(),
    }
    if replay:
        content["replay"] = {"observation": torch.full((128, 8), value)}
    return content


def damage(path: Path) -> None:
    """Flip one byte of the largest tensor's data; the archive's structure stays whole."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.unlink()  # not through the hard link that best.pt may be
    path.write_bytes(content)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_state_comes_back_bit_for_bit(tmp_path: Path) -> None:
    saved = state(1 / 3)
    Checkpoints(tmp_path / "checkpoints").save(saved, epoch=7)
    loaded = Checkpoints(tmp_path / "checkpoints").load_latest()
    assert loaded is not None
    content, epoch = loaded
    assert epoch == 7
    assert torch.equal(content["model"]["weight"], saved["model"]["weight"])
    assert torch.equal(content["replay"]["observation"], saved["replay"]["observation"])
    assert torch.equal(content["random"], saved["random"])
    assert content["schedule"] == saved["schedule"]


def test_nothing_saved_is_nothing_loaded(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path / "absent").load_latest() is None
    assert Checkpoints(tmp_path / "absent").load_best() is None


def test_the_last_two_and_the_best_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    for epoch, score in [(10, -5.0), (20, 8.0), (30, float("nan")), (40, 3.0), (50, None)]:
        checkpoints.save(state(epoch), epoch, score)
    assert names(tmp_path) == {
        "epoch-40.pt",
        "replay-40.pt",
        "epoch-50.pt",
        "replay-50.pt",
        "best.pt",
        "best.json",
    }
    best = checkpoints.load_best()
    assert best is not None
    content, epoch = best
    assert epoch == 20
    assert content["model"]["weight"][0, 0] == 20
    assert "replay" not in content


def test_the_best_score_is_remembered_by_the_next_process(tmp_path: Path) -> None:
    Checkpoints(tmp_path).save(state(1), 1, score=8.0)
    Checkpoints(tmp_path).save(state(2), 2, score=3.0)
    best = Checkpoints(tmp_path).load_best()
    assert best is not None
    assert best[1] == 1


@pytest.mark.parametrize("name", ["epoch-20.pt", "replay-20.pt"])
@pytest.mark.parametrize("how", ["flipped", "truncated", "empty", "missing"])
def test_a_damaged_newest_checkpoint_is_passed_over_and_named(tmp_path: Path, name: str, how: str) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state(10), 10)
    checkpoints.save(state(20), 20)
    path = tmp_path / name
    if how == "flipped":
        damage(path)
    elif how == "missing":
        path.unlink()
    else:
        os.truncate(path, 1000 if how == "truncated" else 0)
    loaded = checkpoints.load_latest()
    assert loaded is not None
    content, epoch = loaded
    assert epoch == 10
    assert content["replay"]["observation"][0, 0] == 10
    if name == "epoch-20.pt" and how == "missing":
        return
    assert len(checkpoints.warnings) == 1
    assert name in checkpoints.warnings[0]
    assert "epoch 20" in checkpoints.warnings[0]


def test_a_run_that_fell_back_keeps_what_it_resumed_from(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state(10), 10)
    checkpoints.save(state(20), 20)
    damage(tmp_path / "epoch-20.pt")
    checkpoints.load_latest()
    checkpoints.save(state(15), 15)
    assert checkpoints.epochs() == [10, 15]


def test_evaluation_does_not_need_the_replay(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state(10), 10)
    (tmp_path / "replay-10.pt").unlink()
    loaded = checkpoints.load_latest(replay=False)
    assert loaded is not None
    assert "replay" not in loaded[0]


def test_no_readable_checkpoint_is_an_error_not_a_fresh_start(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state(10), 10)
    damage(tmp_path / "epoch-10.pt")
    with pytest.raises(UserError, match=r"no checkpoint .* can be read .*epoch-10.pt"):
        checkpoints.load_latest()


def test_a_damaged_best_checkpoint_is_named_and_replaced(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state(10), 10, score=100.0)
    damage(tmp_path / "best.pt")
    with pytest.raises(UserError, match=r"best\.pt is corrupt"):
        checkpoints.load_best()
    checkpoints.save(state(20), 20, score=1.0)
    best = checkpoints.load_best()
    assert best is not None
    assert best[1] == 20


def test_the_best_score_is_known_without_reading_the_best_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state(10), 10, score=8.0)
    monkeypatch.setattr(torch, "load", None)
    for epoch, score in ((20, 3.0), (30, 9.0), (40, 8.5)):
        checkpoints.save(state(epoch), epoch, score)
    monkeypatch.undo()
    best = checkpoints.load_best()
    assert best is not None and best[1] == 30


@pytest.mark.parametrize("content", [None, "", "{}", '{"score": 1, "file": [1, 2]}'])
def test_without_the_file_of_the_score_it_is_read_from_the_checkpoint(
    tmp_path: Path, content: str | None
) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state(10), 10, score=8.0)
    (tmp_path / "best.json").unlink() if content is None else (tmp_path / "best.json").write_text(content)
    checkpoints.save(state(20), 20, score=3.0)
    best = checkpoints.load_best()
    assert best is not None and best[1] == 10


def several(folder: Path, epoch: int, ranks: int = 2) -> None:
    """A checkpoint of several processes, each with its own replay."""
    for rank in range(ranks):
        Checkpoints(folder, rank).save_replay({"rank": rank, "epoch": epoch}, epoch)
    Checkpoints(folder).save(state(epoch, replay=False), epoch, processes=ranks)


def test_every_process_writes_and_reads_its_own_replay(tmp_path: Path) -> None:
    for epoch in (10, 20, 30):
        several(tmp_path, epoch)
    kept = {f"{name}.pt" for e in (20, 30) for name in (f"epoch-{e}", f"replay-{e}", f"replay-{e}-1")}
    assert names(tmp_path) == kept
    for rank in (0, 1):
        loaded = Checkpoints(tmp_path, rank).load_latest()
        assert loaded is not None and loaded[1] == 30
        assert loaded[0]["replay"] == {"rank": rank, "epoch": 30}


def test_a_process_whose_replay_is_damaged_falls_back_and_the_others_can_follow(tmp_path: Path) -> None:
    several(tmp_path, 10)
    several(tmp_path, 20)
    os.truncate(tmp_path / "replay-20-1.pt", 100)
    loaded = Checkpoints(tmp_path, 1).load_latest()
    assert loaded is not None and loaded[1] == 10
    loaded = Checkpoints(tmp_path, 0).load_latest(until=10)
    assert loaded is not None and loaded[0]["replay"] == {"rank": 0, "epoch": 10}


def test_a_checkpoint_that_was_not_completed_leaves_no_replays(tmp_path: Path) -> None:
    several(tmp_path, 10)
    for rank in (0, 1):
        Checkpoints(tmp_path, rank).save_replay({"rank": rank}, 20)
        Checkpoints(tmp_path, rank).discard(20)
        Checkpoints(tmp_path, rank).discard(10)
    assert names(tmp_path) == {"epoch-10.pt", "replay-10.pt", "replay-10-1.pt"}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_state_that_is_not_finite_is_refused(tmp_path: Path, value: float) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state(1), 10)
    with pytest.raises(UserError, match=r"model\.weight is not finite after epoch 20.*epoch 10 is kept"):
        checkpoints.save(state(value), 20)
    assert names(tmp_path) == {"epoch-10.pt", "replay-10.pt"}


def test_what_could_not_be_read_back_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="env is a object"):
        Checkpoints(tmp_path).save({"env": object()}, 1)


FULL_DISK = """
import resource, sys, torch
from pathlib import Path
from pwm.run.checkpoint import Checkpoints
from pwm.errors import UserError

checkpoints = Checkpoints(Path(sys.argv[1]))
checkpoints.save({"model": torch.ones(1000), "replay": torch.ones(1000)}, 10)
limit = 100_000
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    checkpoints.save({"model": torch.ones(int(sys.argv[2])), "replay": torch.ones(int(sys.argv[3]))}, 20)
except UserError as error:
    print(error)
"""


@pytest.mark.parametrize(("model", "replay"), [(1000, 10**6), (10**6, 1000)])
def test_a_disk_that_refuses_keeps_the_old_checkpoint(tmp_path: Path, model: int, replay: int) -> None:
    result = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path), str(model), str(replay)],
        capture_output=True,
        text=True,
        check=True,
    )
    line = result.stdout.strip()
    assert "\n" not in line
    assert "cannot save the checkpoint of epoch 20" in line
    assert "epoch 10 is kept" in line
    assert names(tmp_path) == {"epoch-10.pt", "replay-10.pt"}
    loaded = Checkpoints(tmp_path).load_latest()
    assert loaded is not None
    assert loaded[1] == 10


def test_what_a_killed_process_left_is_cleared_by_the_next_save(tmp_path: Path) -> None:
    (tmp_path / "epoch-10.pt.tmp").write_bytes(b"half")
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.load_latest() is None
    checkpoints.save(state(1), 20)
    assert names(tmp_path) == {"epoch-20.pt", "replay-20.pt"}

"""Stores: what was written comes back, uniformly, and nothing that is damaged does."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from pwm.data import Sampler, Store
from pwm.data.shards import Episode, Task, Writer
from pwm.errors import UserError

TASKS = (Task("small", 3, 1), Task("large", 5, 2))


def episode(task: int, number: int, length: int, terminated: bool = False) -> Episode:
    """Its observations say which episode they are of and which step; what led to them does, too."""
    steps = np.arange(length + 1, dtype=np.float32)
    observation = np.zeros((length + 1, TASKS[task].obs_dim), dtype=np.float32)
    observation[:, 0], observation[:, 1], observation[:, 2] = number, steps, task
    action = np.repeat(steps[1:, None] / np.float32(100), TASKS[task].act_dim, 1)
    ends = np.zeros(length, dtype=bool)
    ends[-1] = terminated
    return Episode(task, observation, action, 10 * steps[1:], ends)


def write(path: Path, pieces: dict[str, list[Episode]], finish: bool = True) -> Path:
    with Writer(path, TASKS, {"kind": "test"}) as writer:
        for name, episodes in pieces.items():
            if not writer.has(name):
                writer.write(name, episodes)
        if finish:
            writer.finish()
    return path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    small = [episode(0, number, 9, terminated=number % 2 == 0) for number in range(20)]
    large = [episode(1, number, length) for number, length in enumerate([1, 2, 7, 40, 6, 30])]
    opened = Store(write(tmp_path / "store", {"a": small[:12], "b": [*small[12:], *large]}))
    yield opened
    opened.close()


def test_every_transition_is_what_it_was(store: Store) -> None:
    batch = Sampler(store, [0, 1], batch_size=200, horizon=4).batch(0).transitions
    number, step, task = batch.observation[:, :3].unbind(1)
    assert batch.observation.shape == (800, 5) and batch.action.shape == (800, 2)
    assert torch.equal(batch.next_observation[:, 1], step + 1)
    assert torch.equal(batch.next_observation[:, 0], number)
    assert torch.equal(batch.reward, 10 * (step + 1))
    assert torch.equal(batch.action[:, 0], (step + 1) / 100)
    assert torch.equal(batch.task, task.long())
    assert torch.equal(batch.action[:, 1], torch.where(batch.task == 1, batch.action[:, 0], 0.0))
    assert torch.equal(batch.terminated, (batch.task == 0) & (number % 2 == 0) & (step == 8))


def test_transitions_are_uniform_over_a_task_and_tasks_alike_whatever_their_episodes(store: Store) -> None:
    sampler = Sampler(store, [0, 1], batch_size=4000, horizon=4)
    batches = [sampler.batch(number).transitions for number in range(3)]
    task = torch.cat([batch.task for batch in batches])
    assert (task == 1).float().mean() == pytest.approx(0.5, abs=0.02)
    large = torch.cat([batch.observation for batch in batches])[task == 1]
    # The last two episodes are held out; the one of a single transition is as likely as any other place.
    counts = torch.bincount(large[:, 0].long(), minlength=4).double()
    expected = torch.tensor([1, 2, 7, 40], dtype=torch.float64)
    assert torch.allclose(counts / counts.sum(), expected / expected.sum(), atol=0.02)
    last = large[large[:, 0] == 3][:, 1]
    assert torch.bincount(last.long(), minlength=40).double().std() < 0.2 * len(last) / 40


def test_a_slice_is_consecutive_and_stays_in_one_episode(store: Store) -> None:
    slices = Sampler(store, [1], batch_size=300, horizon=6, slices=True).batch(0).slices
    assert slices is not None and slices.observation.shape == (7, 300, 5)
    number, step = slices.observation[..., 0], slices.observation[..., 1]
    assert (number == number[0]).all() and (step[1:] == step[:-1] + 1).all()
    assert torch.equal(slices.reward, 10 * step[1:]) and set(number[0].tolist()) == {2.0, 3.0}


def test_held_out_episodes_are_not_learned_from(store: Store) -> None:
    learned, held_out = (
        set(Sampler(store, [1], 500, 4, held_out=aside).batch(0).transitions.observation[:, 0].tolist())
        for aside in (False, True)
    )
    assert learned == {0.0, 1.0, 2.0, 3.0} and held_out == {4.0, 5.0}


def test_the_order_is_the_seeds_and_goes_on_where_it_was(store: Store) -> None:
    first = [next(Sampler(store, [0, 1], 8, 4, seed=5)) for _ in range(1)]
    sampler = Sampler(store, [0, 1], 8, 4, seed=5)
    batches = [next(sampler).transitions for _ in range(20)]
    assert torch.equal(first[0].transitions.observation, batches[0].observation)
    again = Sampler(store, [0, 1], 8, 4, seed=5)
    again.go_to(13)
    for batch in batches[13:]:
        assert torch.equal(next(again).transitions.observation, batch.observation)
    assert not torch.equal(batches[0].observation, batches[1].observation)
    other = Sampler(store, [0, 1], 8, 4, seed=5, part=1)
    assert not torch.equal(next(other).transitions.observation, batches[0].observation)


def test_a_store_may_be_one_task_of_several(store: Store) -> None:
    batch = next(Sampler(store, [1], 8, 4)).transitions
    assert (batch.task == 0).all() and (batch.observation[:, 2] == 1).all()


def test_an_interrupted_store_goes_on_and_is_the_same_byte_for_byte(tmp_path: Path) -> None:
    pieces = {name: [episode(0, number, 5) for number in range(3)] for name in "abc"}
    whole = write(tmp_path / "whole", pieces)
    partial = write(tmp_path / "partial", {"a": pieces["a"]}, finish=False)
    with pytest.raises(UserError, match=r"is not finished \(1 shards are\)"):
        Store(partial)

    class Killed(Exception): ...

    def dies() -> Iterator[Episode]:
        yield pieces["b"][0]
        raise Killed

    with Writer(partial, TASKS, {"kind": "test"}) as writer, pytest.raises(Killed):
        writer.write("b", dies())
    write(partial, pieces)
    files = sorted(path.name for path in whole.iterdir())
    assert files == sorted(path.name for path in partial.iterdir())
    for name in files:
        assert (whole / name).read_bytes() == (partial / name).read_bytes(), name


def test_another_store_is_not_written_into(tmp_path: Path, store: Store) -> None:
    with pytest.raises(UserError, match="holds a store made otherwise"):
        Writer(store.path, TASKS, {"kind": "other"})
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("")
    with pytest.raises(UserError, match=r"holds other things \(thesis.tex\)"):
        Writer(tmp_path / "full", TASKS, {})
    with Writer(tmp_path / "one", TASKS, {}), pytest.raises(UserError, match="another process is writing"):
        Writer(tmp_path / "one", TASKS, {})


def read_all(path: Path) -> None:
    store = Store(path)
    try:
        shards = np.arange(len(store.files))
        rows = np.array([file.stat().st_size // store.layout.row_bytes for file in store.files])
        store.read(shards, np.zeros_like(shards), rows)
    finally:
        store.close()


@pytest.mark.parametrize("kind", ["bit", "zeros", "swapped", "moved", "shards", "other"])
def test_damage_is_refused_with_its_place(store: Store, tmp_path: Path, kind: str) -> None:
    file, size = store.path / "00000.rows", store.layout.row_bytes
    content = bytearray(file.read_bytes())
    at = 3 * size
    if kind == "bit":
        content[at + 5] ^= 1
    elif kind == "zeros":
        content[at : at + size] = bytes(size)
    elif kind == "swapped":
        content[at : at + 2 * size] = content[at + size : at + 2 * size] + content[at : at + size]
    elif kind == "moved":
        content[at:] = content[at + size :] + content[at : at + size]
    elif kind == "shards":
        at, other = 0, (store.path / "00001.rows").read_bytes()
        content[:] = other[: len(content)]
    else:
        with Writer(tmp_path / "other", TASKS, {"kind": "another"}) as writer:
            writer.write("a", [episode(0, number, 9) for number in range(12)])
        at, content = 0, bytearray((tmp_path / "other" / "00000.rows").read_bytes())
    file.write_bytes(content)
    with pytest.raises(UserError) as error:
        read_all(store.path)
    assert f"00000.rows is damaged at byte {at:,} (row {at // size})" in str(error.value)


def test_every_single_bit_matters(store: Store) -> None:
    """Of a row, all of them: the observation, the action, the reward, the end and the hash itself."""
    shard, first = np.zeros(1, np.int64), np.array([4])
    words = store.read(shard, first, np.array([1]))
    for bit in range(32 * store.layout.words):
        changed = words.copy()
        changed[0, bit // 32] ^= np.uint32(1 << bit % 32)
        assert store.layout.wrong(changed, shard, first)[0], bit
    assert not store.layout.wrong(words, shard, first)[0]


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("00001.rows", lambda path: path.write_bytes(path.read_bytes()[:-4]), "00001.rows is truncated"),
        ("00001.rows", lambda path: path.write_bytes(path.read_bytes() + b"1"), "00001.rows is too long"),
        ("00001.rows", Path.unlink, "lacks"),
        ("00000.episodes", Path.unlink, "lacks"),
        ("00000.episodes", lambda path: path.write_bytes(bytes(24)), "00000.episodes is damaged"),
        ("manifest.json", Path.unlink, "is no store: manifest.json: No such file"),
        ("manifest.json", lambda path: path.write_text("{"), "manifest.json is damaged"),
        ("manifest.json", lambda path: path.write_text("[]"), "manifest.json is damaged"),
        ("manifest.json", lambda path: path.write_text('{"format": 9}'), "is a store of format 9"),
        (
            "manifest.json",
            lambda path: path.write_text(json.dumps({**json.loads(path.read_text()), "tasks": [{}]})),
            "manifest.json is damaged",
        ),
    ],
)
def test_what_is_missing_or_cut_is_told_at_opening(
    store: Store, name: str, change: object, said: str
) -> None:
    assert callable(change)
    change(store.path / name)
    with pytest.raises(UserError) as error:
        Store(store.path)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_a_batch_that_meets_damage_says_so_when_it_is_asked_for(store: Store) -> None:
    file = store.path / "00000.rows"
    file.write_bytes(file.read_bytes()[:-1] + b"\x77")
    sampler = Sampler(store, [0], 64, 4)
    with pytest.raises(UserError, match="00000.rows is damaged at byte"):
        for _ in range(50):
            next(sampler)


def test_horizon_longer_than_every_episode(store: Store) -> None:
    with pytest.raises(UserError, match="no episode of small of horizon=10 transitions"):
        Sampler(store, [0], 8, 10, slices=True)
    assert next(Sampler(store, [0], 8, 30)).transitions.reward.shape == (240,)


def test_a_full_disk_keeps_the_shards_that_are_whole(tmp_path: Path) -> None:
    script = f"""
import resource
from pathlib import Path
from tests.data_layer.test_store import TASKS, episode
from pwm.data.shards import Writer
from pwm.errors import UserError
resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))
import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with Writer(Path({str(tmp_path / "s")!r}), TASKS, {{}}) as writer:
    writer.write("a", [episode(0, 0, 5)])
    try:
        writer.write("b", [episode(0, n, 50) for n in range(50)])
    except UserError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "the shards that are whole are kept; raise the limit on the size of files" in done.stdout
    assert not list((tmp_path / "s").glob("*.tmp"))
    with Writer(tmp_path / "s", TASKS, {}) as writer:
        assert writer.has("a") and not writer.has("b")


def test_more_shards_than_a_process_may_open_by_default(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    path = write(tmp_path / "many", {str(n): [episode(0, n, 3)] for n in range(80)})
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    try:
        Store(path).close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_memory_does_not_grow_with_what_is_read(tmp_path: Path) -> None:
    wide = Task("wide", 120, 8)
    observation = np.random.default_rng(0).standard_normal((501, 120)).astype(np.float32)
    many = Episode(0, observation, observation[1:, :8], observation[1:, 0], np.zeros(500, dtype=bool))
    with Writer(tmp_path / "s", [wide], {}) as writer:
        for piece in range(4):
            writer.write(str(piece), [many] * 250)
        writer.finish()
    script = f"""
import os
from pwm.data import Sampler, Store
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
store = Store({str(tmp_path / "s")!r})
sampler = Sampler(store, [0], 256, 16)
for _ in range(30):
    next(sampler)
before = resident()
for _ in range(150):
    next(sampler)
print(sum(file.stat().st_size for file in store.files) / 1e6, resident() - before)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    size, grown = map(float, done.stdout.split())
    assert size > 250 and grown < 60  # MB, of which 330 are read

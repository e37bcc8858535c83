"""A film of an evaluated episode: what is on it, how long it plays, and what cannot be had."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image, ImageSequence
from torch import Tensor

from pwm.algorithms.agent import Agent
from pwm.cli import main
from pwm.envs import make, make_tasks
from pwm.envs.base import Drawable
from pwm.evaluation.closed_loop import Evaluator
from pwm.evaluation.drawing import Episode, Panel
from pwm.evaluation.video import Film

STEPS = 12
TINY = (
    *("train", "alg=st_baseline", "size=tiny", "num_envs=4", "wm_batch_size=8", "horizon=4", "threads=1"),
    *("wm_updates=1", "wm_first_updates=1", "critic_passes=1", "replay_capacity=400", "max_epochs=1"),
    *(f"env.options.episode_length={STEPS}", "eval_episodes=1", "eval_every=0"),
)


class Idle:
    def act(self, observation: Tensor, task: Tensor, deterministic: bool = False) -> Tensor:
        return torch.zeros(len(observation), 8)


def playback(path: Path) -> list[int]:
    """How long each picture of a GIF is shown [ms]."""
    with Image.open(path) as image:
        return [frame.info["duration"] for frame in ImageSequence.Iterator(image)]


def install_ffmpeg(folder: Path, script: str) -> None:
    folder.mkdir()
    program = folder / "ffmpeg"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


@pytest.fixture(autouse=True)
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which programs are found."""
    folder = tmp_path / "programs"
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An Ant's run of one epoch."""
    folder = tmp_path_factory.mktemp("video") / "run"
    assert main([*TINY, f"run={folder}"]) == 0
    return folder


def test_the_film_plays_as_long_as_the_episode_lasts(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", f"run={run}", "--seed", "7", "--episodes", "2"]) == 0
    table = capsys.readouterr().out
    assert main(["eval", "--video", f"run={run}", "--seed", "7", "--episodes", "2"]) == 0
    path = run / "videos" / "1-s7.gif"
    assert capsys.readouterr().out == f"{table}the first episode of each task: {path}\n"
    assert sum(playback(path)) == STEPS * 1000 / 60


def test_with_ffmpeg_it_is_an_mp4_in_real_time(run: Path, programs: Path) -> None:
    install_ffmpeg(programs, f'echo "$@" > {programs}/arguments; /bin/cat > {programs}/pictures')
    assert main(["eval", f"run={run}", "--episodes", "1", "--video"]) == 0
    arguments = (programs / "arguments").read_text().split()
    assert arguments[-1] == str(run / "videos" / "1-s1000003.mp4")
    pictures = (programs / "pictures").stat().st_size / (640 * 400 * 4)
    assert pictures / int(arguments[arguments.index("-framerate") + 1]) == STEPS / 60


def test_several_tasks_are_one_above_the_other_until_the_last_one_ends(tmp_path: Path) -> None:
    options = {"ant": {"episode_length": 6}, "cartpole": {"episode_length": 15}}
    env = make_tasks(["ant", "cartpole"], num_envs=4, options=options)
    film = Film(env, tmp_path / "both.gif")
    Evaluator(env)(cast(Agent, Idle()), watch=film.watch)
    film.write()
    assert playback(film.path) == [50] * 5
    with Image.open(film.path) as image:
        assert image.size == (640, 800)


def test_the_caption_says_time_return_and_velocity_and_stays_at_the_end() -> None:
    env = cast(Drawable, make("ant", num_envs=1))
    segments = np.stack([env.segments()[0].numpy()] * 2)
    episode = Episode(
        "ant",
        env.capsules,
        env.planar,
        segments,
        seconds=np.array([0.0, 1.5]),
        returns=np.array([0.0, -12.34]),
        velocity=np.array([0.25, np.nan]),
    )
    axes = Figure().add_subplot()
    panel = Panel(axes, episode)
    for frame, said in ((0, "ant 0.00 s return 0.0 forward +0.25 m/s"), (7, "ant 1.50 s return -12.3")):
        panel.show(frame)
        assert said in [" ".join(text.get_text().split()) for text in axes.texts]


def test_a_simulation_that_diverged_is_not_drawn() -> None:
    env = cast(Drawable, make("ant", num_envs=1))
    segments = np.full((2, len(env.capsules), 2, 3), np.nan)
    figure = Figure()
    panel = Panel(
        figure.add_subplot(), Episode("ant", env.capsules, False, segments, *np.full((3, 2), np.nan))
    )
    panel.show(1)
    figure.canvas.draw()


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--video=film.avi", "unknown suffix '.avi'; choose one of .gif, .mp4"),
        ("--video=film.mp4", "ffmpeg is not installed; choose a .gif"),
        ("--video=/dev/null/film.gif", "cannot write /dev/null/film.gif"),
        ("--world-model", "not allowed with argument --video"),
    ],
)
def test_what_cannot_be_had_is_said_in_one_line_before_any_episode(
    run: Path, capsys: pytest.CaptureFixture[str], option: str, said: str
) -> None:
    assert main(["eval", f"run={run}", "--video", option]) == 2
    captured = capsys.readouterr()
    assert said in captured.err and captured.err.count("\n") == 1
    assert "return" not in captured.out


def test_an_environment_that_cannot_be_drawn_is_named(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    config = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(re.sub(r"\bant\b", "dflex_ant", config))
    assert main(["eval", f"run={folder}", "--video"]) == 2
    error = capsys.readouterr().err
    drawable = "ant, anymal, cartpole, double_pendulum, hopper, humanoid"
    assert error == f"pwm: error: env dflex_ant cannot be drawn; those that can are {drawable}\n"


@pytest.mark.parametrize("script", ["echo no such encoder >&2; exit 1", "/bin/cat > /dev/null; exit 1"])
def test_an_ffmpeg_that_fails_is_one_line(
    run: Path, programs: Path, capfd: pytest.CaptureFixture[str], script: str
) -> None:
    install_ffmpeg(programs, script)
    assert main(["eval", f"run={run}", "--episodes", "1", "--video"]) == 2
    error = capfd.readouterr().err
    assert ".mp4: ffmpeg: " in error and "choose a .gif" in error and error.count("\n") == 1

"""``pwm eval --video``: the first episode of each task as a film."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from subprocess import CalledProcessError
from typing import NamedTuple, cast

import numpy as np
from matplotlib.animation import FFMpegWriter, PillowWriter
from matplotlib.figure import Figure
from torch import Tensor

from pwm.envs import DRAWABLE, MultiTaskEnv
from pwm.envs.base import DT, Drawable, VectorEnv
from pwm.errors import UserError
from pwm.evaluation.drawing import BAND, SIZE, Array, Episode, Panel

DPI = 100
STRIDES = {".gif": 3, ".mp4": 2}
"""Environment steps per frame. A GIF counts hundredths of a second, so that 20 frames/s are exact in it."""


def default_name(epoch: int, seed: int) -> str:
    """``<epoch>-s<seed>.mp4``, or ``.gif`` where ffmpeg is not installed."""
    return f"{epoch}-s{seed}{'.mp4' if FFMpegWriter.isAvailable() else '.gif'}"


def prepare(path: Path, tasks: Sequence[str]) -> None:
    """Make the folder of ``path``, having checked that a film of ``tasks`` can be written there.

    Raises:
        UserError: a task that cannot be drawn, an unknown suffix, no ffmpeg, or a folder that cannot be
            written to.
    """
    for task in tasks:
        if task not in DRAWABLE:
            raise UserError(f"env {task} cannot be drawn; those that can are {', '.join(DRAWABLE)}")
    if path.suffix not in STRIDES:
        raise UserError(f"--video={path}: unknown suffix {path.suffix!r}; choose one of .gif, .mp4")
    if path.suffix == ".mp4" and not FFMpegWriter.isAvailable():
        raise UserError(f"--video={path}: ffmpeg is not installed; choose a .gif")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(path, error.strerror) from error
    if not os.access(path.parent, os.W_OK):
        raise _cannot_write(path, "no permission")


class _Moment(NamedTuple):
    step: int
    segments: Array
    returns: float
    velocity: float


class Film:
    """Watches an evaluation, keeps what is seen of the first episode of each task, and draws it."""

    def __init__(self, env: VectorEnv, path: Path) -> None:
        """Of ``env`` into ``path``; :func:`prepare` must have found both fit."""
        self.path = path
        self._env = env
        self._stride = STRIDES[path.suffix]
        self._parts = cast("list[Drawable]", env.envs if isinstance(env, MultiTaskEnv) else [env])
        self._rows = [int((env.task == task).nonzero()[0]) for task in range(len(self._parts))]
        self._moments: list[list[_Moment]] = [[] for _ in self._parts]
        self._step = 0

    def watch(self, observation: Tensor, returns: Tensor, running: Tensor) -> None:
        """Take the frame that is due, if any, before a step; see :data:`pwm.evaluation.closed_loop.Watch`."""
        if self._step % self._stride == 0:
            velocity = self._env.forward_velocity(observation)
            for part, row, moments in zip(self._parts, self._rows, self._moments, strict=True):
                if running[row]:
                    segments = part.segments()[0].cpu().double().numpy()
                    moments.append(_Moment(self._step, segments, float(returns[row]), float(velocity[row])))
        self._step += 1

    def write(self) -> None:
        """Draw the episodes, one above the other.

        Raises:
            UserError: the file cannot be written.
        """
        episodes = [_episode(*kept) for kept in zip(self._parts, self._moments, strict=True)]
        figure = Figure(figsize=(SIZE[0], SIZE[1] * len(episodes)))
        share = 1.0 / len(episodes)
        places = [(0.0, 1.0 - share * row, 1.0, share * (1.0 - BAND)) for row in range(1, len(episodes) + 1)]
        panels = [
            Panel(figure.add_axes(place), episode) for place, episode in zip(places, episodes, strict=True)
        ]
        kind = PillowWriter if self.path.suffix == ".gif" else FFMpegWriter
        writer = kind(fps=round(1.0 / (DT * self._stride)))
        logging.getLogger("matplotlib.animation").setLevel(logging.ERROR)  # ffmpeg's complaint is a page
        try:
            with writer.saving(figure, self.path, DPI):
                for frame in range(max(map(len, self._moments))):
                    for panel in panels:
                        panel.show(frame)
                    writer.grab_frame()
        except CalledProcessError as error:
            reason = (error.stderr.strip() or str(error)).splitlines()[-1]
            raise UserError(f"cannot write {self.path}: ffmpeg: {reason}; choose a .gif") from error
        except OSError as error:
            raise _cannot_write(self.path, error.strerror or str(error)) from error


def _episode(env: Drawable, moments: Sequence[_Moment]) -> Episode:
    step, segments, returns, velocity = (np.array(values) for values in zip(*moments, strict=True))
    return Episode(env.name, env.capsules, env.planar, segments, DT * step, returns, velocity)


def _cannot_write(path: Path, reason: str | None) -> UserError:
    return UserError(f"cannot write {path}: {reason}; choose another --video=<file>")

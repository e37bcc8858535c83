"""Observations and rewards of each domain, for all environments at once.

Sources: the suite's own definitions (Tassa et al. 2018, arXiv 1801.00690) and, of the eleven tasks that are
not in it, TD-MPC2's. All is computed in double precision and in the suite's order, so that observations equal
it to the last bit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pwm.envs.dmcontrol.package import require

require()
from dm_control.utils.rewards import tolerance  # noqa: E402
from mujoco.batch import Batch  # noqa: E402

Doubles = NDArray[np.float64]
UP = float("inf")
XX, XZ, ZZ = 0, 2, 8
"""Of a rotation matrix ``[9]``."""


class Domain(ABC):
    """What a domain's environments show and pay, by the fields of their simulations.

    Args:
        batch: ``N`` simulations.
        task: which of the domain's tasks.
    """

    MOVED: ClassVar[str | None] = None
    """A field of the model that an episode's start draws anew."""
    FORCES: ClassVar[bool] = False
    """Whether the first observation needs forces."""

    def __init__(self, batch: Batch, task: str) -> None:
        self.task = task
        self._model = batch.model
        self._batch = batch
        self._position, self._velocity = batch.bind("qpos"), batch.bind("qvel")

    @abstractmethod
    def observation(self) -> Doubles:
        """``[N, obs_dim]``."""

    @abstractmethod
    def reward(self) -> Doubles:
        """``[N]``, of the state that a control step led to."""

    def _bind(self, field: str) -> Any:
        """``[N, …]``, always that of the last step."""
        return self._batch.bind(field)

    def _ids(self, kind: str, *names: str) -> Any:
        """Numbers of named elements."""
        found = [getattr(self._model, kind)(name).id for name in names]
        return found[0] if len(found) == 1 else found

    def _sensor(self, *names: str) -> Sequence[int]:
        """Where the named sensors write: all their entries, one after the other."""
        entries = (
            range(
                self._model.sensor(name).adr[0],
                self._model.sensor(name).adr[0] + self._model.sensor(name).dim[0],
            )
            for name in names
        )
        return [entry for own in entries for entry in own]


class Walker(Domain):
    """Stand, walk and run, forwards and backwards."""

    STANDING = 1.2  # m
    SPEEDS: ClassVar = {"stand": 0.0, "walk": 1.0, "run": 8.0, "walk-backwards": 1.0, "run-backwards": 8.0}

    def __init__(self, batch: Batch, task: str) -> None:
        super().__init__(batch, task)
        self._torso = self._ids("body", "torso")
        self._frames, self._places = self._bind("xmat"), self._bind("xpos")
        self._sensors, self._speed = self._bind("sensordata"), self._sensor("torso_subtreelinvel")[0]

    def observation(self) -> Doubles:
        frames = self._frames.reshape(len(self._position), -1, 9)[:, 1:, [XX, XZ]]
        height = self._places[:, self._torso, 2:]
        return np.hstack([frames.reshape(len(frames), -1), height, self._velocity])

    def reward(self) -> Doubles:
        height = self._places[:, self._torso, 2]
        upright = self._frames.reshape(len(height), -1, 9)[:, self._torso, ZZ]
        standing = tolerance(height, bounds=(self.STANDING, UP), margin=self.STANDING / 2)
        stand = (3 * standing + (1 + upright) / 2) / 4
        target = self.SPEEDS[self.task]
        if target == 0:
            return stand
        backwards = self.task.endswith("backwards")
        move = tolerance(
            self._sensors[:, self._speed],
            bounds=(-UP, -target) if backwards else (target, UP),
            margin=target / 2,
            value_at_margin=0.5,
            sigmoid="linear",
        )
        return stand * (5 * move + 1) / 6


class Cheetah(Domain):
    """Run, in four ways, and jump."""

    def __init__(self, batch: Batch, task: str) -> None:
        super().__init__(batch, task)
        self._torso, self._front, self._back = self._ids("body", "torso", "ffoot", "bfoot")
        self._places, self._sensors = self._bind("xpos"), self._bind("sensordata")
        self._speed = self._sensor("torso_subtreelinvel")[0]

    def observation(self) -> Doubles:
        return np.hstack([self._position[:, 1:], self._velocity])

    def reward(self) -> Doubles:
        speed = self._sensors[:, self._speed]
        if self.task == "run":
            return self._linear(speed, (10, UP), 10)
        if self.task == "run-backwards":
            return self._linear(speed, (-UP, -8), 8)
        torso = self._places[:, self._torso, 2]
        if self.task == "jump":
            still = tolerance(speed, bounds=(-0.5, 0.5), margin=0.5, value_at_margin=0, sigmoid="linear")
            feet = [self._places[:, foot, 2] for foot in (self._front, self._back)]
            high = [tolerance((torso + foot) / 2, bounds=(1.2, UP), margin=0.6) for foot in feet]
            return sum((5 * up + still) / 6 for up in high) / 2
        lifted = self._places[:, self._back if self.task == "run-front" else self._front, 2]
        up = (3 * tolerance(lifted, (1.2, UP), 0.6) + 2 * tolerance(torso, (1.2, UP), 0.6)) / 5
        return up * (5 * self._linear(speed, (6, UP), 6) + 1) / 6

    @staticmethod
    def _linear(speed: Doubles, bounds: tuple[float, float], margin: float) -> Doubles:
        return tolerance(speed, bounds=bounds, margin=margin, value_at_margin=0, sigmoid="linear")


class Hopper(Domain):
    """Stand and hop, forwards and backwards."""

    FORCES = True
    STANDING = (0.6, 2.0)  # m

    def __init__(self, batch: Batch, task: str) -> None:
        super().__init__(batch, task)
        self._torso, self._foot = self._ids("body", "torso", "foot")
        self._centres, self._sensors = self._bind("xipos"), self._bind("sensordata")
        self._touch = self._sensor("touch_toe", "touch_heel")
        self._speed = self._sensor("torso_subtreelinvel")[0]
        self._control = batch.bind("ctrl")

    def observation(self) -> Doubles:
        touch = np.log1p(self._sensors[:, self._touch])
        return np.hstack([self._position[:, 1:], self._velocity, touch])

    def reward(self) -> Doubles:
        standing = tolerance(
            self._centres[:, self._torso, 2] - self._centres[:, self._foot, 2], self.STANDING
        )
        if self.task == "stand":
            small = tolerance(self._control, margin=1, value_at_margin=0, sigmoid="quadratic").mean(1)
            return standing * (small + 4) / 5
        bounds, margin = ((-UP, -1), 0.5) if self.task == "hop-backwards" else ((2, UP), 1.0)
        speed = self._sensors[:, self._speed]
        return standing * tolerance(speed, bounds, margin=margin, value_at_margin=0.5, sigmoid="linear")


class Reacher(Domain):
    """Bring the finger, of an arm with two or three links, into the target."""

    MOVED = "geom_pos"

    def __init__(self, batch: Batch, task: str) -> None:
        super().__init__(batch, task)
        self._target, self._finger = self._ids("geom", "target", "finger")
        self._places = self._bind("geom_xpos")

    def _to_target(self) -> Doubles:
        return self._places[:, self._target, :2] - self._places[:, self._finger, :2]

    def observation(self) -> Doubles:
        return np.hstack([self._position, self._to_target(), self._velocity])

    def reward(self) -> Doubles:
        radii = self._model.geom_size[[self._target, self._finger], 0].sum()
        return tolerance(np.linalg.norm(self._to_target(), axis=1), (0, radii))


class Acrobot(Domain):
    """Swing up, torque at the elbow only."""

    def __init__(self, batch: Batch, task: str) -> None:
        super().__init__(batch, task)
        self._arms = self._ids("body", "upper_arm", "lower_arm")
        self._target, self._tip = self._ids("site", "target", "tip")
        self._frames, self._sites = self._bind("xmat"), self._bind("site_xpos")

    def observation(self) -> Doubles:
        frames = self._frames.reshape(len(self._position), -1, 9)[:, self._arms]
        return np.hstack([frames[..., XZ], frames[..., ZZ], self._velocity])

    def reward(self) -> Doubles:
        distance = np.linalg.norm(self._sites[:, self._target] - self._sites[:, self._tip], axis=1)
        return tolerance(distance, bounds=(0, self._model.site_size[self._target, 0]), margin=1)


class Pendulum(Domain):
    """Swing up, or spin."""

    UPRIGHT = np.cos(np.deg2rad(8))

    def __init__(self, batch: Batch, task: str) -> None:
        super().__init__(batch, task)
        self._pole, self._frames = self._ids("body", "pole"), self._bind("xmat")

    def _frame(self) -> Any:
        return self._frames.reshape(len(self._position), -1, 9)[:, self._pole]

    def observation(self) -> Doubles:
        return np.hstack([self._frame()[:, [ZZ, XZ]], self._velocity])

    def reward(self) -> Doubles:
        if self.task == "swingup":
            return tolerance(self._frame()[:, ZZ], (self.UPRIGHT, 1))
        speed = np.abs(self._velocity[:, 0])
        return tolerance(speed, bounds=(9, UP), margin=4.5, value_at_margin=0.5, sigmoid="linear")


class CartPole(Domain):
    """Balance or swing up; the sparse ones pay only close to the goal."""

    def __init__(self, batch: Batch, task: str) -> None:
        super().__init__(batch, task)
        self._frames, self._control = self._bind("xmat"), batch.bind("ctrl")

    def _poles(self) -> Any:
        return self._frames.reshape(len(self._position), -1, 9)[:, 2:]

    def observation(self) -> Doubles:
        angles = self._poles()[..., [ZZ, XZ]]
        return np.hstack([self._position[:, :1], angles.reshape(len(angles), -1), self._velocity])

    def reward(self) -> Doubles:
        cosine, cart = self._poles()[..., ZZ], self._position[:, 0]
        if self.task.endswith("sparse"):
            return tolerance(cart, (-0.25, 0.25)) * tolerance(cosine, (0.995, 1)).prod(1)
        centred = (1 + tolerance(cart, margin=2)) / 2
        small = tolerance(self._control[:, 0], margin=1, value_at_margin=0, sigmoid="quadratic")
        slow = (1 + tolerance(self._velocity[:, 1:], margin=5).min(1)) / 2
        return ((cosine + 1) / 2).mean(1) * ((4 + small) / 5) * slow * centred


class BallInCup(Domain):
    """Catch the ball, or spin it."""

    def __init__(self, batch: Batch, task: str) -> None:
        super().__init__(batch, task)
        self._ball, self._target = self._ids("body", "ball"), self._ids("site", "target")
        self._places, self._sites = self._bind("xpos"), self._bind("site_xpos")
        room = (
            self._model.site_size[self._target, [0, 2]] - self._model.geom_size[self._ids("geom", "ball"), 0]
        )
        self._room = room
        self._moves = [self._model.joint(name).dofadr[0] for name in ("ball_x", "ball_z")]

    def observation(self) -> Doubles:
        return np.hstack([self._position, self._velocity])

    def reward(self) -> Doubles:
        to_target = self._sites[:, self._target, ::2] - self._places[:, self._ball, ::2]
        inside = (np.abs(to_target) < self._room).all(1).astype(np.float64)
        if self.task == "catch":
            return inside
        distance = np.linalg.norm(to_target, axis=1)
        speed = np.linalg.norm(self._velocity[:, self._moves], axis=1)
        far = tolerance(distance, bounds=(0.5, UP), margin=0.25, value_at_margin=0.5, sigmoid="linear")
        fast = tolerance(speed, bounds=(6, UP), margin=3, value_at_margin=0.5, sigmoid="linear")
        return (1 - inside) * (far + 2 * fast) / 3


class Finger(Domain):
    """Spin the body, or turn its tip to a target."""

    MOVED = "site_pos"
    FORCES = True

    def __init__(self, batch: Batch, task: str) -> None:
        super().__init__(batch, task)
        self._sensors = self._bind("sensordata")
        self._joints = self._sensor("proximal", "distal")
        self._rates = self._sensor("proximal_velocity", "distal_velocity", "hinge_velocity")
        self._touch = self._sensor("touchtop", "touchbottom")
        self._tip, self._spinner, self._target = (self._sensor(n)[::2] for n in ("tip", "spinner", "target"))
        self._radius = self._model.site_size[self._ids("site", "target"), 0]

    def _from_spinner(self, sensor: Sequence[int]) -> Any:
        return self._sensors[:, sensor] - self._sensors[:, self._spinner]

    def _distance(self) -> Any:
        to_target = self._from_spinner(self._target) - self._from_spinner(self._tip)
        return np.linalg.norm(to_target, axis=1) - self._radius

    def observation(self) -> Doubles:
        sensors = self._sensors
        shown = [
            sensors[:, self._joints],
            self._from_spinner(self._tip),
            sensors[:, self._rates],
            np.log1p(sensors[:, self._touch]),
        ]
        if self.task != "spin":
            shown += [self._from_spinner(self._target), self._distance()[:, None]]
        return np.hstack(shown)

    def reward(self) -> Doubles:
        if self.task == "spin":
            return (self._sensors[:, self._rates[2]] <= -15).astype(np.float64)
        return (self._distance() <= 0).astype(np.float64)


class Fish(Domain):
    """Swim to the target."""

    MOVED = "geom_pos"
    JOINTS = (
        "tail1",
        "tail_twist",
        "tail2",
        "finright_roll",
        "finright_pitch",
        "finleft_roll",
        "finleft_pitch",
    )

    def __init__(self, batch: Batch, task: str) -> None:
        super().__init__(batch, task)
        self._joints = [self._model.joint(name).qposadr[0] for name in self.JOINTS]
        self._torso = self._ids("body", "torso")
        self._mouth, self._target = self._ids("geom", "mouth", "target")
        self._frames, self._places = self._bind("xmat"), self._bind("geom_xpos")
        self._geom_frames = self._bind("geom_xmat")

    def _to_target(self) -> Doubles:
        there = self._places[:, self._target] - self._places[:, self._mouth]
        frame = self._geom_frames.reshape(len(there), -1, 3, 3)[:, self._mouth]
        return np.matmul(there[:, None], frame)[:, 0]

    def _upright(self) -> Any:
        return self._frames.reshape(len(self._position), -1, 9)[:, self._torso, ZZ]

    def observation(self) -> Doubles:
        joints = self._position[:, self._joints]
        return np.hstack([joints, self._upright()[:, None], self._to_target(), self._velocity])

    def reward(self) -> Doubles:
        radii = self._model.geom_size[[self._mouth, self._target], 0].sum()
        distance = np.linalg.norm(self._to_target(), axis=1)
        inside = tolerance(distance, bounds=(0, radii), margin=2 * radii)
        return (7 * inside + 0.5 * (self._upright() + 1)) / 8


DOMAINS: dict[str, type[Domain]] = {
    "walker": Walker,
    "cheetah": Cheetah,
    "hopper": Hopper,
    "reacher": Reacher,
    "acrobot": Acrobot,
    "pendulum": Pendulum,
    "cartpole": CartPole,
    "ball_in_cup": BallInCup,
    "finger": Finger,
    "fish": Fish,
}
"""By the suite's name."""

"""Where episodes begin: drawn by dm_control itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pwm.envs.dmcontrol.package import require
from pwm.envs.dmcontrol.tasks import TASKS

require()
from dm_control import suite  # noqa: E402
from dm_control.rl import control  # noqa: E402
from dm_control.suite import ball_in_cup, reacher  # noqa: E402

SECONDS = 20.0
THREE_LINKS = """
<mujoco model="three-link planar reacher">
  <option timestep="0.02"><flag contact="disable"/></option>
  <default>
    <joint type="hinge" axis="0 0 1" damping="0.01"/>
    <motor gear="0.05" ctrlrange="-1 1" ctrllimited="true"/>
    <geom size="0.01"/>
  </default>
  <worldbody>
    <geom name="target" type="sphere" pos="0 0 0.01" size="0.05"/>
    <body name="arm0" pos="0 0 0.01">
      <joint name="shoulder0"/>
      <geom name="arm0" type="capsule" fromto="0 0 0 0.09 0 0"/>
      <body name="arm1" pos="0.09 0 0">
        <joint name="shoulder1" limited="true" range="-80 80"/>
        <geom name="arm1" type="capsule" fromto="0 0 0 0.09 0 0"/>
        <body name="hand" pos="0.09 0 0">
          <joint name="wrist" limited="true" range="-80 80"/>
          <geom name="hand" type="capsule" fromto="0 0 0 0.1 0 0"/>
          <body name="finger" pos="0.09 0 0">
            <geom name="finger" type="sphere"/>
          </body>
        </body>
      </body>
    </body>
  </worldbody>
  <actuator>
    <motor name="shoulder0" joint="shoulder0"/>
    <motor name="shoulder1" joint="shoulder1"/>
    <motor name="wrist" joint="wrist"/>
  </actuator>
</mujoco>
"""
"""TD-MPC2's arm of three links; where nothing collides, floor and walls are left out."""


class CupSpin(ball_in_cup.BallInCup):
    """Starts of cup-spin: with the ball in the cup but for one in ten, with it anywhere."""

    def initialize_episode(self, physics: Any) -> None:
        anywhere = self.random.uniform() < 0.1
        while True:
            physics.named.data.qpos["ball_x"] = self.random.uniform(-0.2, 0.2)
            physics.named.data.qpos["ball_z"] = self.random.uniform(0.2, 0.5)
            physics.after_reset()
            if physics.data.ncon == 0 and (physics.in_target() or anywhere):
                return


OWN: dict[tuple[str, str], Callable[[np.random.RandomState], tuple[Any, Any]]] = {
    ("ball_in_cup", "spin"): lambda random: (
        ball_in_cup.Physics.from_xml_string(*ball_in_cup.get_model_and_assets()),
        CupSpin(random=random),
    ),
    ("reacher", "three_easy"): lambda random: (
        reacher.Physics.from_xml_string(THREE_LINKS),
        reacher.Reacher(target_size=0.05, random=random),
    ),
    ("reacher", "three_hard"): lambda random: (
        reacher.Physics.from_xml_string(THREE_LINKS),
        reacher.Reacher(target_size=0.015, random=random),
    ),
}
"""Those that the suite lacks: physics and task."""


class Starts:
    """Draws episodes of a task, each from random numbers of its own, whatever was drawn before.

    Args:
        name: the task, as in :data:`TASKS`.
        seed: of all of them.
    """

    def __init__(self, name: str, seed: int) -> None:
        task = TASKS[name]
        self._seed, self._random = seed, np.random.RandomState(np.random.Philox())
        own = OWN.get((task.domain, task.start))
        if own is None:
            self.env = suite.load(task.domain, task.start, task_kwargs={"random": self._random})
        else:
            physics, definition = own(self._random)
            step = 0.02  # s, as all of that domain
            self.env = control.Environment(physics, definition, time_limit=SECONDS, control_timestep=step)
        self.physics = self.env.physics
        self.substeps = round(self.env.control_timestep() / self.physics.timestep())
        self.draw(0, 0)  # what is the same in all episodes is in the model then

    def draw(self, row: int, episode: int) -> Any:
        """The physics at the beginning of an ``episode`` of an environment ``row``."""
        bits = np.random.Philox(key=self._seed, counter=[0, 0, episode, row])
        self._random.set_state({**bits.state, "has_gauss": 0, "gauss": 0.0})
        self.env.reset()
        return self.physics

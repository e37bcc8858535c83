"""The double pendulum: swing two rods up by a torque on the second alone."""

from __future__ import annotations

from math import pi

import newton
import torch
import warp as wp
from torch import Tensor

from pwm.envs.base import Capsule
from pwm.envs.newton.env import NewtonEnv, cos_sin
from pwm.envs.newton.solver import NO_CONTACT, GroundContact

_HEIGHT = 2.5  # m, of the pivot
_MASS = 2.5
_LENGTH = 1.0
_WIDTH = 0.05
_ARMATURE = 0.1
_DAMPING = 1.0  # dflex's limit damping, which acts everywhere; its joint damping is 0


class DoublePendulum(NewtonEnv):
    """Observation ``[cos a, sin a, cos b, sin b, a', b']`` in rad/s; a = 0 is the upright first rod, b the
    second's angle to it. Both rods turn about **one** pivot, so neither hangs from the other's end.

    The reward is ``-a^2 - b^2 - 0.1 (a'^2 + b'^2)`` with the angles wrapped to [-pi, pi]; nothing terminates.
    ``joint_q`` is (a, b). Action 1 is a torque of 1000 N m on the second hinge.

    Its options are those of every :class:`~pwm.envs.newton.env.NewtonEnv`.
    """

    NAME = "double_pendulum"
    EPISODE_LENGTH = 240
    OBS_DIM = 6
    ACTUATED = slice(1, 2)
    STRENGTH = 1000.0
    SUBSTEPS = 4
    PLANAR = True

    def _articulation(self, builder: newton.ModelBuilder) -> tuple[list[Capsule], GroundContact]:
        across = _MASS / 12.0 * (_LENGTH**2 + _WIDTH**2)
        along = _MASS / 6.0 * _WIDTH**2
        joints, capsules, parent = [], [], -1
        for height in (_HEIGHT, 0.0):
            rod = builder.add_link(
                mass=_MASS,
                com=wp.vec3(0.0, 0.5 * _LENGTH, 0.0),
                inertia=wp.mat33(across, 0.0, 0.0, 0.0, along, 0.0, 0.0, 0.0, across),
            )
            joints.append(
                builder.add_joint_revolute(
                    parent=parent,
                    child=rod,
                    parent_xform=wp.transform(wp.vec3(0.0, height, 0.0), wp.quat_identity()),
                    axis=wp.vec3(0.0, 0.0, -1.0),
                    armature=_ARMATURE,
                    damping=_DAMPING,
                )
            )
            capsules.append(Capsule(rod, (0.0, 0.0, 0.0), (0.0, _LENGTH, 0.0), 0.5 * _WIDTH))
            parent = rod
        builder.add_articulation(joints)
        return capsules, NO_CONTACT

    def _sample_start(self, count: int) -> tuple[Tensor, Tensor]:
        return self._uniform(count, 2) * (0.5 * pi), self._uniform(count, 2) * 0.25

    def _observe(self, joint_q: Tensor, joint_qd: Tensor, action: Tensor) -> Tensor:
        cos, sin = cos_sin(joint_q)
        return torch.cat([torch.stack([cos, sin], dim=2).flatten(1), joint_qd], dim=1)

    def _reward(self, observation: Tensor, action: Tensor) -> Tensor:
        angle = torch.atan2(observation[:, 1:4:2], observation[:, 0:4:2])
        return -angle.square().sum(1) - 0.1 * observation[:, 4:].square().sum(1)

    def _terminated(self, observation: Tensor) -> Tensor:
        return torch.zeros_like(self._steps, dtype=torch.bool)

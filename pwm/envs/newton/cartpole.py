"""Cart-pole swing-up: push the cart so that the pole, which falls from any angle, stands."""

from __future__ import annotations

from math import pi

import newton
import torch
import warp as wp
from torch import Tensor

from pwm.envs.base import Capsule
from pwm.envs.newton.env import NewtonEnv, cos_sin
from pwm.envs.newton.solver import NO_CONTACT, GroundContact

_CART_MASS = 50.0
_POLE_MASS = 2.5
_POLE_LENGTH = 1.0
_POLE_WIDTH = 0.05
_CART_LENGTH, _CART_HEIGHT = 0.5, 0.2  # as drawn; only its mass matters
_ARMATURE = 0.1
_DAMPING = 1.0  # dflex's limit damping, which acts everywhere; its joint damping is 0


class CartPole(NewtonEnv):
    """Observation ``[x, x', sin t, cos t, t']`` in m, m/s and rad/s; t = 0 is the upright pole.

    The reward is ``-t^2 - 0.1 t'^2 - 0.05 x^2 - 0.1 x'^2`` with t wrapped to [-pi, pi]; nothing
    terminates. ``joint_q`` is (x, t). Action 1 is a force of 1000 N on the cart.

    Its options are those of every :class:`~pwm.envs.newton.env.NewtonEnv`.
    """

    NAME = "cartpole"
    EPISODE_LENGTH = 240
    OBS_DIM = 5
    ACTUATED = slice(0, 1)
    STRENGTH = 1000.0
    SUBSTEPS = 4
    PLANAR = True

    def _articulation(self, builder: newton.ModelBuilder) -> tuple[list[Capsule], GroundContact]:
        cart = builder.add_link(mass=_CART_MASS)
        across = _POLE_MASS / 12.0 * (_POLE_LENGTH**2 + _POLE_WIDTH**2)
        along = _POLE_MASS / 6.0 * _POLE_WIDTH**2
        pole = builder.add_link(
            mass=_POLE_MASS,
            com=wp.vec3(0.0, 0.5 * _POLE_LENGTH, 0.0),
            inertia=wp.mat33(across, 0.0, 0.0, 0.0, along, 0.0, 0.0, 0.0, across),
        )
        slide = builder.add_joint_prismatic(
            parent=-1, child=cart, axis=newton.Axis.X, armature=_ARMATURE, damping=_DAMPING
        )
        hinge = builder.add_joint_revolute(
            parent=cart, child=pole, axis=wp.vec3(0.0, 0.0, -1.0), armature=_ARMATURE, damping=_DAMPING
        )
        builder.add_articulation([slide, hinge])
        half, height = 0.5 * (_CART_LENGTH - _CART_HEIGHT), 0.5 * _CART_HEIGHT
        capsules = [
            Capsule(cart, (-half, 0.0, 0.0), (half, 0.0, 0.0), height),
            Capsule(pole, (0.0, 0.0, 0.0), (0.0, _POLE_LENGTH, 0.0), 0.5 * _POLE_WIDTH),
        ]
        return capsules, NO_CONTACT

    def _sample_start(self, count: int) -> tuple[Tensor, Tensor]:
        return self._uniform(count, 2) * (0.5 * pi), self._uniform(count, 2) * 0.25

    def _observe(self, joint_q: Tensor, joint_qd: Tensor, action: Tensor) -> Tensor:
        (x, angle), (speed, spin) = joint_q.unbind(1), joint_qd.unbind(1)
        cos, sin = cos_sin(angle)
        return torch.stack([x, speed, sin, cos, spin], dim=1)

    def _reward(self, observation: Tensor, action: Tensor) -> Tensor:
        x, speed, sin, cos, spin = observation.unbind(1)
        angle = torch.atan2(sin, cos)
        return -angle.square() - 0.1 * spin.square() - 0.05 * x.square() - 0.1 * speed.square()

    def _terminated(self, observation: Tensor) -> Tensor:
        return torch.zeros_like(self._steps, dtype=torch.bool)

"""The Hopper: hop along x on one leg, in the plane."""

from __future__ import annotations

from math import pi

import newton
import torch
import warp as wp
from torch import Tensor

from pwm.envs.base import Capsule, Point
from pwm.envs.newton.env import NewtonEnv
from pwm.envs.newton.solver import GroundContact, end_spheres

_HEIGHT = 1.25  # m, of the torso's centre at y = 0
_ROOT_DAMPING, _DAMPING = 10.0, 12.0  # dflex's limit damping, which acts everywhere, and that of the joints
_ARMATURE = 1.0
_LIMIT_KE = 1e3
_STANDING = 0.45
"""m below the start: a torso lower than that has fallen."""
_UPRIGHT = pi / 6.0
_TORSO = (3.665191411972046, 0.06924594193696976)
"""Mass [kg] and inertia about z [kg m^2]."""
_TORSO_CAPSULE = ((0.0, -0.2, 0.0), (0.0, 0.2, 0.0), 0.05)
# Joint in the parent [m], limits [rad], mass, centre of mass, inertia, ends of the capsule and its radius.
_LINKS: tuple[tuple[float, tuple[float, float], float, Point, float, Point, Point, float], ...] = (
    (-0.2, (-2.61799, 0.0), 4.05789041519165, (0.0, -0.225, 0.0), 0.0932987630367279,
     (0.0, -0.45, 0.0), (0.0, 0.0, 0.0), 0.05),
    (-0.45, (-2.61799, 0.0), 2.7813568115234375, (0.0, -0.25, 0.0), 0.07230254262685776,
     (0.0, -0.5, 0.0), (0.0, 0.0, 0.0), 0.04),
    (-0.5, (-0.785398, 0.785398), 5.315574645996094, (0.06, 0.0, 0.0), 0.10352308303117752,
     (0.255, 0.0, 0.0), (-0.135, 0.0, 0.0), 0.06),
)  # fmt: skip


class Hopper(NewtonEnv):
    """Observation: height above the start, pitch, thigh, leg and foot angle; speed along x and y, pitch
    rate and the three joints' rates (m, rad, s); the way along x is not seen, the pitch not wrapped.

    The reward is forward velocity + height term + ``1 - (pitch / (pi / 6))^2 - 0.1 |action|^2``, where the
    height term is ``h`` for ``h = clip(height + 0.3, -1, 0.3)`` of at least 0, and else ``-200 h^2``. A
    height below -0.45 terminates. ``joint_q`` is (x, y, pitch, thigh, leg, foot); positive pitch leans
    forwards. Action 1 is a torque of 200 N m.

    Its options are those of every :class:`~pwm.envs.newton.env.NewtonEnv`.
    """

    NAME = "hopper"
    OBS_DIM = 11
    ACTUATED = slice(3, 6)
    STRENGTH = 200.0
    SUBSTEPS = 16
    PLANAR = True

    def _articulation(self, builder: newton.ModelBuilder) -> tuple[list[Capsule], GroundContact]:
        root, rest = {"armature": _ARMATURE, "damping": _ROOT_DAMPING}, {"armature": _ARMATURE}
        along, up = builder.add_link(mass=0.0), builder.add_link(mass=0.0)
        mass, inertia = _TORSO
        torso = builder.add_link(mass=mass, inertia=_about_z(inertia))
        raised = wp.transform(wp.vec3(0.0, _HEIGHT, 0.0), wp.quat_identity())
        joints = [
            builder.add_joint_prismatic(parent=-1, child=along, axis=newton.Axis.X, **root),
            builder.add_joint_prismatic(
                parent=along, child=up, parent_xform=raised, axis=newton.Axis.Y, **root
            ),
            builder.add_joint_revolute(parent=up, child=torso, axis=wp.vec3(0.0, 0.0, -1.0), **root),
        ]
        start, end, radius = _TORSO_CAPSULE
        capsules = [Capsule(torso, start, end, radius)]
        parent = torso
        for below, limits, mass, com, inertia, start, end, radius in _LINKS:
            body = builder.add_link(mass=mass, com=wp.vec3(*com), inertia=_about_z(inertia))
            joints.append(
                builder.add_joint_revolute(
                    parent=parent,
                    child=body,
                    parent_xform=wp.transform(wp.vec3(0.0, below, 0.0), wp.quat_identity()),
                    axis=wp.vec3(0.0, 0.0, 1.0),
                    limit_lower=limits[0],
                    limit_upper=limits[1],
                    limit_ke=_LIMIT_KE,
                    limit_kd=0.0,
                    damping=_DAMPING,
                    **rest,
                )
            )
            capsules.append(Capsule(body, start, end, radius))
            parent = body
        builder.add_articulation(joints)
        return capsules, GroundContact(end_spheres(capsules), ke=2e4, kd=2e3, kf=1e3, mu=0.9)

    def _sample_start(self, count: int) -> tuple[Tensor, Tensor]:
        noise = 0.05 * self._uniform(count, 12)
        return noise[:, :6], noise[:, 6:]

    def _observe(self, joint_q: Tensor, joint_qd: Tensor, action: Tensor) -> Tensor:
        return torch.cat([joint_q[:, 1:], joint_qd], dim=1)

    def _reward(self, observation: Tensor, action: Tensor) -> Tensor:
        height, pitch, speed = observation[:, 0], observation[:, 1], observation[:, 5]
        above = (height + (_STANDING - 0.15)).clamp(-1.0, 0.3)
        standing = torch.where(above < 0.0, -200.0 * above.square(), above)
        upright = 1.0 - (pitch / _UPRIGHT).square()
        return speed + standing + upright - 0.1 * action.square().sum(1)

    def _terminated(self, observation: Tensor) -> Tensor:
        return observation[:, 0] < -_STANDING

    def forward_velocity(self, observation: Tensor) -> Tensor:
        return observation[..., 5]


def _about_z(inertia: float) -> wp.mat33:
    """The inertia of a body that turns about z only."""
    return wp.mat33(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, inertia)

"""dflex's Ant: a four-legged robot that is to run along x."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import pi, radians, sqrt
from typing import ClassVar

import newton
import torch
import warp as wp
from torch import Tensor

from pwm.envs.base import Capsule, Point
from pwm.envs.newton.env import NewtonEnv, cos_sin
from pwm.envs.newton.solver import GroundContact, end_spheres

_LEGS = ((1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (1.0, -1.0))
"""Signs (sx, sy) of the legs' directions, in the order of the joints."""
_FEET = (
    ((-1.0, 1.0), 30.0, 100.0),
    ((1.0, 1.0), -100.0, -30.0),
    ((-1.0, 1.0), -100.0, -30.0),
    ((1.0, 1.0), 30.0, 100.0),
)
"""Hinge axis (x, y, unnormalised) and limits [deg] of the legs' feet."""
_ORIGIN: Point = (0.0, 0.0, 0.0)
_SEGMENT = 0.2  # a leg reaches from (0, 0, 0) to (sx, sy, 0) times this; a foot twice as far
_MASSES = (96.77605, 7.83155, 13.51844)
_TORSO_RADIUS, _CAPSULE_RADIUS = 0.25, 0.08
_DAMPING = 11.0  # joint damping 1 and dflex's limit damping 10, which acts everywhere
_TERMINATION_HEIGHT = 0.27
_TARGET_DISTANCE = 1e4
_START_HEIGHT = 0.75
_START_JOINTS = (0.0, 1.0, 0.0, -1.0, 0.0, -1.0, 0.0, 1.0)

Inertia = tuple[float, float, float, float]
"""xx, yy, zz, xy of a body about its centre of mass [kg m^2]; the others are 0."""

_INERTIAS: dict[str, tuple[Inertia, Inertia, Inertia]] = {
    "dflex": (
        (1.996885, 2.176695, 2.717143, 0.085211),
        (0.011844, 0.056797, 0.113593, 0.0),
        (0.020943, 0.267479, 0.534958, 0.0),
    ),
    "true": (
        (2.2241, 2.2241, 2.7171, 0.0),
        (0.06864, 0.06864, 0.11359, -0.04495),
        (0.28842, 0.28842, 0.53496, -0.24654),
    ),
}
"""Torso, leg and foot; xy of a leg or foot is multiplied by its leg's sx sy."""


class Ant(NewtonEnv):
    """Observation (37): height, root quaternion xyzw (4), root velocity (3) and angular velocity (3),
    joint angles (8), 0.1 times joint velocities (8), y of the torso's up vector, cosine between its
    heading and the target's direction, previous clipped action (8); m, s and rad.

    The reward is forward velocity + 0.1 up + heading + (height - 0.27); a height below 0.27 m
    terminates. ``joint_q`` is root position, quaternion xyzw and 8 angles, ``joint_qd`` (dflex) the
    root's angular velocity, the velocity v of the root's twist at the world's origin (the root's own
    is v + w x p), and 8 joint velocities. Action 1 is a torque of 200 N m.

    Options:
        inertia: ``dflex`` (as published results have it: not what the geometry gives) or ``true``.
        episode_length: steps after which an episode is truncated.
    """

    NAME = "ant"
    OPTIONS: ClassVar[tuple[str, ...]] = ("inertia", "episode_length")
    CHOICES: ClassVar[Mapping[str, Collection[str]]] = {"inertia": tuple(_INERTIAS)}
    OBS_DIM = 37
    ACTUATED = slice(6, 14)
    STRENGTH = 200.0
    SUBSTEPS = 16

    def __init__(
        self,
        num_envs: int,
        device: torch.device,
        seed: int,
        auto_reset: bool,
        inertia: str = "dflex",
        episode_length: int = 1000,
    ) -> None:
        self._inertias = _INERTIAS[inertia]
        # The rotation of the z-up model into the y-up world: -90 degrees about x.
        root = [0.0, _START_HEIGHT, 0.0, -sqrt(0.5), 0.0, 0.0, sqrt(0.5)]
        self._start = torch.tensor([*root, *_START_JOINTS], device=device)
        x, y, z, w = range(3, 7)
        self._factors = torch.tensor([[y, y, x, w, z, w], [z, y, z, x, z, y]], device=device)
        self._axes = torch.tensor([[0.0, 1.0, 0.0], [-1.0, 1.0, -1.0], [2.0, -2.0, 2.0]], device=device)
        self._target = torch.tensor([_TARGET_DISTANCE, 0.0], device=device)
        super().__init__(num_envs, device, seed, auto_reset, episode_length)

    def _articulation(self, builder: newton.ModelBuilder) -> tuple[list[Capsule], GroundContact]:
        torso, upper, foot = zip(_MASSES, self._inertias, strict=True)
        bodies = [builder.add_link(mass=torso[0], inertia=_matrix(torso[1], 1.0))]
        joints = [builder.add_joint_free(child=bodies[0])]
        capsules = [Capsule(bodies[0], _ORIGIN, _ORIGIN, _TORSO_RADIUS)]
        capsules += [Capsule(bodies[0], _ORIGIN, _outwards(leg, 1), _CAPSULE_RADIUS) for leg in _LEGS]
        for leg, (foot_axis, low, high) in zip(_LEGS, _FEET, strict=True):
            hip, sign = wp.vec3(*_outwards(leg, 1)), leg[0] * leg[1]
            parent = bodies[0]
            for (mass, inertia), end, axis, limits in (
                (upper, _outwards(leg, 1), (0.0, 0.0, 1.0), (-40.0, 40.0)),
                (foot, _outwards(leg, 2), (*foot_axis, 0.0), (low, high)),
            ):
                com = 0.5 * wp.vec3(*end)
                body = builder.add_link(mass=mass, com=com, inertia=_matrix(inertia, sign))
                joints.append(_hinge(builder, parent, body, hip, wp.vec3(*axis), limits))
                capsules.append(Capsule(body, _ORIGIN, end, _CAPSULE_RADIUS))
                bodies.append(body)
                parent = body
        builder.add_articulation(joints)
        return capsules, GroundContact(end_spheres(capsules), ke=4e4, kd=1e4, kf=3e3, mu=0.75)

    def _sample_start(self, count: int) -> tuple[Tensor, Tensor]:
        noise = self._uniform(count, 29)
        axis, angle = noise[:, 3:6], noise[:, 6:7] * (pi / 24.0)
        cos, sin = cos_sin(0.5 * angle)
        turn = torch.cat([axis / axis.norm(dim=1, keepdim=True) * sin, cos], dim=1)
        joint_q = torch.cat(
            [
                self._start[:3] + 0.1 * noise[:, :3],
                _quaternion_product(self._start[3:7].expand_as(turn), turn),
                self._start[7:] + 0.2 * noise[:, 7:15],
            ],
            dim=1,
        )
        return joint_q, 0.25 * noise[:, 15:]

    def _observe(self, joint_q: Tensor, joint_qd: Tensor, action: Tensor) -> Tensor:
        q, qd = joint_q, joint_qd
        # The torso's rotation since the start, q conj(q_start), takes y to q (0, 0, 1) and x to q (1, 0, 0),
        # because q_start is -90 degrees about x. Of the one this is y, of the other x and z:
        # 2 (yz - wx), 1 - 2 (yy + zz), 2 (xz - wy), together so that it takes few kernels.
        first, second = (q.index_select(1, self._factors[0]) * q.index_select(1, self._factors[1])).split(
            3, 1
        )
        axes = torch.addcmul(self._axes[0], torch.addcmul(first, second, self._axes[1]), self._axes[2])
        target = self._target - q[:, 0:3:2]
        along = (axes[:, 1:] * target).sum(1) / torch.hypot(target[:, 0], target[:, 1])
        joints = (q[:, 7:], 0.1 * qd[:, 6:])
        directions = (axes[:, :1], along[:, None])
        return torch.cat([q[:, 1:2], q[:, 3:7], qd[:, :6], *joints, *directions, action], dim=1)

    def _reward(self, observation: Tensor, action: Tensor) -> Tensor:
        height, speed, up, heading = (observation[:, k] for k in (0, 5, 27, 28))
        return speed + 0.1 * up + heading + (height - _TERMINATION_HEIGHT)

    def _terminated(self, observation: Tensor) -> Tensor:
        return observation[:, 0] < _TERMINATION_HEIGHT

    def forward_velocity(self, observation: Tensor) -> Tensor:
        return observation[..., 5]

    def _to_dflex(self, joint_q: Tensor, joint_qd: Tensor) -> Tensor:
        velocity, spin = joint_qd[:, :3], joint_qd[:, 3:6]
        at_origin = velocity - torch.linalg.cross(spin, joint_q[:, :3])
        return torch.cat([spin, at_origin, joint_qd[:, 6:]], dim=1)

    def _from_dflex(self, joint_q: Tensor, joint_qd: Tensor) -> Tensor:
        spin, at_origin = joint_qd[:, :3], joint_qd[:, 3:6]
        velocity = at_origin + torch.linalg.cross(spin, joint_q[:, :3])
        return torch.cat([velocity, spin, joint_qd[:, 6:]], dim=1)


def _matrix(inertia: Inertia, sign: float) -> wp.mat33:
    xx, yy, zz, xy = inertia
    return wp.mat33(xx, sign * xy, 0.0, sign * xy, yy, 0.0, 0.0, 0.0, zz)


def _outwards(leg: tuple[float, float], segments: int) -> Point:
    """That many segments from the origin along ``leg`` [m]."""
    return (segments * _SEGMENT * leg[0], segments * _SEGMENT * leg[1], 0.0)


def _hinge(
    builder: newton.ModelBuilder,
    parent: int,
    child: int,
    offset: wp.vec3,
    axis: wp.vec3,
    limits: tuple[float, float],
) -> int:
    return builder.add_joint_revolute(
        parent=parent,
        child=child,
        parent_xform=wp.transform(offset, wp.quat_identity()),
        axis=axis,
        limit_lower=radians(limits[0]),
        limit_upper=radians(limits[1]),
        limit_ke=1e3,
        limit_kd=0.0,
        armature=0.05,
        damping=_DAMPING,
    )


def _quaternion_product(p: Tensor, q: Tensor) -> Tensor:
    """Hamilton product of ``[N, 4]`` quaternions xyzw."""
    u, a, v, b = p[:, :3], p[:, 3:], q[:, :3], q[:, 3:]
    vector = a * v + b * u + torch.linalg.cross(u, v)
    return torch.cat([vector, a * b - (u * v).sum(dim=1, keepdim=True)], dim=1)

"""What robots on legs share, which are to run along x: what they see, where they start, their joints."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import inf, pi, radians, sqrt
from typing import ClassVar, NamedTuple

import newton
import torch
import warp as wp
from torch import Tensor

from pwm.envs.base import Capsule, Point
from pwm.envs.newton.env import NewtonEnv, cos_sin, turned
from pwm.envs.newton.solver import GroundContact, end_spheres

ORIGIN: Point = (0.0, 0.0, 0.0)
Inertia = tuple[float, float, float, float, float, float]
"""xx, yy, zz, xy, xz, yz of a body about its centre of mass [kg m^2]."""
Shape = tuple[Point, Point, float]
"""A capsule of a body: its ends and its radius [m]."""
INERTIAS = ("dflex", "true")
NO_LIMITS = (-inf, inf)


class Body(NamedTuple):
    """A rigid body of density 1000."""

    mass: float = 0.0
    com: Point = ORIGIN
    inertias: tuple[Inertia, Inertia] = ((0.0,) * 6, (0.0,) * 6)
    """As dflex has it, and as the geometry gives it."""
    shapes: tuple[Shape, ...] = ()
    """What touches the ground."""
    outlines: tuple[Shape, ...] = ()
    """What is only drawn."""


class Link(NamedTuple):
    """A body on a hinge; its parent is a link before it, or the root, which is number 0."""

    parent: int
    offset: Point
    """Of the hinge in the parent [m]."""
    axis: Point
    """Of the hinge, in the frame that ``turn`` makes of the parent's."""
    body: Body
    limits: tuple[float, float]
    """deg"""
    stiffness: float
    """Of a spring towards angle 0 [N m / rad]."""
    damping: float
    """With dflex's limit damping, which acts everywhere [N m s / rad]."""
    armature: float
    turn: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 1.0)
    """Quaternion xyzw."""


class LeggedEnv(NewtonEnv):
    """Observation: height, root quaternion xyzw (4), root velocity (3) and angular velocity (3), joint
    angles, 0.1 times joint velocities, y of the root's up vector, cosine between its heading and the
    target's direction, previous clipped action; m, s and rad.

    ``joint_q`` is root position, quaternion xyzw and joint angles, ``joint_qd`` (dflex) the root's angular
    velocity, the velocity v of the root's twist at the world's origin (the root's own is v + w x p), and the
    joint velocities.
    """

    OPTIONS: ClassVar[tuple[str, ...]] = ("inertia", *NewtonEnv.OPTIONS)
    CHOICES: ClassVar[Mapping[str, Collection[str]]] = {"inertia": INERTIAS}
    CONTACT: ClassVar[tuple[float, float, float, float]]
    """ke, kd, kf and mu of :class:`~pwm.envs.newton.solver.GroundContact`."""
    ROOT: ClassVar[Body]
    LINKS: ClassVar[Sequence[Link]]
    START_HEIGHT: ClassVar[float]
    START_JOINTS: ClassVar[tuple[float, ...]]
    LOWEST: ClassVar[float]
    """Height [m] below which an episode terminates."""
    TARGET_DISTANCE: ClassVar[float] = 1e4
    """m along x"""

    def __init__(
        self,
        num_envs: int,
        device: torch.device,
        seed: int,
        auto_reset: bool,
        inertia: str = "dflex",
        **options: int,
    ) -> None:
        self._inertia = INERTIAS.index(inertia)
        # The rotation of the z-up model into the y-up world: -90 degrees about x.
        root = [0.0, self.START_HEIGHT, 0.0, -sqrt(0.5), 0.0, 0.0, sqrt(0.5)]
        self._start = torch.tensor([*root, *self.START_JOINTS], device=device)
        x, y, z, w = range(3, 7)
        self._factors = torch.tensor([[y, y, x, w, z, w], [z, y, z, x, z, y]], device=device)
        self._axes = torch.tensor([[0.0, 1.0, 0.0], [-1.0, 1.0, -1.0], [2.0, -2.0, 2.0]], device=device)
        self._target = torch.tensor([self.TARGET_DISTANCE, 0.0], device=device)
        self._com = torch.tensor(self.ROOT.com, device=device) if any(self.ROOT.com) else None
        super().__init__(num_envs, device, seed, auto_reset, **options)

    def _articulation(self, builder: newton.ModelBuilder) -> tuple[list[Capsule], GroundContact]:
        bodies = [self._add_body(builder, self.ROOT)]
        joints = [builder.add_joint_free(child=bodies[0])]
        capsules = [Capsule(bodies[0], *shape) for shape in self.ROOT.shapes]
        outlines = []
        for link in self.LINKS:
            body = self._add_body(builder, link.body)
            joints.append(
                builder.add_joint_revolute(
                    parent=bodies[link.parent],
                    child=body,
                    parent_xform=wp.transform(wp.vec3(*link.offset), wp.quat(*link.turn)),
                    axis=wp.vec3(*link.axis),
                    limit_lower=radians(link.limits[0]),
                    limit_upper=radians(link.limits[1]),
                    limit_ke=1e3,
                    limit_kd=0.0,
                    target_ke=link.stiffness,
                    armature=link.armature,
                    damping=link.damping,
                )
            )
            bodies.append(body)
            capsules += [Capsule(body, *shape) for shape in link.body.shapes]
            outlines += [Capsule(body, *shape) for shape in link.body.outlines]
        builder.add_articulation(joints)
        return capsules + outlines, GroundContact(end_spheres(capsules), *self.CONTACT)

    def _add_body(self, builder: newton.ModelBuilder, body: Body) -> int:
        xx, yy, zz, xy, xz, yz = body.inertias[self._inertia]
        inertia = wp.mat33(xx, xy, xz, xy, yy, yz, xz, yz, zz)
        return builder.add_link(mass=body.mass, com=wp.vec3(*body.com), inertia=inertia)

    def _sample_start(self, count: int) -> tuple[Tensor, Tensor]:
        joints = len(self.START_JOINTS)
        noise = self._uniform(count, 13 + 2 * joints)
        axis, angle = noise[:, 3:6], noise[:, 6:7] * (pi / 24.0)
        cos, sin = cos_sin(0.5 * angle)
        turn = torch.cat([axis / axis.norm(dim=1, keepdim=True) * sin, cos], dim=1)
        joint_q = torch.cat(
            [
                self._start[:3] + 0.1 * noise[:, :3],
                _quaternion_product(self._start[3:7].expand_as(turn), turn),
                self._start[7:] + 0.2 * noise[:, 7 : 7 + joints],
            ],
            dim=1,
        )
        return joint_q, 0.25 * noise[:, 7 + joints :]

    def _observe(self, joint_q: Tensor, joint_qd: Tensor, action: Tensor) -> Tensor:
        q, qd = joint_q, joint_qd
        # The root's rotation since the start, q conj(q_start), takes y to q (0, 0, 1) and x to q (1, 0, 0),
        # because q_start is -90 degrees about x. Of the one this is y, of the other x and z:
        # 2 (yz - wx), 1 - 2 (yy + zz), 2 (xz - wy), together so that it takes few kernels.
        first, second = (q.index_select(1, self._factors[0]) * q.index_select(1, self._factors[1])).split(
            3, 1
        )
        axes = torch.addcmul(self._axes[0], torch.addcmul(first, second, self._axes[1]), self._axes[2])
        target = self._target - q[:, 0:3:2]
        along = (axes[:, 1:] * target).sum(1) / torch.hypot(target[:, 0], target[:, 1])
        twist = (qd[:, :6],) if self._com is None else (self._root_velocity(q, qd), qd[:, 3:6])
        joints = (q[:, 7:], 0.1 * qd[:, 6:])
        directions = (axes[:, :1], along[:, None])
        return torch.cat([q[:, 1:2], q[:, 3:7], *twist, *joints, *directions, action], dim=1)

    def _running(self, observation: Tensor) -> Tensor:
        """``[n]``: forward velocity + 0.1 up + heading, of which every reward is made."""
        up = 11 + 2 * len(self.START_JOINTS)
        return observation[:, 5] + 0.1 * observation[:, up] + observation[:, up + 1]

    def _terminated(self, observation: Tensor) -> Tensor:
        return observation[:, 0] < self.LOWEST

    def forward_velocity(self, observation: Tensor) -> Tensor:
        return observation[..., 5]

    def _to_dflex(self, joint_q: Tensor, joint_qd: Tensor) -> Tensor:
        velocity, spin = joint_qd[:, :3], joint_qd[:, 3:6]
        at_origin = velocity - torch.linalg.cross(spin, self._centre(joint_q))
        return torch.cat([spin, at_origin, joint_qd[:, 6:]], dim=1)

    def _from_dflex(self, joint_q: Tensor, joint_qd: Tensor) -> Tensor:
        spin, at_origin = joint_qd[:, :3], joint_qd[:, 3:6]
        velocity = at_origin + torch.linalg.cross(spin, self._centre(joint_q))
        return torch.cat([velocity, spin, joint_qd[:, 6:]], dim=1)

    def _centre(self, joint_q: Tensor) -> Tensor:
        """``[n, 3]``: the root's centre of mass, whose velocity is Newton's."""
        return joint_q[:, :3] if self._com is None else joint_q[:, :3] + self._arm(joint_q)

    def _root_velocity(self, joint_q: Tensor, joint_qd: Tensor) -> Tensor:
        """``[n, 3]``: that of the root's origin, where the centre of mass is another point."""
        return joint_qd[:, :3] - torch.linalg.cross(joint_qd[:, 3:6], self._arm(joint_q))

    def _arm(self, joint_q: Tensor) -> Tensor:
        """``[n, 3]``: from the root's origin to its centre of mass."""
        assert self._com is not None
        return turned(joint_q[:, 3:7], self._com.expand(len(joint_q), 3))


def _quaternion_product(p: Tensor, q: Tensor) -> Tensor:
    """Hamilton product of ``[N, 4]`` quaternions xyzw."""
    u, a, v, b = p[:, :3], p[:, 3:], q[:, :3], q[:, 3:]
    vector = a * v + b * u + torch.linalg.cross(u, v)
    return torch.cat([vector, a * b - (u * v).sum(dim=1, keepdim=True)], dim=1)

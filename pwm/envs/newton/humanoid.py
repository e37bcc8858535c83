"""dflex's Humanoid: a robot of 21 joints that is to run along x."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import torch
from torch import Tensor

from pwm.envs.base import Point
from pwm.envs.newton.legged import ORIGIN, Body, Inertia, LeggedEnv, Link

_X, _Y, _Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)


class _Gains(NamedTuple):
    stiffness: float
    damping: float
    armature: float


_STIFF, _SOFT = _Gains(20.0, 15.0, 0.01), _Gains(10.0, 15.0, 0.01)
_KNEE, _END = _Gains(5.0, 10.1, 0.007), _Gains(2.0, 11.0, 0.006)

# The bodies of the trunk, and of the right leg and arm: those of the left are their mirror images.
_TORSO = Body(
    8.907462120056152,
    (-0.0025393839459866285, 0.0, 0.03466258943080902),
    (
        (0.14199948, 0.14216824, 0.04121185, 0.0, -0.00183288, 0.0),
        (0.17314883, 0.15401015, 0.041211855, 0.0, -0.003498385, 0.0),
    ),
    (
        ((0.0, -0.07, 0.0), (0.0, 0.07, 0.0), 0.07),
        ((0.0, 0.0, 0.19), (0.0, 0.0, 0.19), 0.09),
        ((-0.01, -0.06, -0.12), (-0.01, 0.06, -0.12), 0.06),
    ),
)
_WAIST = Body(
    2.261946678161621,
    (0.0, 0.0, -0.065),
    (
        (0.0, 0.0, 0.00985304, 0.0, 0.0, 0.0),
        (0.009853039, 0.003745783, 0.009853039, 0.0, 0.0, 0.0),
    ),
    (((0.0, -0.06, -0.065), (0.0, 0.06, -0.065), 0.06),),
)
_PELVIS = Body(
    6.616194248199463,
    (-0.02, 0.0, -0.1),
    (
        (0.0, 0.0, 0.05231798, 0.0, 0.0, 0.0),
        (0.052317988, 0.024322152, 0.052317988, 0.0, 0.0, 0.0),
    ),
    (((-0.02, -0.07, -0.1), (-0.02, 0.07, -0.1), 0.09),),
)
_THIGH = Body(
    4.751750946044922,
    (0.0, 0.005, -0.17),
    (
        (0.0, 0.07482215, 5.6e-08, 0.0, 0.0, 0.0),
        (0.07495164, 0.074893974, 0.008285101, 0.0, 0.0, 0.001960781),
    ),
    ((ORIGIN, (0.0, 0.01, -0.34), 0.06),),
)
_SHIN = Body(
    2.7556960582733154,
    (0.0, 0.0, -0.17),
    (
        (0.0, 0.032608017, 0.0, 0.0, 0.0, 0.0),
        (0.032608017, 0.032608017, 0.00318989, 0.0, 0.0, 0.0),
    ),
    (((0.0, 0.0, -0.02), (0.0, 0.0, -0.32), 0.049),),
)
_FOOT = Body(
    1.131141185760498,
    (0.035, -0.01, -0.08),
    (
        (0.000849139, 0.005940126, 0.006446462, 0.0, 0.0, 0.0),
        (0.000903017, 0.005943724, 0.006446462, 0.0, 0.0, 0.0),
    ),
    (
        ((-0.07, -0.02, -0.08), (0.14, -0.04, -0.08), 0.027),
        ((-0.07, 0.0, -0.08), (0.14, 0.02, -0.08), 0.027),
    ),
)
_UPPER_ARM = Body(
    1.6610804796218872,
    (0.08, -0.08, -0.08),
    (
        (0.000428657, 0.009893382, 0.009893382, 0.0, 0.0, 0.0),
        (0.011032351, 0.011032351, 0.011032351, 0.00487319, 0.00487319, -0.00487319),
    ),
    ((ORIGIN, (0.16, -0.16, -0.16), 0.04),),
)
_LOWER_ARM = Body(
    1.229540228843689,
    (0.10962313413619995, 0.10962313413619995, 0.10962313413619995),
    (
        (0.003717595, 0.008793475, 0.008793475, -0.001698013, -0.001698013, -0.001698013),
        (0.009318672, 0.009318672, 0.009318672, -0.004348556, -0.004348556, -0.004348556),
    ),
    (
        ((0.01, 0.01, 0.01), (0.17, 0.17, 0.17), 0.031),
        ((0.18, 0.18, 0.18), (0.18, 0.18, 0.18), 0.04),
    ),
)


def _link(
    parent: int,
    offset: Point,
    axis: Point,
    limits: tuple[float, float],
    gains: _Gains,
    body: Body = Body(),  # noqa: B008 - it cannot be changed
) -> Link:
    length = sqrt(sum(part * part for part in axis))
    unit = (axis[0] / length, axis[1] / length, axis[2] / length)
    return Link(parent, offset, unit, body, limits, *gains)


_TRUNK = (
    _link(0, (-0.01, 0.0, -0.195), _Z, (-45.0, 45.0), _STIFF._replace(armature=0.02)),
    _link(1, ORIGIN, _Y, (-75.0, 30.0), _STIFF, _WAIST),
    _link(2, (0.0, 0.0, -0.13), _X, (-35.0, 35.0), _SOFT, _PELVIS),
)
_ANKLE = (2.0, 0.0, 1.0)  # of both feet, though it is not its own mirror image


def _leg(first: int) -> list[Link]:
    """The right one, with its links numbered from ``first`` on."""
    return [
        _link(3, (0.0, -0.1, -0.14), _X, (-25.0, 5.0), _SOFT),
        _link(first, ORIGIN, _Z, (-60.0, 35.0), _SOFT),
        _link(first + 1, ORIGIN, _Y, (-80.0, 20.0), _STIFF, _THIGH),
        _link(first + 2, (0.0, 0.01, -0.383), (0.0, -1.0, 0.0), (-160.0, 2.0), _KNEE, _SHIN),
        _link(first + 3, (0.0, 0.0, -0.33), _Y, (-50.0, 50.0), _END),
        _link(first + 4, ORIGIN, _ANKLE, (-50.0, 50.0), _END, _FOOT),
    ]


def _arm(first: int) -> list[Link]:
    """The right one, with its links numbered from ``first`` on."""
    elbow = (0.0, -1.0, 1.0)
    return [
        _link(0, (0.0, -0.17, 0.06), (2.0, 1.0, 1.0), (-60.0, 60.0), _SOFT),
        _link(first, ORIGIN, elbow, (-60.0, 60.0), _SOFT, _UPPER_ARM),
        _link(first + 1, (0.18, -0.18, -0.18), elbow, (-90.0, 50.0), _END, _LOWER_ARM),
    ]


def _mirrored(link: Link) -> Link:
    """In the plane y = 0; that a hinge turns about ``axis`` makes the axis a pseudovector."""
    x, y, z = link.axis
    foot = link.body is _FOOT
    return link._replace(
        offset=_left(link.offset), axis=link.axis if foot else (-x, y, -z), body=_left_body(link.body)
    )


def _left(point: Point) -> Point:
    return (point[0], -point[1], point[2])


def _left_body(body: Body) -> Body:
    def left(inertia: Inertia) -> Inertia:
        xx, yy, zz, xy, xz, yz = inertia
        return (xx, yy, zz, -xy, xz, -yz)

    dflex, true = body.inertias
    shapes = tuple((_left(start), _left(end), radius) for start, end, radius in body.shapes)
    return Body(body.mass, _left(body.com), (left(dflex), left(true)), shapes)


_LEG_STRENGTH, _ARM_STRENGTH = (70.0, 70.0, 210.0, 140.0, 35.0, 35.0), (35.0, 35.0, 70.0)


class Humanoid(LeggedEnv):
    """Observation (76) and state as of :class:`~pwm.envs.newton.legged.LeggedEnv`, with 21 joints: abdomen z,
    y, x; right and left hip x, z, y, knee, ankle y, x; right and left shoulder 1, 2, elbow.

    The reward is forward velocity + 0.1 up + heading + height term - 0.002 |action|^2, where the height term
    is ``10 h`` for ``h = clip(height - 0.84, -1, 0.1)`` of at least 0, and else ``-200 h^2``. A height below
    0.74 m terminates. Action 1 is a torque of 35 to 210 N m, beside a spring towards angle 0 in each joint.

    Options:
        inertia: ``dflex`` (as published results have it: not what the geometry gives) or ``true``.
        episode_length: steps after which an episode is truncated.
        mass_matrix_interval: substeps after which the mass matrix is made anew (48: once in a step).
    """

    NAME = "humanoid"
    OBS_DIM = 76
    ACTUATED = slice(6, 27)
    STRENGTH = (70.0, 70.0, 70.0, *_LEG_STRENGTH, *_LEG_STRENGTH, *_ARM_STRENGTH, *_ARM_STRENGTH)
    CONTACT = (2e4, 2e3, 1e3, 0.75)
    SUBSTEPS = 48
    MASS_MATRIX_INTERVAL = 48
    LOWEST = 0.74
    START_HEIGHT = 1.35
    START_JOINTS = (0.0,) * 21
    TARGET_DISTANCE = 200.0
    ROOT = _TORSO
    LINKS = (
        *_TRUNK,
        *_leg(4),
        *map(_mirrored, _leg(10)),
        *_arm(16),
        *map(_mirrored, _arm(19)),
    )

    def _reward(self, observation: Tensor, action: Tensor) -> Tensor:
        height = observation[:, 0]
        above = (height - (self.LOWEST + 0.1)).clamp(-1.0, 0.1)
        standing = torch.where(above < 0.0, -200.0 * above.square(), 10.0 * above)
        return self._running(observation) + standing - 0.002 * action.square().sum(1)

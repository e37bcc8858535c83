"""dflex's Ant: a four-legged robot that is to run along x."""

from __future__ import annotations

from torch import Tensor

from pwm.envs.base import Point
from pwm.envs.newton.legged import ORIGIN, Body, Inertia, LeggedEnv, Link

_LEGS = ((1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (1.0, -1.0))
"""Signs (sx, sy) of the legs' directions, in the order of the joints."""
_FEET = (
    ((-1.0, 1.0), 30.0, 100.0),
    ((1.0, 1.0), -100.0, -30.0),
    ((-1.0, 1.0), -100.0, -30.0),
    ((1.0, 1.0), 30.0, 100.0),
)
"""Hinge axis (x, y, unnormalised) and limits [deg] of the legs' feet."""
_SEGMENT = 0.2  # a leg reaches from (0, 0, 0) to (sx, sy, 0) times this; a foot twice as far
_TORSO_RADIUS, _RADIUS = 0.25, 0.08
_LEG, _FOOT = 7.83155, 13.51844  # kg
_ARMATURE, _DAMPING = 0.05, 11.0  # joint damping 1, limit damping 10


def _outwards(leg: tuple[float, float], segments: int) -> Point:
    """That many segments from the origin along ``leg`` [m]."""
    return (segments * _SEGMENT * leg[0], segments * _SEGMENT * leg[1], 0.0)


def _segment(leg: tuple[float, float], length: int, mass: float, dflex: Inertia, true: Inertia) -> Body:
    """A leg or foot, a capsule of ``length`` segments; xy of ``true`` is that of a leg along (1, 1)."""
    end = _outwards(leg, length)
    xx, yy, zz, xy, xz, yz = true
    com = (0.5 * end[0], 0.5 * end[1], 0.0)
    turned = (xx, yy, zz, leg[0] * leg[1] * xy, xz, yz)
    return Body(mass, com, (dflex, turned), ((ORIGIN, end, _RADIUS),))


def _links() -> list[Link]:
    links = []
    for index, (leg, (foot_axis, low, high)) in enumerate(zip(_LEGS, _FEET, strict=True)):
        upper = _segment(
            leg,
            1,
            _LEG,
            (0.011844, 0.056797, 0.113593, 0.0, 0.0, 0.0),
            (0.06864, 0.06864, 0.11359, -0.04495, 0.0, 0.0),
        )
        foot = _segment(
            leg,
            2,
            _FOOT,
            (0.020943, 0.267479, 0.534958, 0.0, 0.0, 0.0),
            (0.28842, 0.28842, 0.53496, -0.24654, 0.0, 0.0),
        )
        hip, gains = _outwards(leg, 1), (0.0, _DAMPING, _ARMATURE)
        links.append(Link(0, hip, (0.0, 0.0, 1.0), upper, (-40.0, 40.0), *gains))
        links.append(Link(2 * index + 1, hip, (*foot_axis, 0.0), foot, (low, high), *gains))
    return links


class Ant(LeggedEnv):
    """Observation (37) and state as of :class:`~pwm.envs.newton.legged.LeggedEnv`, with 8 joints.

    The reward is forward velocity + 0.1 up + heading + (height - 0.27); a height below 0.27 m
    terminates. Action 1 is a torque of 200 N m.

    Options:
        inertia: ``dflex`` (as published results have it: not what the geometry gives) or ``true``.
        episode_length: steps after which an episode is truncated.
        mass_matrix_interval: substeps after which the mass matrix is made anew (16: once in a step).
    """

    NAME = "ant"
    OBS_DIM = 37
    ACTUATED = slice(6, 14)
    STRENGTH = 200.0
    CONTACT = (4e4, 1e4, 3e3, 0.75)
    SUBSTEPS = 16
    LOWEST = 0.27
    START_HEIGHT = 0.75
    START_JOINTS = (0.0, 1.0, 0.0, -1.0, 0.0, -1.0, 0.0, 1.0)
    ROOT = Body(
        96.77605,
        ORIGIN,
        (
            (1.996885, 2.176695, 2.717143, 0.085211, 0.0, 0.0),
            (2.2241, 2.2241, 2.7171, 0.0, 0.0, 0.0),
        ),
        ((ORIGIN, ORIGIN, _TORSO_RADIUS), *((ORIGIN, _outwards(leg, 1), _RADIUS) for leg in _LEGS)),
    )
    LINKS = _links()

    def _reward(self, observation: Tensor, action: Tensor) -> Tensor:
        return self._running(observation) + (observation[:, 0] - self.LOWEST)

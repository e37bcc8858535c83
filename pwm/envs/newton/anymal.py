"""dflex's ANYmal: a four-legged robot with springs in its joints that is to run along x."""

from __future__ import annotations

from math import cos, pi, sin, sqrt

from torch import Tensor

from pwm.envs.newton.legged import NO_LIMITS, ORIGIN, Body, LeggedEnv, Link

# No limits; joint damping 2 and limit damping 10.
_STIFFNESS, _DAMPING, _ARMATURE = 85.0, 12.0, 0.006
_COS, _SIN = cos(pi / 12.0), sin(pi / 12.0)
_BASE = (0.13456489145755768, 1.8869845867156982, 1.8869845867156982, 0.0, 0.0, 0.0)
_THIGH = (0.003745783818885684, 0.009853039868175983, 0.009853039868175983, 0.0, 0.0, 0.0)
_SHANK = (4.0715040086070076e-05,) * 3 + (0.0,) * 3


def _leg(index: int, front: float, left: float, axes: tuple[float, float, float]) -> list[Link]:
    """Hip (abduction, without a body of its own), thigh and shank with its foot; ``axes`` are along x."""
    side = front * left
    hip = (_COS * left, 0.0, 0.0, _SIN) if front > 0.0 else (0.0, -_COS * left, _SIN, 0.0)
    a, b = _COS / sqrt(2.0), _SIN / sqrt(2.0)
    thigh = (-side * a, a, side * b, b)
    drive, foot = (0.0503, 0.0, -0.285), (0.01305, -side * 0.08795, -0.31547)
    bodies = (
        Body(),
        Body(
            2.261946678161621,
            drive,
            (_THIGH, _THIGH),
            (((0.1103, 0.0, -0.285), (-0.0097, 0.0, -0.285), 0.06),),
            ((ORIGIN, drive, 0.04),),
        ),
        Body(0.11309733241796494, foot, (_SHANK, _SHANK), ((foot, foot, 0.03),), ((ORIGIN, foot, 0.02),)),
    )
    first = 3 * index + 1
    places = (
        (0, (front * 0.2999, left * 0.104, 0.0), hip),
        (first, (0.0599, -side * 0.07258158922195435, -0.0419050008058548), thigh),
        (first + 1, (0.1003, 0.0, -0.285), (0.0, 0.0, 0.0, 1.0)),
    )
    return [
        Link(parent, offset, (axis, 0.0, 0.0), body, NO_LIMITS, _STIFFNESS, _DAMPING, _ARMATURE, turn)
        for (parent, offset, turn), axis, body in zip(places, axes, bodies, strict=True)
    ]


class Anymal(LeggedEnv):
    """Observation (49) and state as of :class:`~pwm.envs.newton.legged.LeggedEnv`, with 12 joints: the legs
    LF, RF, LH, RH, of each abduction, hip and knee.

    The reward is forward velocity + 0.1 up + heading + (height - 0.25) - 0.005 |action|^2; a height below
    0.25 m terminates. Action 1 is a torque of 200 N m, beside a spring towards straight legs.

    Options:
        inertia: ``dflex`` or ``true``, which here are the same.
        episode_length: steps after which an episode is truncated.
        mass_matrix_interval: substeps after which the mass matrix is made anew (16: once in a step).
    """

    NAME = "anymal"
    OBS_DIM = 49
    ACTUATED = slice(6, 18)
    STRENGTH = 200.0
    CONTACT = (2e3, 5e2, 1e2, 0.75)
    SUBSTEPS = 16
    LOWEST = 0.25
    START_HEIGHT = 0.55
    START_JOINTS = (0.03, 0.4, -0.8, -0.03, 0.4, -0.8, 0.03, -0.4, 0.8, -0.03, -0.4, 0.8)
    ROOT = Body(27.750734329223633, ORIGIN, (_BASE, _BASE), (((0.375, 0.0, 0.0), (-0.375, 0.0, 0.0), 0.1),))
    LINKS = (
        *_leg(0, 1.0, 1.0, (1.0, 1.0, 1.0)),
        *_leg(1, 1.0, -1.0, (1.0, -1.0, -1.0)),
        *_leg(2, -1.0, 1.0, (-1.0, 1.0, 1.0)),
        *_leg(3, -1.0, -1.0, (-1.0, -1.0, -1.0)),
    )

    def _reward(self, observation: Tensor, action: Tensor) -> Tensor:
        return self._running(observation) + (observation[:, 0] - self.LOWEST) - 0.005 * action.square().sum(1)

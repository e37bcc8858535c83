"""TD(lambda) returns over imagined rollouts."""

from __future__ import annotations

import torch
from torch import Tensor


def td_lambda(
    reward: Tensor, next_value: Tensor, continues: Tensor, closed: Tensor, gamma: float, lam: float
) -> Tensor:
    """Targets for the critic, ``[H, B]``.

    ``G_t = r_t + gamma * c_t * ((1 - lam) * V_{t+1} + lam * G_{t+1})``, and where the rollout is
    closed after step t (an episode's end, or the last step), ``G_t = r_t + gamma * c_t * V_{t+1}``
    (Sutton and Barto 2018, eq. 12.2, written backwards).

    Args:
        reward: ``[H, B]``.
        next_value: ``[H, B]`` V of the state each step led to, before any reset.
        continues: ``[H, B]`` 0 at a termination, 1 otherwise, or the probability of going on.
        closed: ``[H, B]`` bool, the step after which nothing of this rollout follows. The last
            step is always closed.
    """
    discount = gamma * continues
    targets = [torch.addcmul(reward[-1], discount[-1], next_value[-1])]
    for t in reversed(range(len(reward) - 1)):
        mixed = torch.lerp(next_value[t], targets[-1], lam)
        beyond = torch.where(closed[t], next_value[t], mixed)
        targets.append(torch.addcmul(reward[t], discount[t], beyond))
    return torch.stack(targets[::-1])

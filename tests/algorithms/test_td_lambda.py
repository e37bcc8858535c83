import torch
from torch import Tensor

from pwm.algorithms.td_lambda import td_lambda

GAMMA, LAM = 0.9, 0.7


def reference(reward: Tensor, next_value: Tensor, continues: Tensor, closed: Tensor) -> Tensor:
    """The recursion, one trajectory and one step at a time."""
    horizon, batch = reward.shape
    targets = torch.zeros(horizon, batch)
    for b in range(batch):
        following = None
        for t in reversed(range(horizon)):
            value = next_value[t, b]
            beyond = value if following is None or closed[t, b] else (1 - LAM) * value + LAM * following
            following = targets[t, b] = reward[t, b] + GAMMA * continues[t, b] * beyond
    return targets


def test_it_is_the_recursion_with_closed_rollouts() -> None:
    torch.manual_seed(0)
    reward, value = torch.randn(2, 6, 50)
    terminated, truncated = torch.rand(2, 6, 50) < 0.2
    closed = terminated | truncated
    closed[-1] = True
    continues = (~terminated).float()
    got = td_lambda(reward, value, continues, closed, GAMMA, LAM)
    assert torch.allclose(got, reference(reward, value, continues, closed))
    assert torch.equal(got[terminated], reward[terminated])
    cut = truncated & ~terminated
    assert torch.allclose(got[cut], (reward + GAMMA * value)[cut])


def test_lambda_one_is_the_discounted_sum_and_lambda_zero_one_step() -> None:
    reward, value = torch.ones(3, 1), torch.full((3, 1), 10.0)
    closed = torch.tensor([[False], [False], [True]])
    going = torch.ones(3, 1)
    full = td_lambda(reward, value, going, closed, 0.5, 1.0)
    assert torch.allclose(full[:, 0], torch.tensor([1 + 0.5 + 0.25 + 1.25, 1 + 0.5 + 2.5, 1 + 5.0]))
    assert torch.allclose(td_lambda(reward, value, going, closed, 0.5, 0.0), torch.full((3, 1), 6.0))

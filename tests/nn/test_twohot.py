"""Two-hot coding in symlog space."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from pwm.nn.twohot import BINS, decode, symexp, symlog, two_hot, two_hot_loss

REWARDS = torch.tensor([-2000.0, -37.5, -1.0, -0.3, 0.0, 1e-3, 0.7, 1.3, 12.0, 5000.0])


def test_symlog_and_symexp_are_inverse() -> None:
    torch.testing.assert_close(symexp(symlog(REWARDS)), REWARDS, rtol=1e-5, atol=1e-6)
    assert symlog(torch.tensor(math.e - 1)).item() == pytest.approx(1.0)
    assert symlog(torch.tensor(1 - math.e)).item() == pytest.approx(-1.0)


def test_code_has_at_most_two_neighbouring_bins_and_sums_to_one() -> None:
    code = two_hot(REWARDS)
    assert code.shape == (len(REWARDS), BINS)
    assert code.min() >= 0
    torch.testing.assert_close(code.sum(-1), torch.ones(len(REWARDS)))
    for row in code:
        filled = row.nonzero().flatten()
        assert len(filled) <= 2
        assert filled[-1] - filled[0] <= 1


def test_code_decodes_to_the_scalar_on_both_scales() -> None:
    logits = two_hot(REWARDS.double()).log()
    torch.testing.assert_close(decode(logits), REWARDS.double(), rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(decode(logits, "symlog"), symlog(REWARDS.double()))


def test_values_beyond_the_bins_take_the_outermost() -> None:
    code = two_hot(torch.tensor([-1e9, 1e9]))
    assert code[0, 0] == 1
    assert code[1, -1] == 1


def test_equal_logits_decode_to_zero() -> None:
    assert decode(torch.zeros(3, BINS)).abs().max() < 1e-5


def test_loss_is_the_soft_cross_entropy() -> None:
    logits = torch.randn(4, 5, BINS)
    target = torch.randn(4, 5)
    expected = F.cross_entropy(logits.mT, two_hot(target).mT, reduction="none")
    torch.testing.assert_close(two_hot_loss(logits, target), expected)


def fitted(loss: str) -> torch.Tensor:
    """What logits decode to after being fitted to a reward of 1.3, by either loss."""
    logits = torch.zeros(1, BINS, requires_grad=True)
    target = torch.tensor([1.3])
    optimizer = torch.optim.Adam([logits], 0.1)
    for _ in range(200):
        optimizer.zero_grad()
        value = two_hot_loss(logits, target) if loss == "two_hot" else (logits - target[:, None]).square()
        value.mean().backward()
        optimizer.step()
    return decode(logits.detach())


def test_fit_decodes_to_the_reward_where_a_broadcast_squared_error_decodes_to_zero() -> None:
    """Trap 1 of the specification: the squared error over all logits falls just as nicely."""
    assert fitted("two_hot").item() == pytest.approx(1.3, abs=0.02)
    assert abs(fitted("broadcast").item()) < 1e-3

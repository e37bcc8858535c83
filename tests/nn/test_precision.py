"""Mixed precision ends where something is decoded, summed, squashed or kept as a statistic."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pwm.algorithms.normalizer import RunningStats, moments
from pwm.models import Actor, Critic, TerminationHead, WorldModel
from pwm.nn import layers, twohot
from pwm.nn.precision import full_precision

OBS, ACT, LATENT = 6, 3, 16


def autocast() -> torch.autocast:
    return torch.autocast("cpu", dtype=torch.bfloat16)


@pytest.mark.parametrize("scale", ["real", "symlog"])
def test_a_decoded_reward_is_that_of_float32(scale: str) -> None:
    torch.manual_seed(0)
    for logits in (torch.randn(50, 101) * 4, twohot.two_hot(torch.linspace(-50, 50, 41)).log()):
        expected = twohot.decode(logits, scale)
        with autocast():
            assert torch.equal(twohot.decode(logits, scale), expected)


def test_whole_rewards_are_decoded_exactly() -> None:
    rewards = torch.tensor([1.0, 5.0, -3.0, 100.0])
    with autocast():
        decoded = twohot.decode(twohot.two_hot(rewards).log())
    torch.testing.assert_close(decoded, rewards, rtol=1e-4, atol=1e-4)


def heads() -> dict[str, tuple[nn.Module, nn.Module, Tensor]]:
    """Of each head the network, its last layer and an input."""
    torch.manual_seed(0)
    model = WorldModel(OBS, ACT, 0, 1, [32], [32, 32], LATENT, "mlp")
    actor, critic = Actor(LATENT, ACT, [32]), Critic(LATENT, [32])
    termination = TerminationHead(LATENT, 0, [32])
    nn.init.normal_(model.reward_head[-1].weight)  # type: ignore[arg-type]
    z = torch.rand(64, LATENT)
    return {
        "reward": (model.reward_head, model.reward_head[-1], torch.rand(64, LATENT + ACT)),
        "actor": (actor.mean, actor.mean[-1], z),
        "critic": (critic.ensemble, critic.ensemble.layers[-1], z),
        "termination": (termination.net, termination.net[-1], z),
    }


@pytest.mark.parametrize("name", ["reward", "actor", "critic", "termination"])
def test_the_last_layer_of_a_head_is_that_of_float32(name: str) -> None:
    network, last, x = heads()[name]
    seen: list[tuple[Tensor, Tensor]] = []
    last.register_forward_hook(lambda module, inputs, output: seen.append((inputs[0], output)))
    with autocast():
        network(x)
    (given, answered), *_ = seen
    assert answered.dtype == torch.float32
    assert torch.equal(answered, last(given.float()))


def test_statistics_are_those_of_float32() -> None:
    torch.manual_seed(0)
    values = torch.randn(3, 40, 5) * 3 + 2
    group = torch.zeros(3, 40, dtype=torch.int64)
    plain, mixed = RunningStats(5), RunningStats(5)
    plain.update(values, group)
    expected = moments(values)
    with autocast():
        mixed.update(values, group)
        found = moments(values)
        normalized = mixed.normalize(values, group)
    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))
    assert torch.equal(normalized, plain.normalize(values, group))


def test_what_must_be_exact_is_so_with_tf32_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """What products were allowed to do, which only a GPU then does."""
    seen: list[tuple[int, str]] = []

    def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        seen.append((len(weight), torch.get_float32_matmul_precision()))
        return nn.functional.linear(x, weight, bias)

    monkeypatch.setattr(layers, "linear", product)
    torch.set_float32_matmul_precision("high")
    try:
        network, _, x = heads()["reward"]
        network(x)
        with pytest.raises(ZeroDivisionError), full_precision(torch.device("cpu")):
            1 / 0  # noqa: B018
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision("highest")
    assert seen == [(32, "high"), (32, "high"), (101, "highest")]

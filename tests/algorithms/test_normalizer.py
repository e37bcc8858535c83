import pytest
import torch

from pwm.algorithms.normalizer import RunningStats


def test_batches_merge_to_the_statistics_of_all_values_per_group() -> None:
    torch.manual_seed(0)
    values = torch.randn(4, 500, 3) * torch.tensor([1.0, 10.0, 0.1]) + torch.tensor([0.0, 100.0, -5.0])
    group = torch.randint(2, (4, 500))
    stats = RunningStats(3, groups=2)
    for v, g in zip(values, group, strict=True):
        stats.update(v, g)
    for index in range(2):
        mine = values[group == index].double()
        assert torch.allclose(stats.mean[index], mine.mean(0))
        assert torch.allclose(stats.std[index], mine.std(0, correction=0), rtol=1e-4)
    normal = stats.normalize(values, group)
    assert normal[group == 1].mean(0).abs().max() < 1e-4
    assert torch.allclose(normal[group == 1].std(0), torch.ones(3), atol=1e-2)


def test_nothing_seen_leaves_values_alone_and_padding_becomes_zero() -> None:
    stats, group = RunningStats(2), torch.zeros(5, dtype=torch.int64)
    values = torch.randn(5, 2)
    assert torch.equal(stats.normalize(values, group), values)
    values[:, 1] = 3.0
    stats.update(values, group)
    assert (stats.normalize(values, group)[:, 1] == 0).all()


def test_a_batch_of_time_steps_counts_every_row() -> None:
    stats = RunningStats(1)
    stats.update(torch.arange(6.0).view(2, 3, 1), torch.zeros(2, 3, dtype=torch.int64))
    assert stats.count.item() == 6 and stats.mean.item() == pytest.approx(2.5)

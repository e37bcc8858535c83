"""What happens inside an epoch, added up on the device and read back once per logging interval."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from pwm.errors import UserError

ENVIRONMENTS = "environments"
"""What is flagged where most environments diverged in one epoch."""
REMEDIES = {
    r"wm_|dyn_|rew_|term_": "wm_lr",
    r"pi_|imagined_|latent_|action_": "actor_lr",
    r"v_": "critic_lr",
}
"""By how a metric's name begins: the learning rate that it answers to."""


class NotFinite(UserError):
    """Training produced a number that is not finite, or most environments diverged.

    Attributes:
        culprits: the metrics, or :data:`ENVIRONMENTS`.
    """

    def __init__(self, culprits: list[str], epoch: int) -> None:
        # Networks that are not finite make environments diverge, not the reverse.
        self.culprits = [name for name in culprits if name != ENVIRONMENTS] or culprits
        if self.culprits == [ENVIRONMENTS]:
            super().__init__(f"most environments diverged in epoch {epoch}")
        else:
            super().__init__(f"not finite in epoch {epoch}: {', '.join(self.culprits)}")
        self.epoch = epoch

    def __reduce__(self) -> tuple[type[NotFinite], tuple[list[str], int]]:
        return NotFinite, (self.culprits, self.epoch)  # it is told to other processes

    @property
    def advice(self) -> str:
        """What to try, according to what it was."""
        if self.culprits == [ENVIRONMENTS]:
            return (
                "the simulation cannot follow these actions: try other env.options or a smaller actor_lr "
                "in a new run=<folder>"
            )
        rates = [
            rate for start, rate in REMEDIES.items() if any(re.match(start, name) for name in self.culprits)
        ]
        return (
            f"try a smaller {' or '.join(rates) or 'learning rate'} in a new run=<folder>, or run the same "
            "command again if the machine is suspect"
        )


class Meters:
    """Means of scalar metrics, and the first epoch in which something was not finite.

    Nothing here waits for the device but :meth:`read`.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}
        self._first_bad: dict[str, Tensor] = {}

    def add(self, metrics: Mapping[str, Tensor]) -> None:
        """Take one value of each metric, scalar tensors."""
        for name, value in metrics.items():
            previous = self._sums.get(name)
            self._sums[name] = value.double() if previous is None else previous + value
            self._counts[name] = self._counts.get(name, 0) + 1

    def watch(self, name: str, value: Tensor, epoch: int) -> None:
        """Remember ``epoch`` if any element of ``value`` is not finite and none was before."""
        self.flag(name, ~value.isfinite().all(), epoch)

    def flag(self, name: str, bad: Tensor, epoch: int) -> None:
        """Remember ``epoch`` if ``bad`` (a scalar bool) and nothing was before."""
        first = self._first_bad.get(name)
        never = torch.full((), -1, dtype=torch.int64, device=self._device)
        first = never if first is None else first
        self._first_bad[name] = torch.where(bad & (first < 0), epoch, first)

    def end_epoch(self, epoch: int) -> None:
        """Watch every metric added so far."""
        for name, value in self._sums.items():
            self.watch(name, value, epoch)

    def check(self) -> None:
        """Raises:
        NotFinite: something was not finite since the last reading; names it and the epoch.
        """
        self._numbers()

    def read(self) -> dict[str, float]:
        """The metrics' means since the last reading.

        Raises:
            NotFinite: as :meth:`check`.
        """
        metrics = self._numbers()
        self._sums, self._counts, self._first_bad = {}, {}, {}
        return metrics

    def _numbers(self) -> dict[str, float]:
        names, watched = list(self._sums), list(self._first_bad)
        values = [self._sums[name] / self._counts[name] for name in names]
        firsts = [self._first_bad[name].double() for name in watched]
        numbers = torch.stack(values + firsts).tolist() if values or firsts else []
        bad = {name: int(n) for name, n in zip(watched, numbers[len(names) :], strict=True) if n >= 0}
        if bad:
            epoch = min(bad.values())
            raise NotFinite(sorted(name for name, first in bad.items() if first == epoch), epoch)
        return dict(zip(names, numbers, strict=False))

    def state_dict(self) -> dict[str, Any]:
        """What was added since the last reading; call :meth:`check` first."""
        return {"sums": dict(self._sums), "counts": dict(self._counts)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self._sums = {name: value.to(self._device) for name, value in state["sums"].items()}
        self._counts = dict(state["counts"])

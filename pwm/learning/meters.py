"""What happens inside an epoch, added up on the device and read back once per logging interval."""

from __future__ import annotations

import math
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
        self._added: list[tuple[str, Tensor]] = []
        self._places: dict[tuple[str, ...], Tensor] = {}
        self._counts: dict[str, int] = {}
        self._start({}, {})

    def _start(self, sums: Mapping[str, Tensor], counts: Mapping[str, int]) -> None:
        """Go on from ``sums`` of so many values. Names never go, so that their places stay."""
        self._counts = {**dict.fromkeys(self._counts, 0), **counts}
        zero = torch.zeros((), dtype=torch.float64, device=self._device)
        self._sums = torch.stack([zero, *(sums.get(name, zero) for name in self._counts)])[1:]
        self._first_bad = torch.full_like(self._sums, -1.0)
        self._flagged: dict[str, Tensor] = {}

    def add(self, metrics: Mapping[str, Tensor]) -> None:
        """Take one value of each metric, or several: tensors of any shape. They are added up at the end of
        the epoch, until when nobody may write to them."""
        self._added += metrics.items()

    def flag(self, name: str, bad: Tensor, epoch: int) -> None:
        """Remember ``epoch`` if ``bad`` (a scalar bool) and nothing was before."""
        found = torch.where(bad, float(epoch), math.inf)
        first = self._flagged.get(name)
        self._flagged[name] = found if first is None else torch.minimum(first, found)

    def end_epoch(self, epoch: int) -> None:
        """Add up what came in, and watch all sums."""
        if not self._added:
            return
        names = tuple(name for name, value in self._added for _ in range(value.numel()))
        values = torch.cat([value.reshape(-1) for _, value in self._added]).double()
        self._added.clear()
        new = dict.fromkeys(name for name in names if name not in self._counts)
        if new:
            self._counts |= dict.fromkeys(new, 0)
            self._sums = torch.cat([self._sums, self._sums.new_zeros(len(new))])
            self._first_bad = torch.cat([self._first_bad, self._first_bad.new_full((len(new),), -1.0)])
        for name in names:
            self._counts[name] += 1
        if names not in self._places:
            at = {name: index for index, name in enumerate(self._counts)}
            self._places[names] = torch.tensor([at[name] for name in names], device=self._device)
        self._sums.index_add_(0, self._places[names], values)
        bad = ~self._sums.isfinite() & (self._first_bad < 0)
        self._first_bad.masked_fill_(bad, float(epoch))

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
        self._start({}, {})
        return metrics

    def _numbers(self) -> dict[str, float]:
        numbers = torch.cat(
            [self._sums, self._first_bad, *(f.view(1) for f in self._flagged.values())]
        ).tolist()
        sums, firsts = numbers[: len(self._counts)], numbers[len(self._counts) :]
        watched = [*self._counts, *self._flagged]
        bad = {name: int(n) for name, n in zip(watched, firsts, strict=True) if 0 <= n < math.inf}
        if bad:
            epoch = min(bad.values())
            raise NotFinite(sorted(name for name, first in bad.items() if first == epoch), epoch)
        return {
            name: total / count
            for (name, count), total in zip(self._counts.items(), sums, strict=True)
            if count > 0
        }

    def state_dict(self) -> dict[str, Any]:
        """What was added since the last reading; call :meth:`check` first."""
        counts = {name: count for name, count in self._counts.items() if count > 0}
        sums = dict(zip(self._counts, self._sums.clone(), strict=True))
        return {"sums": {name: sums[name] for name in counts}, "counts": counts}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        sums = {name: value.to(self._device) for name, value in state["sums"].items()}
        self._start(sums, dict(state["counts"]))

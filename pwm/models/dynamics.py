"""The two latent dynamics, behind one interface: a ``transition`` predicts, the mean of ``errors`` is
minimised.

Both take ``z`` ``[..., latent_dim]``, ``e`` ``[..., task_dim]`` (or None) and ``a`` ``[..., act_dim]``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from pwm.errors import UserError, choose_from
from pwm.models.latent_space import LatentSpace
from pwm.nn.activations import group_centered, simnorm
from pwm.nn.flow import flow_matching_errors
from pwm.nn.layers import Linear, NormedLinear, PairedLinear, SimNorm, join, mlp
from pwm.nn.linear import linear
from pwm.nn.ode import STEPS, follow, integrate, unit
from pwm.nn.precision import cast_once, full_precision

Transition = Callable[[Tensor, Tensor], Tensor]
"""``(z, a) -> z'``, all ``[..., n]``: what is done with it depends on parameters as they were when it was
made."""


class MLPDynamics(nn.Module):
    """``z' = SimNorm(mlp[z, e, a])`` (TD-MPC2). In a space whose dynamics predict a change, ``z'`` is ``z``
    moved by ``mlp[z, e, a]``, at first not at all: ``SimNorm(log z + mlp)`` on simplices or ``z + mlp``."""

    def __init__(self, space: LatentSpace, task_dim: int, act_dim: int, units: Sequence[int]) -> None:
        super().__init__()
        self.space = space
        output = None if space.relative else SimNorm()
        self.net = mlp(space.dim + task_dim + act_dim, units, space.dim, output, zero_output=space.relative)

    def transition(self, e: Tensor | None) -> Transition:
        """The next latent ``[..., latent_dim]`` as a function of ``z`` and ``a``."""
        return lambda z, a: self.step(z, e, a)

    def step(self, z: Tensor, e: Tensor | None, a: Tensor) -> Tensor:
        """The next latent, ``[..., latent_dim]``."""
        out = self.net(join(self.space.view(z), e, a))
        return self.space.moved(z, out) if self.space.relative else out

    def errors(
        self,
        z: Tensor,
        e: Tensor | None,
        a: Tensor,
        target: Tensor,
        predicted: Tensor | None = None,
    ) -> Tensor:
        """Squared errors of each component to ``target`` ``[..., latent_dim]``, of that shape.

        ``predicted``, where the caller has it, is ``step(z, e, a)`` and saves computing it again.
        """
        predicted = self.step(z, e, a) if predicted is None else predicted
        return mse_loss(predicted, target, reduction="none")


AT_START = 0.5
"""Share of the samples of a flow in a standardizing space that teach the encoder."""
HEADS: dict[str, Callable[[Tensor], Tensor]] = {
    "group_centered": group_centered,
    "simnorm": simnorm,
    "linear": lambda x: x,
}
"""What the velocity network's output goes through. ``group_centered`` leaves every group's sum in the latent
as it is. ``simnorm`` cannot represent a velocity (its groups sum to 1, a velocity's to 0); it is here only
to be compared with. ``linear`` is for spaces that see to the sums themselves or have no simplices."""


class FlowDynamics(nn.Module):
    """``z'`` is where the flow of a learned velocity field of ``[z_tau, e, a, tau]`` carries ``z`` from
    tau = 0 to 1. Trained by conditional flow matching, so without integrating anything.

    In a standardizing space half of the first layer's units see ``z`` where others see ``z_tau``. Such a
    field can carry two latents through one point, as the flow of ``[z_tau, e, a, tau]`` alone cannot: where
    straight paths cross, that has to predict their mean.

    Raises:
        UserError: unknown integrator or head, or fewer than one substep.
    """

    def __init__(
        self,
        space: LatentSpace,
        task_dim: int,
        act_dim: int,
        units: Sequence[int],
        integrator: str | None,
        substeps: int | None,
        head: str = "group_centered",
    ) -> None:
        super().__init__()
        if head not in HEADS:
            raise choose_from("flow_head", head, HEADS)
        if integrator not in STEPS:
            raise choose_from("flow_integrator", integrator, STEPS)
        if substeps is None or substeps < 1:
            raise UserError(f"flow_substeps must be at least 1, not {substeps}")
        self.space, self.act_dim = space, act_dim
        self.integrator = integrator
        self.substeps = substeps
        self.head = HEADS[head if space.simplex and not space.standardizes else "linear"]
        # Zero output weights: at first z' = z, which a random velocity, many times larger than the difference
        # of two latents, would carry far from the simplex within one horizon.
        first = PairedLinear if space.standardizes else NormedLinear
        inputs = space.dim + task_dim + act_dim + 1
        self.net = mlp(inputs, units, space.dim, zero_output=True, first=first)

    def velocity(
        self, point: Tensor, e: Tensor | None, a: Tensor, tau: Tensor | float, start: Tensor
    ) -> Tensor:
        """``dz/dtau`` ``[..., latent_dim]`` at ``point``, of the flow that was at ``start`` at tau = 0;
        ``tau`` is ``[..., 1]`` or one number for all."""
        tau = tau if isinstance(tau, Tensor) else torch.full_like(point[..., :1], tau)
        seen = torch.stack((start, point)) if self.space.standardizes else point
        out = self.net(join(self.space.view(seen), e, a, tau)).to(point.dtype)
        return self._moved(out)

    def _moved(self, out: Tensor) -> Tensor:
        """The velocity that the network's output ``[..., latent_dim]`` stands for."""
        return self.space.own_units(self.head(out))

    def step(self, z: Tensor, e: Tensor | None, a: Tensor) -> Tensor:
        """The next latent, ``[..., latent_dim]``."""
        return self.transition(e)(z, a)

    def transition(self, e: Tensor | None) -> Transition:
        """The next latent ``[..., latent_dim]`` as a function of ``z`` and ``a``."""
        if self.head is simnorm:
            return lambda z, a: self._integrated(z, e, a)
        return self._projected(e)

    def _integrated(self, z: Tensor, e: Tensor | None, a: Tensor) -> Tensor:
        """The next latent, by definition."""

        def velocity(point: Tensor, tau: float) -> Tensor:
            return self.velocity(point, e, a, tau, z)

        return integrate(velocity, z, self.integrator, self.substeps)

    def _projected(self, e: Tensor | None) -> Transition:
        """:meth:`_integrated` with less work: the path is followed where the network first sees it.

        Of the field only the layers after the first are not linear. So while ``z_tau`` moves by the last
        layer's product, ``p = W [z_tau, e, a, tau] + b`` of the first moves by the product of both, and on
        that path nothing of ``z_tau`` is needed. What ``e``, ``a`` and the start contribute is computed once.
        At the end ``z`` has moved by the last layer's output for the mean of its inputs (:func:`unit`).
        """
        first, hidden, last = self.net[0], self.net[1:-1], self.net[-1]
        assert isinstance(first, NormedLinear) and isinstance(last, Linear)
        sizes = [self.space.dim, first.in_features - self.space.dim - self.act_dim - 1, self.act_dim, 1]
        seen, by_task, by_action, by_tau = first.weight.split(sizes, dim=1)
        with full_precision(seen.device):
            # Moving a latent by the last layer's columns and bias moves what networks see of it by these.
            moves = self.space.view_change(self._moved(torch.cat([last.weight.t(), last.bias[None]])))
            if isinstance(first, PairedLinear):  # its other units see where the path began
                seen_on_path = torch.cat([torch.zeros_like(first.halves(seen)[0]), first.halves(seen)[1]])
            else:
                seen_on_path = seen
            moves = moves @ seen_on_path.t() * unit(self.integrator, self.substeps)
            drift = torch.add(moves[-1], by_tau.squeeze(1), alpha=unit(self.integrator, self.substeps))
            still = first.bias if e is None else linear(e, by_task, first.bias)
        seen, by_action, drift = cast_once(seen), cast_once(by_action), cast_once(drift)
        weight = cast_once(moves[:-1].t())

        def transition(z: Tensor, a: Tensor) -> Tensor:
            inputs: list[Tensor] = []

            def move(p: Tensor, tau: float) -> Tensor:
                inputs.append(hidden(first.act(first.ln(p))))
                return linear(inputs[-1], weight, drift)

            begin = linear(self.space.view(z), seen) + (linear(a, by_action) + still)
            follow(move, begin.to(z.dtype), self.integrator, self.substeps)
            return z + self._moved(last(torch.stack(inputs).mean(0)).to(z.dtype))

        return transition

    def errors(
        self,
        z: Tensor,
        e: Tensor | None,
        a: Tensor,
        target: Tensor,
        predicted: Tensor | None = None,
    ) -> Tensor:
        """Squared errors of each component of the velocity, on the straight path to ``target``
        ``[..., latent_dim]``, of that shape. tau ~ U(0, 1) per sample from torch's global random state.
        ``predicted`` is not used: nothing is integrated.

        In a standardizing space half of the samples have tau = 0, and they alone have gradient to ``z``.
        There the error is that of an MLP that predicts a change, and an encoder learns the same from either.
        Later on the path the velocity sees ``target`` in ``z_tau``, and an encoder would be taught to make
        ``z`` predictable from what follows it.
        """
        tau = None
        if self.space.standardizes:
            tau = torch.rand_like(z[..., :1])
            at_start = torch.rand_like(tau) < AT_START
            tau, z = tau.masked_fill(at_start, 0.0), torch.where(at_start, z, z.detach())

        def velocity(point: Tensor, tau: Tensor) -> Tensor:
            return self.velocity(point, e, a, tau, z)

        return flow_matching_errors(velocity, z, target, tau)


Dynamics = MLPDynamics | FlowDynamics

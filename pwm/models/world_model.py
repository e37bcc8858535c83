"""The world model: encoder, latent dynamics, reward and task embedding (TD-MPC2, arXiv 2310.16828)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pwm.errors import choose_from
from pwm.models.dynamics import Dynamics, FlowDynamics, MLPDynamics, Transition
from pwm.models.latent_space import LatentSpace
from pwm.nn import twohot
from pwm.nn.layers import ExactLinear, SimNorm, join, mlp

DYNAMICS = ("mlp", "flow")
REWARD_SCALES = ("real", "symlog")
OBSERVATION_LIMIT = 10.0
"""Where ``latent="observation"`` clips a component."""


class WorldModel(nn.Module):
    """Predicts latents and rewards. Every method takes any leading dimensions, ``[B]`` or ``[T, B]``, and the
    tasks' embeddings ``e``, which the caller looks up once (:meth:`task_embedding`) and which may have fewer
    of them (``[B, task_dim]`` beside ``[T, B, ...]``); with ``task_dim`` 0 they are None.

    Args:
        obs_dim, act_dim: components of an observation and of an action.
        task_dim: components of a task embedding; 0 for a single task.
        num_tasks: rows of the embedding.
        encoder_units, units: hidden widths of the encoder, and of dynamics and reward.
        latent_dim: components of a latent, a multiple of 8.
        dynamics: ``mlp`` or ``flow``.
        flow_integrator, flow_substeps, flow_head: see :class:`FlowDynamics`; None for ``mlp``.
        latent: the kind of :class:`LatentSpace`. With ``observation`` there is no encoder, ``latent_dim`` is
            ``obs_dim``, and the flow has a linear head whatever ``flow_head`` is.

    Raises:
        UserError: unknown ``dynamics``, integrator, head or ``latent``.
    """

    def __init__(
        self,
        obs_dim: int,
        act_dim: int,
        task_dim: int,
        num_tasks: int,
        encoder_units: Sequence[int],
        units: Sequence[int],
        latent_dim: int,
        dynamics: str,
        flow_integrator: str | None = None,
        flow_substeps: int | None = None,
        flow_head: str | None = None,
        latent: str = "simnorm",
    ) -> None:
        super().__init__()
        space = LatentSpace(latent, obs_dim if latent == "observation" else latent_dim)
        latent_dim = space.dim
        self.obs_dim, self.act_dim, self.latent_dim, self.task_dim = obs_dim, act_dim, latent_dim, task_dim
        self.embedding = _embedding(num_tasks, task_dim) if task_dim else None
        self.encoder = (
            mlp(obs_dim + task_dim, encoder_units, latent_dim, SimNorm()) if space.simplex else None
        )
        self.dynamics: Dynamics
        if dynamics == "mlp":
            self.dynamics = MLPDynamics(space, task_dim, act_dim, units)
        elif dynamics == "flow":
            self.dynamics = FlowDynamics(
                space,
                task_dim,
                act_dim,
                units,
                flow_integrator,
                flow_substeps,
                flow_head or "group_centered",
            )
        else:
            raise choose_from("dynamics", dynamics, DYNAMICS)
        # Zero weights: a reward of 0 for every state until the data says otherwise.
        inputs = latent_dim + task_dim + act_dim
        self.reward_head = mlp(inputs, units, twohot.BINS, zero_output=True, last=ExactLinear)

    @property
    def space(self) -> LatentSpace:
        """Where the latents lie, and how the other networks see them."""
        return self.dynamics.space

    def task_embedding(self, task: Tensor | None) -> Tensor | None:
        """Embeddings ``[..., task_dim]`` of tasks ``[...]`` (int64); None for a single task."""
        return None if self.embedding is None else self.embedding(task)

    @torch.no_grad()
    def limit_embedding(self) -> None:
        """Scale embeddings of a norm above 1 back to it. After every optimizer's step and for all tasks: a
        look-up that did it would do it for the tasks of its own batch alone, and so not alike on all
        processes."""
        if self.embedding is not None:
            weight = self.embedding.weight
            weight.copy_(torch.renorm(weight, p=2, dim=0, maxnorm=1.0))

    def encode(self, observation: Tensor, e: Tensor | None = None) -> Tensor:
        """Latents ``[..., latent_dim]`` of observations ``[..., obs_dim]``; with ``simnorm`` each group of 8
        sums to 1."""
        if self.encoder is None:
            return _clipped(observation)
        return self.encoder(join(observation, e))

    def next(self, z: Tensor, a: Tensor, e: Tensor | None = None) -> Tensor:
        """The predicted next latent ``[..., latent_dim]``; for several steps see :meth:`transition`."""
        return self.transition(e)(z, a)

    def transition(self, e: Tensor | None = None) -> Transition:
        """The predicted next latent as a function of latents and actions, for many steps with the parameters
        of now."""
        transition = self.dynamics.transition(e)
        if self.encoder is not None:
            return transition
        return lambda z, a: _clipped(transition(z, a))

    def dynamics_errors(
        self,
        z: Tensor,
        a: Tensor,
        target: Tensor,
        e: Tensor | None = None,
        predicted: Tensor | None = None,
    ) -> Tensor:
        """The dynamics' squared errors ``[..., latent_dim]``: see the ``errors`` of the two dynamics."""
        return self.dynamics.errors(z, e, a, target, predicted)

    def reward_logits(self, z: Tensor, a: Tensor, e: Tensor | None = None) -> Tensor:
        """Two-hot logits ``[..., 101]`` of the reward for doing ``a`` in ``z``."""
        return self.reward_head(join(self.space.view(z), e, a))

    def reward(self, z: Tensor, a: Tensor, e: Tensor | None = None, scale: str = "real") -> Tensor:
        """The predicted reward ``[...]``, on the ``real`` scale or in ``symlog`` space.

        Raises:
            UserError: unknown ``scale``.
        """
        if scale not in REWARD_SCALES:
            raise choose_from("reward_scale", scale, REWARD_SCALES)
        return twohot.decode(self.reward_logits(z, a, e), scale)


def _clipped(observation: Tensor) -> Tensor:
    return observation.clamp(-OBSERVATION_LIMIT, OBSERVATION_LIMIT)


def _embedding(num_tasks: int, task_dim: int) -> nn.Embedding:
    embedding = nn.Embedding(num_tasks, task_dim)
    nn.init.uniform_(embedding.weight, -0.02, 0.02)
    return embedding


def parameter_count(module: nn.Module) -> int:
    """Trainable parameters of ``module``."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)

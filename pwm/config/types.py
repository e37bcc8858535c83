"""The configuration of a run, typed. The values live in ``configs/`` and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class EnvConfig:
    """What :func:`pwm.envs.make` is called with."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class TrainConfig:
    """One experiment. Every field is a key of the composed configuration, with the same name."""

    # The experiment (configs/alg)
    name: str
    multitask: bool
    tasks: list[str]
    task_dim: int
    dynamics: str  # mlp | flow
    flow_integrator: str | None  # euler | heun; null for mlp
    flow_substeps: int | None
    flow_head: str | None  # group_centered | simnorm (defective, for comparison); null for mlp
    wm_batch_size: int  # global
    max_epochs: int

    # The environment (configs/env)
    env: EnvConfig
    num_envs: int  # global

    # The networks (configs/size)
    model_size: str
    encoder_units: list[int]
    units: list[int]
    latent_dim: int
    actor_units: list[int]
    critic_units: list[int]
    critic_ensemble: int
    actor_init_scale: float  # factor on the actor's last layer at initialisation

    # One epoch
    horizon: int
    collection: str  # lockstep | closed_loop
    imagination_batch: int  # closed_loop: start states per actor update, global; 0: as many as num_envs
    actor_updates: int
    critic_passes: int
    critic_batches: int
    wm_updates: int
    wm_first_updates: int  # in the first trained epoch; 0: as many as an episode is long
    actor_start_epoch: int  # trained epochs before the first actor and critic update
    replay_capacity: int  # transitions

    # Losses
    wm_loss: str  # carried | one_step | mixture
    wm_mixture: float  # weight of the carried part of a mixture
    dynamics_weight: float
    reward_weight: float
    termination_head: bool
    termination_weight: float
    temporal_weight: float  # rho in sum_t rho^t
    reward_scale: str  # real | symlog: what the actor and critic see of the decoded reward
    normalize_observation: bool
    normalize_reward: bool
    normalize_return: bool
    gamma: float
    td_lambda: float

    # Optimisers
    actor_lr: float
    critic_lr: float
    wm_lr: float
    final_lr: float
    lr_schedule: str  # linear | constant
    betas_actor_critic: list[float]
    actor_grad_norm: float
    critic_grad_norm: float
    wm_grad_norm: float

    # The run
    seed: int
    run: str
    device: str
    num_processes: int
    mixed_precision: str
    threads: int
    log_every: int  # epochs
    eval_every: int  # epochs; 0: only at the end
    eval_episodes: int
    checkpoint_every: int  # epochs
    # Keys that runs of before them lack
    latent: str = "simnorm"  # simnorm | standardized | observation
    tracking: str = "disabled"  # disabled | offline | online
    tf32: bool = False
    cuda_graphs: str = "auto"  # auto | off
    compile: bool = False
    stage: str = "train"  # train | pretrain | extract
    data: str = ""  # a store
    world_model: str = ""  # the folder of a pretraining run
    task: str = ""  # of the world model
    finetune_world_model: bool = False
    env_shares: list[int] = field(default_factory=list)  # of num_envs, by task; empty: all alike

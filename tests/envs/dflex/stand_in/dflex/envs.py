"""An environment with the interface of dflex's: a point that falls and is pushed along x."""

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from gym import spaces  # type: ignore[import-not-found]
from torch import Tensor

sys.path.insert(0, "/dflex/was/here")
np.set_printoptions(precision=1)


class AntEnv:
    num_obs, num_acts = 6, 1

    def __init__(
        self,
        num_envs: int = 4096,
        device: str = "cuda:0",
        episode_length: int = 1000,
        no_grad: bool = False,
        stochastic_init: bool = False,
        MM_caching_frequency: int = 1,
    ) -> None:
        print("making an environment")
        assert no_grad and stochastic_init and MM_caching_frequency in (8, 16, 48)
        infinity = np.Inf  # type: ignore[attr-defined]
        self.space = spaces.Box(np.full(6, -infinity), np.full(6, infinity))
        self.num_envs, self.episode_length = num_envs, episode_length
        zeros = torch.zeros(num_envs * 2, device=device)
        self.state = SimpleNamespace(
            joint_q=zeros, joint_qd=zeros.clone(), joint_act=zeros[:num_envs].clone()
        )
        self.progress_buf = torch.zeros(num_envs, dtype=torch.long, device=device)
        self.obs_buf = self._observe()
        self.threads: list[int] = []

    def step(self, actions: Tensor) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
        assert not torch.is_grad_enabled()
        self.threads.append(torch.get_num_threads())
        action = actions.clip(-1.0, 1.0)
        push = torch.cat([action, torch.full_like(action, -1.0)], dim=1)
        speed = self.state.joint_qd.view(self.num_envs, 2) + push / 60
        self.state.joint_qd = speed.flatten()
        self.state.joint_q = self.state.joint_q + self.state.joint_qd / 60
        self.state.joint_act = action.flatten()
        reward = self.obs_buf[:, 5]
        self.progress_buf += 1
        self.obs_buf = self._observe()
        info = {
            "obs_before_reset": self.obs_buf.clone(),
            "termination": self.obs_buf[:, 0] < 0.0,
            "truncation": self.progress_buf > self.episode_length - 1,
        }
        done = info["termination"] | info["truncation"]
        if done.any():
            self.reset(done.nonzero().squeeze(1))
        return self.obs_buf, reward, done, info

    def reset(self, env_ids: Any = None) -> Tensor:
        rows = torch.arange(self.num_envs) if env_ids is None else env_ids
        self.state.joint_q = self.state.joint_q.clone()
        self.state.joint_q.view(self.num_envs, 2)[rows] = torch.rand(len(rows), 2)
        self.state.joint_qd.view(self.num_envs, 2)[rows] = 0.0
        self.state.joint_act[rows] = 0.0
        self.progress_buf[rows] = 0
        self.obs_buf = self._observe()
        return self.obs_buf

    def reset_with_state(self, joint_q: Tensor, joint_qd: Tensor) -> Tensor:
        self.state.joint_q, self.state.joint_qd = joint_q.flatten().clone(), joint_qd.flatten().clone()
        self.progress_buf[:] = 0
        self.obs_buf = self._observe()
        return self.obs_buf

    def get_state(self) -> tuple[Tensor, Tensor]:
        return self.state.joint_q.clone(), self.state.joint_qd.clone()

    def _observe(self) -> Tensor:
        """Height, x, vertical velocity, action, 0, velocity along x."""
        (x, height), (speed, fall) = (
            tensor.view(self.num_envs, 2).unbind(1) for tensor in (self.state.joint_q, self.state.joint_qd)
        )
        return torch.stack([height, x, fall, self.state.joint_act, torch.zeros_like(x), speed], dim=1)

"""World model, actor, critic and termination head."""

from pwm.models.actor import Actor
from pwm.models.critic import Critic
from pwm.models.dynamics import FlowDynamics, MLPDynamics
from pwm.models.termination import TerminationHead
from pwm.models.world_model import WorldModel

__all__ = ["Actor", "Critic", "FlowDynamics", "MLPDynamics", "TerminationHead", "WorldModel"]

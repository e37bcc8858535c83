"""What learns: environments, replay, agent and losses, and how an epoch uses them."""

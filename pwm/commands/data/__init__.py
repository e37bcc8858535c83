"""``pwm data``: make stores of episodes, and look at them."""

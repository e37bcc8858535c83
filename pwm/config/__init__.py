"""What a run is told: the configuration's types, how it is composed, and the rules its values obey."""

"""The experiments as batch jobs: rendered, submitted, followed."""

"""The plan that a person agreed to, its checks, and the strategy that follows from it."""

"""What a person agreed to: the plan, its checks, and the strategy that follows from it."""

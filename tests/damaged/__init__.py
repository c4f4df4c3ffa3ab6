"""The damage matrix: the wounds a backup can have, and what `verify` finds. `python -m tests.damaged` prints it."""

"""The matrix of defects: how a backup can be damaged, and what `verify` finds. `python -m tests.damaged` prints it."""

"""Whether this computer and the connected phones are ready for a move, for `migrate check`."""

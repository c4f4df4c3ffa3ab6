"""The phone's side of the protocols: bytes to messages and back, without I/O. Only the simulator uses it."""

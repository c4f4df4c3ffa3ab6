"""The phone's side of the wire: bytes to messages and back, without I/O. Only the simulator speaks through it."""

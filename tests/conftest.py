"""What all tests stand on."""

from __future__ import annotations

import signal

# A shell that starts a test run in the background has it ignore SIGINT, and every command started by a test would
# inherit that: Ctrl-C could not be tested. A caught signal is reset to its default in a child (*read*: execve(2)).
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

"""A simulated iPhone behind a usbmuxd socket, for rehearsals, the demo and tests."""

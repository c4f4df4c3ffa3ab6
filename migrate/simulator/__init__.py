"""A simulated iPhone behind a usbmuxd socket: for rehearsal, for the demo, and as our test bench."""

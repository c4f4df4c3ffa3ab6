"""The simulated iPhone: its state, files, apps, settings and user."""

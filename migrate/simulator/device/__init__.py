"""The simulated iPhone itself: its files, apps, settings and its user."""

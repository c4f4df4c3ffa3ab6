"""The only rooms where a person is spoken to: command line, progress, receipt."""

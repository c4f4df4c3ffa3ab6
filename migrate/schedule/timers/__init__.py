"""The system's own timers, which call `migrate auto tick` every hour."""

"""lockdownd: pairing, values, services."""

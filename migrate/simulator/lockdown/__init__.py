"""lockdownd: pairing, values and starting services."""

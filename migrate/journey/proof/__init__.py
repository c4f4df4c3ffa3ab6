"""The proof: what arrived on the new phone, compared with what was agreed."""

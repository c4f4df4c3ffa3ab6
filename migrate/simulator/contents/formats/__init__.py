"""File formats of the invented contents."""

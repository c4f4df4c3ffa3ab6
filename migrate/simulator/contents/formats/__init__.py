"""Encoders for the file formats of the invented contents."""

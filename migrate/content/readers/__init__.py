"""One reader per kind of item."""

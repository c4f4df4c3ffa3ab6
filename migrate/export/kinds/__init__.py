"""One module for each kind of items, or for a few that are alike."""

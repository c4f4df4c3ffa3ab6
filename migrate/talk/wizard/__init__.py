"""The wizard: the loop around the interview, its pages and its widgets."""

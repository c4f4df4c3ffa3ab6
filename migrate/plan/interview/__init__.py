"""The interview: a pure function from what is known to the next question."""

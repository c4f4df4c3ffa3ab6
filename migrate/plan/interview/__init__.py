"""The interview: a pure function from facts and answers to the next question."""

"""One run of a plan: steps, journal, resume, proof."""

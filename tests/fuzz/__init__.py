"""The parsers of what strangers wrote, fed with anything. `corpus/` keeps what taught them something."""

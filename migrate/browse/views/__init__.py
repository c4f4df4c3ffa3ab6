"""The pages: what they show of the library, as answers to requests."""

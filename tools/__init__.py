"""What makes pages, pictures and checks from the code."""

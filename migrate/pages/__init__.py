"""What the pages of this program share: HTML, style."""

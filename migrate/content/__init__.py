"""What is inside a backup: one reader per kind of item. Counts, proof, export, browse and diff read these items."""

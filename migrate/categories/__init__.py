"""What people move: categories as data, apps, counts, and which record belongs to whom."""

"""Extract: files of a backup, decrypted, in an ordinary folder."""

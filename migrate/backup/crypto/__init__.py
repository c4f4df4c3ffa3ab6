"""How a backup encrypts: the keybag, one key a file, AES-256-CBC."""

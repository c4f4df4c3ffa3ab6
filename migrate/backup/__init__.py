"""The backup on disk: folder, manifest, records, keybag, check, compose, seal. Knows no phone and no terminal."""

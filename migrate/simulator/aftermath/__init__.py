"""What a restored iPhone does with what it received: the phone file's `[aftermath]`.

The rules are this package's own, each with its mark and source. It never reads categories.toml: the proof, which does,
would otherwise test itself.
"""

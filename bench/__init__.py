"""Measurements, each a ratio against a bare loop or a peer in the same run: `make bench [ONLY=name]`."""

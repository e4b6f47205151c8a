"""The method itself, pure: no I/O, no clock, no environment."""

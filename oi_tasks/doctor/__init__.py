"""`oi doctor`: whether everything that a run needs is there, and what to do about what is not."""

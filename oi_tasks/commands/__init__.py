"""The commands of `oi`, one file for each idea. What a command needs is imported when it runs."""

"""The commands of `oi`, one file for each idea. What a command needs is imported when it runs."""


def for_example(*lines: str) -> str:
    """The end of a command's help: lines to paste into a shell. The backspace keeps Click from filling them."""
    return "\b\nFor example:\n" + "\n".join(f"  {line}" for line in lines)

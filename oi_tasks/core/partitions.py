"""Photos in parts, by the first digit of ImageID: a hash, so that parts are of one size."""

from itertools import pairwise

DIGITS = "0123456789abcdef"


def digits_of_parts(parts: int) -> list[str]:
    """The digits of each of so many parts, 16 at most: every digit in one of them, and as even as can be."""
    ends = [len(DIGITS) * part // parts for part in range(parts + 1)]
    return [DIGITS[start:end] for start, end in pairwise(ends)]

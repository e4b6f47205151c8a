"""What can go wrong, in one line each: what, where, what to do, and a code that docs/errors.md explains."""

import re
import unicodedata
from typing import ClassVar

CODED = re.compile(r"\[[a-z_0-9]+\]$")


class OiError(Exception):
    """A failure a user can act on. `line` is what they read; the command ends with `exit_code`."""

    exit_code: ClassVar[int] = 1
    usual_code: ClassVar[str] = "failed"
    """The code where none is given."""

    def __init__(self, what: str, where: str = "", fix: str = "", code: str = "") -> None:
        self.what, self.where, self.fix, self.code = what, where, fix, code or self.usual_code
        super().__init__(what, where, fix, self.code)

    @property
    def line(self) -> str:
        """The error in one line, with its code at the end."""
        return coded(str(self), self.code)

    def __str__(self) -> str:
        text = self.what.strip().rstrip(".")
        if self.where:
            text += f" ({self.where})"
        if self.fix:
            text += f"; {self.fix}"
        return " ".join(text.split())


class BadInput(OiError):
    """The command, the profile or the data cannot be used as given."""

    exit_code = 2
    usual_code = "bad_input"


class Refused(OiError):
    """A gate said no: the data or the model may not go on."""

    exit_code = 3
    usual_code = "refused"


class Unreachable(OiError):
    """A server does not answer, or a key is wrong."""

    exit_code = 4
    usual_code = "unreachable"


class Stopped(OiError):
    """The job saved its state after SIGTERM; the same job goes on from there when it is run again."""

    exit_code = 75
    usual_code = "stopped"


def coded(text: str, code: str) -> str:
    """A line with a code at its end. One that ends with a code keeps it: the first that was given names the cause."""
    text = " ".join(text.split())
    return text if CODED.search(text) else f"{text} [{code}]"


def in_line(text: object) -> str:
    """A name as it can stand in a line: line ends, control characters and bytes that are no UTF-8 escaped."""
    return "".join(ascii(letter)[1:-1] if breaks_line(letter) else letter for letter in str(text))


def breaks_line(text: str) -> bool:
    """Whether a text has an end of a line, a control character, or a byte that is no UTF-8."""
    return any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in text)

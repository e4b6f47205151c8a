"""What can go wrong, in one line each: what, where, and what to do."""

from typing import ClassVar


class OiError(Exception):
    """A failure a user can act on. `str()` is one line; the command ends with `exit_code`."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, where: str = "", fix: str = "", code: str = "error") -> None:
        self.what, self.where, self.fix, self.code = what, where, fix, code
        super().__init__(what, where, fix, code)

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


class Refused(OiError):
    """A gate said no: the data or the model may not go on."""

    exit_code = 3


class Unreachable(OiError):
    """A server does not answer, or a key is wrong."""

    exit_code = 4


class Stopped(OiError):
    """The job saved its state after SIGTERM; the same job goes on from there when it is run again."""

    exit_code = 75

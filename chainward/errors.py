"""What a user can put right. The command line prints the one-line message and leaves with exit code 2."""


class ChainwardError(Exception):
    """A mistake outside the program; the message is one line and says how to fix it."""


class DataMissing(ChainwardError):
    """A task's data are not on this machine."""


class Revealing(ChainwardError):
    """The message shows a cell of somebody's records: it is for the terminal of who has them, never for a record."""


class UnknownName(ChainwardError, ValueError):
    """No task, strategy, plan or source of data goes by this name."""


class BadParameter(ChainwardError, ValueError):
    """A parameter that its owner does not have, or a value it cannot take."""


class Stopped(SystemExit):
    """Somebody asked this process to end, by a signal: no mistake, and no trial's doing."""

    def __init__(self, signal: int) -> None:
        super().__init__(128 + signal)
        self.signal = signal

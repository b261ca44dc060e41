"""How a process ended, in words: by its exit code or signal, and by what Python wrote of where it was."""

from __future__ import annotations

import re
import signal

from chainward.trials.words import relative

_FRAME = re.compile(r'File "[^"\n]+", line \d+ in \S+')
_TEMPLATE_GONE = 255  # what the standard library says where nobody is left to tell


def how_ended(code: int | None) -> str:
    """Return how a process ended that should not have."""
    if code is None:
        return "hung up"
    if code == _TEMPLATE_GONE:
        return f"ended with exit code {code}, or with the process that starts trials"
    if code >= 0:
        return f"ended with exit code {code} before the trial did"
    try:
        name, meaning = signal.Signals(-code).name, signal.strsignal(-code)
    except ValueError:
        name, meaning = f"signal {-code}", "unknown"
    outside = "; by hand, or for want of memory?" if name == "SIGKILL" else ""
    return f"was ended by {name} ({meaning}{outside})"


def first_place(told: str) -> str:
    """Return where Python was, innermost first, from what `faulthandler` wrote; nothing where it wrote nothing."""
    frames = [relative(frame) for frame in _FRAME.findall(told)[:3]]
    return f", at {' < '.join(frames)}" if frames else ""

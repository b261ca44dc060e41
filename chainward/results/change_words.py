"""Changes in words, as a message or a cell has them: ASCII, since they go to terminals of any encoding."""

from __future__ import annotations

from collections.abc import Iterator

from chainward.results.changes import Change, Changes
from chainward.results.document import one_line
from chainward.results.inference import Mean
from chainward.results.moves import Cost, Part, Time

UNITS = {"gas": "", "latency": " s", "bytes": " bytes", "disclosures": " items"}
_SHOWN = 3


def cost_words(quantity: str, cost: Cost) -> str:
    """Return by how much a trial costs more or less, and which parts that is."""
    share = f" ({percent(cost)})" if cost.before else ""
    parts = [*cost.moved.items()]
    if len(parts) == 1:
        name, part = parts[0]
        return f"{amount(cost.more)}{UNITS[quantity]}{share}, all in {name}{_calls(part, cost.trials)}"
    told = [f"{name} {amount(part.more / cost.trials)}{_calls(part, cost.trials)}" for name, part in parts[:_SHOWN]]
    rest = f" and {len(parts) - _SHOWN} more" if parts[_SHOWN:] else ""
    return f"{amount(cost.more)}{UNITS[quantity]}{share}: {', '.join(told)}{rest}"


def percent(cost: Cost) -> str:
    """Return the share by which a cost changed, with two digits: `+1.3 %`."""
    share = 100 * cost.more / cost.before
    return f"{share:+.2g} %" if abs(share) < 10 else f"{share:+,.0f} %"


def amount(value: float) -> str:
    """Return a change with its sign: whole, or with three digits."""
    return f"{value:+,.0f}" if float(value).is_integer() or abs(value) >= 1000 else f"{value:+.3g}"


def _calls(part: Part, trials: int) -> str:
    before, after = (f"{calls / trials:g}" for calls in (part.calls_before, part.calls_after))
    return "" if before == after else f" ({before} -> {after} calls)"


def auroc_words(before: Mean | None, after: Mean | None) -> str:
    """Return both figures, or nothing where there is none."""
    return f"AUROC {before.value:.3f} -> {after.value:.3f}" if before and after else ""


def signed(value: float) -> str:
    """Return a difference with three decimals."""
    return f"{value:+z.3f}"


def cost_cell(cost: Cost) -> str | None:
    """Return a cost's change as a cell of a table; None where there is no such cost at all."""
    if not cost.parts:
        return None
    if not cost.moved:
        return "rounding" if cost.rounded else "equal"
    return percent(cost) if cost.before else amount(cost.more)


def rounding_words(cost: Cost) -> str:
    """Return what is said of parts that moved no more than hashes of other weights explain."""
    told = ", ".join(f"{name} {amount(part.more / cost.trials)}" for name, part in cost.rounded.items())
    return f"{told}: zero bytes in the hashes of other weights"


def lost_words(change: Change) -> Iterator[str]:
    """Yield why trials of the first are not compared, a sentence a reason."""
    for seed, why in change.newly_failed.items():
        yield f"seed {seed} failed: {one_line(' '.join(why.split()))}"
    if change.missing:
        yield f"not in the second: seed {', '.join(map(str, change.missing))}"
    if change.uncompared:
        yield change.uncompared


def version_words(found: Changes) -> str:
    """Return which versions are others, such as `torch 2.12.0 -> 2.13.0`; nothing where none is."""
    return ", ".join(f"{name} {old} -> {new}" for name, (old, new) in found.versions.items())


def time_words(time: Time) -> str:
    """Return how many times as long a trial takes, with what seeds differ, and that nothing is decided by it."""
    bounds = "" if time.low is None or time.high is None else f" [{time.low:.2g}, {time.high:.2g}]"
    return f"{time.ratio:.2g} times as long{bounds}, measured"

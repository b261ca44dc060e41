"""A plan as a file: what a run came to after its options, so that the same trials can be run again."""

from __future__ import annotations

from typing import Any

from chainward.plans.plan import Plan

_ALWAYS = {"seeds", "rounds", "split", "preparation", "track", "engine", "device", "ledger"}
"""Fields that are told also where nobody set them."""

_OF_THE_WHOLE = {"name", "title"}


def as_toml(plan: Plan) -> str:
    """Return the plan as TOML that reads as the same trials; equal plans give equal text.

    Parts that were left out, since their data are not at hand, are left out; the others are optional no more.
    """
    import tomli_w

    if not plan.parts:
        return tomli_w.dumps(_told(plan))
    head = plan.model_dump(mode="json", include=_OF_THE_WHOLE)
    parts = [{name: value for name, value in _told(leaf).items() if name not in _OF_THE_WHOLE} for leaf in plan.leaves]
    return tomli_w.dumps({**head, "parts": parts})


def _told(plan: Plan) -> dict[str, Any]:
    given = plan.model_dump(mode="json", exclude={"optional", "parts"}, exclude_defaults=True)
    always = plan.model_dump(mode="json", include=_ALWAYS, exclude_none=True)
    return {**given, **always, "seeds": _number(always["seeds"])}


def _number(seeds: Any) -> Any:
    """How many seeds there are, where their values count from 0."""
    return len(seeds) if isinstance(seeds, list) and seeds == list(range(len(seeds))) else seeds

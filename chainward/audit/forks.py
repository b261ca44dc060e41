"""What the rules of Ethereum charge at least, by fork: the constants that its EIPs name.

Sources: the Yellow Paper's fee schedule (frontier), EIP-2 (homestead), EIP-1884 and EIP-2028 (istanbul), EIP-2929 and
EIP-2930 (berlin), EIP-3529 (london), EIP-3860 (shanghai; not counted here), EIP-7623 (prague). Cancun changed none of
them. EIP-170 limits code from spurious dragon on, here from byzantium.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Name = Literal["frontier", "homestead", "byzantium", "istanbul", "berlin", "london", "shanghai", "cancun", "prague"]


@dataclass(frozen=True)
class Fork:
    """Gas by what it is charged for. `cold_slot` is the surcharge of a storage slot's first access in a transaction;
    an access list takes `listed_account` and `listed_slot` instead. At most one part in `refund` of a transaction's
    gas comes back, `cleared_slot` for each slot that is changed to zero; None where clearing gives back more than it
    costs, so that what is not told of may give back too. `floor_token`: calldata at least, a zero byte one token, any
    other four."""

    transaction: int = 21_000
    creation: int = 0
    zero_byte: int = 4
    other_byte: int = 68
    new_slot: int = 20_000
    changed_slot: int = 5_000
    cold_slot: int = 0
    listed_account: int = 0
    listed_slot: int = 0
    log: int = 375
    log_topic: int = 375
    log_byte: int = 8
    code_byte: int = 200
    longest_code: int | None = None
    refund: int = 2
    cleared_slot: int | None = None
    floor_token: int = 0

    def cold(self, slots: int) -> int:
        """The least that first accesses of so many slots cost: each by itself, or all by an access list."""
        return min(self.cold_slot * slots, self.listed_account + self.listed_slot * slots)


_FRONTIER = Fork()
_HOMESTEAD = replace(_FRONTIER, creation=32_000)
_BYZANTIUM = replace(_HOMESTEAD, longest_code=24_576)
# Of EIP-1884 and EIP-2200 only prices of reading changed, and of writing a slot again within one transaction.
_ISTANBUL = replace(_BYZANTIUM, other_byte=16)
_BERLIN = replace(_ISTANBUL, changed_slot=2_900, cold_slot=2_100, listed_account=2_400, listed_slot=1_900)
_LONDON = replace(_BERLIN, refund=5, cleared_slot=4_800)
_PRAGUE = replace(_LONDON, floor_token=10)

FORKS: dict[Name, Fork] = {
    "frontier": _FRONTIER,
    "homestead": _HOMESTEAD,
    "byzantium": _BYZANTIUM,
    "istanbul": _ISTANBUL,
    "berlin": _BERLIN,
    "london": _LONDON,
    "shanghai": _LONDON,
    "cancun": _LONDON,
    "prague": _PRAGUE,
}

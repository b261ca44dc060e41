"""What a paper may touch, all of it metered, and the ports behind it."""

from chainward.world.chain import Chain, Contract
from chainward.world.clock import PARTS, Clock, Speeds
from chainward.world.faults import Faults
from chainward.world.meter import Meter
from chainward.world.ports import (
    Answer,
    Cost,
    Engine,
    HospitalAbsent,
    Ledger,
    Network,
    Published,
    Receipt,
    Reverted,
    Store,
)
from chainward.world.query import ACCURACY, FIT, PUBLISH, SHARE_RECORDS, Held, Kind, Memory, Proximal, Query, Update
from chainward.world.replies import Each, Replies, Sealed
from chainward.world.site import Site
from chainward.world.world import World

__all__ = [
    "ACCURACY",
    "FIT",
    "PARTS",
    "PUBLISH",
    "SHARE_RECORDS",
    "Answer",
    "Chain",
    "Clock",
    "Contract",
    "Cost",
    "Each",
    "Engine",
    "Faults",
    "Held",
    "HospitalAbsent",
    "Kind",
    "Ledger",
    "Memory",
    "Meter",
    "Network",
    "Proximal",
    "Published",
    "Query",
    "Receipt",
    "Replies",
    "Reverted",
    "Sealed",
    "Site",
    "Speeds",
    "Store",
    "Update",
    "World",
]

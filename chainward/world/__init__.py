"""What a paper may touch, all of it metered, and the ports behind it."""

from chainward.world.chain import Chain, Contract
from chainward.world.clock import PARTS, Clock, Speeds
from chainward.world.engine import Answer, Engine, Share
from chainward.world.faults import Faults
from chainward.world.forms import ContentId, Digest, Records, Unreadable, Vector, Weights, array, hashed
from chainward.world.meter import Meter
from chainward.world.ports import Cost, Ledger, Network, Objective, Published, Receipt, Store
from chainward.world.query import ACCURACY, FIT, KEEP_RECORDS, PRESENT, PUBLISH, SHARE_RECORDS, Query
from chainward.world.replies import Each, Replies, Sealed
from chainward.world.site import Site
from chainward.world.vocabulary import Audience, Held, HospitalAbsent, Kind, Memory, Passes, Proximal, Reverted, Update
from chainward.world.world import World

__all__ = [
    "ACCURACY",
    "FIT",
    "KEEP_RECORDS",
    "PARTS",
    "PRESENT",
    "PUBLISH",
    "SHARE_RECORDS",
    "Answer",
    "Audience",
    "Chain",
    "Clock",
    "ContentId",
    "Contract",
    "Cost",
    "Digest",
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
    "Objective",
    "Passes",
    "Proximal",
    "Published",
    "Query",
    "Receipt",
    "Records",
    "Replies",
    "Reverted",
    "Sealed",
    "Share",
    "Site",
    "Speeds",
    "Store",
    "Unreadable",
    "Update",
    "Vector",
    "Weights",
    "World",
    "array",
    "hashed",
]

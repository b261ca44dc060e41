"""What a paper may touch, all of it metered, and the ports behind it.

An author imports from here and from `chainward.strategy`, and pure functions from `chainward.methods`. A strategy gets
a `World`: it asks parties, deploys contracts and reads what was published. What parties do is a `Query`: a local
function `(site, memory, payload) -> (reply, memory)`, which gets a `Site`, a party as it is seen from inside.

Queries that are there, for `world.ask(who, QUERY, payload)`; `FIT.then(PUBLISH)` does one, then the other, at a party:

PRESENT
    Be there; replies True.
FIT
    Train the task's network from the weights [P] in the payload, also `Held`, `Passes` or `Proximal`. Replies an
    `Update`.
ACCURACY
    Accuracy of the weights [P] in the payload on the party's own training patients. Replies a float from 0 to 1.
HELD_OUT_ACCURACY
    Accuracy of the weights [P] in the payload on the party's held-out patients; replies a float from 0 to 1, None where
    it has none.
PUBLISH
    Put what the step before replied into the store, readable by everyone; replies its content id.
SHARE_RECORDS
    Reply the party's raw training records, which the form `Records` has.
KEEP_RECORDS
    Keep the records that parties shared, together as `features` and `labels`; replies how many features there are.

Forms that a reply may have, besides any type that Pydantic takes; what has another form is unreadable:

Weights
    Weights [P] of the task's network, float32. `hashed(digest)`: those whose `fingerprint` this is.
Update
    What `FIT` replies: weights, samples, loss.
Records
    Patients: features [n, d] and labels [n], 0 or 1, both float32 or both float64.
ContentId
    What a store calls content: a CIDv1 (raw, sha2-256, base32).
Digest
    A hash of 32 bytes.
array(shape, dtype)
    An array of this shape, None for any length, each number finite.

Other names: `Vector`, the type of a float32 array; `Memory`, what a party keeps, a mapping; `PARTS`, the parts of
modelled time: compute, network, waiting, consensus, aggregation.
"""

from chainward.world.chain import Chain, Contract
from chainward.world.clock import PARTS, Clock, Speeds
from chainward.world.engine import Answer, Engine, Share
from chainward.world.faults import Faults
from chainward.world.forms import ContentId, Digest, Records, Unreadable, Vector, Weights, array, hashed
from chainward.world.meter import Meter
from chainward.world.ports import Cost, Ledger, Network, Objective, Published, Receipt, Store
from chainward.world.query import ACCURACY, FIT, HELD_OUT_ACCURACY, KEEP_RECORDS, PRESENT, PUBLISH, SHARE_RECORDS, Query
from chainward.world.replies import Each, Replies, Sealed
from chainward.world.site import Site
from chainward.world.vocabulary import Audience, Held, HospitalAbsent, Kind, Memory, Passes, Proximal, Reverted, Update
from chainward.world.world import World

__all__ = [
    "ACCURACY",
    "FIT",
    "HELD_OUT_ACCURACY",
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

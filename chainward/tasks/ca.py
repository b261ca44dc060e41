"""CA: cancer from two serum markers at two sites, as shipped with ExplorerChain (Kuo et al. 2020)."""

from dataclasses import dataclass

from chainward.tasks.base import Expected, Training
from chainward.tasks.explorer_files import ExplorerTask


@dataclass(frozen=True)
class CA(ExplorerTask):
    """141 patients, CA19 and CA125 in the published units: 56 and 56 train, 14 and 15 are tested."""

    key = "ca"
    title = "CA (ExplorerChain)"
    outcome = "cancer (63.8 % of patients)"
    training = Training(network="logistic", hidden=0, learning_rate=0.001, batch_size=32, local_steps=10)
    rounds = 30
    prefix = "ca"
    expected = Expected(patients=141, hospitals=2, prevalence=0.638, auroc=0.864)
    feature_names = ("CA19", "CA125")

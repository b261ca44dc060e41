"""Edin: myocardial infarction at two sites, as shipped with ExplorerChain (Kuo et al. 2020)."""

from dataclasses import dataclass

from chainward.tasks.base import Expected, Training
from chainward.tasks.explorer_files import ExplorerTask


@dataclass(frozen=True)
class Edin(ExplorerTask):
    """1,253 patients, nine binary covariates that the files do not name: 500 and 502 train, 125 and 126 are tested."""

    key = "edin"
    title = "Edin (ExplorerChain)"
    outcome = "myocardial infarction (21.9 % of patients)"
    training = Training(network="logistic", hidden=0, learning_rate=1.0, batch_size=32, local_steps=10)
    rounds = 30
    prefix = "edin"
    expected = Expected(patients=1_253, hospitals=2, prevalence=0.219, auroc=0.962)
    kind = "flag"
    feature_names = tuple(f"covariate {number}" for number in range(1, 10))

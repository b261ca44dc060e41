"""Synthetic patients at hospitals that differ in prevalence, in whom they treat and in size."""

from dataclasses import dataclass, replace

from chainward.tasks.synthetic import Skew, Spread, Synthetic


@dataclass(frozen=True)
class SyntheticSkewed(Synthetic):
    """`Synthetic` with its dials turned up, to where they were set before any strategy ran on it."""

    key = "synthetic_skewed"
    title = "Synthetic logistic patients, skewed"
    training = replace(Synthetic.training, learning_rate=1.0)

    size_skew: Skew = 0.5
    label_skew: Spread = 1.0
    covariate_skew: Spread = 1.0

"""A plan whose trials are over in a second or two."""

PLAN = """\
strategies = ["fedavg", "local_only"]
seeds = 2
rounds = 2

[[tasks]]
key = "synthetic"
hospitals = 4
patients = 40
"""

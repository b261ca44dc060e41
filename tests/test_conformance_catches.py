"""The conformance suite has teeth: FedAvg with one flaw put in fails the check that is there for it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from chainward.errors import ChainwardError
from chainward.folders import REIMPLEMENTATIONS
from chainward.strategy import discovery
from chainward.testing import StrategyConformance

FEDAVG, WORDS = ((REIMPLEMENTATIONS / f"fedavg{end}").read_text(encoding="utf-8") for end in (".py", ".toml"))
ASK = "updates = world.ask(world.hospitals, FIT, state.weights).open().values()"
MERGED = "weights = [update.weights for update in updates]"
MODEL = "    def model("
CARD_END = "        tolerates_absence=True,\n"


# What the flaws need besides.
WITH_MORE = "    weights: Vector\n    more: object = None\n"
IMPORTS = """import FIT, SHARE_RECORDS, HospitalAbsent, World

import numpy as np

CALLS: list[int] = []


@dataclass(frozen=True)
class Other:
    weights: Vector
"""


class Flaw(NamedTuple):
    """A check, what is replaced in FedAvg so that it must fail, and what it then says."""

    check: str
    old: str
    new: str
    complaint: str


def peeking(expression: str) -> str:
    return f"replies = world.ask(world.hospitals, FIT, state.weights)\n        updates = {expression}"


def returning(state: str) -> str:
    return f"return {state}\n        {MERGED}"


def predicting(probabilities: str) -> str:
    return f"    def predict(self, model, features, network):\n        return {probabilities}\n\n{MODEL}"


SOURCE, SEALED, STATE = (
    "source_uses_the_interface_only",
    "reads_no_sealed_reply_without_opening_it",
    "state_is_canonical",
)
FROZEN, ABSENT = "is_a_frozen_dataclass_with_a_frozen_state", "absent_hospital"
SAME, TOLERANT = "is_deterministic_on_a_seed", "tolerates_absence_as_the_card_says"

FLAWS = {
    "no authors": Flaw(
        "card_is_complete", '"McMahan, Moore, Ramage, Hampson, Agüera y Arcas"', '" "', "authors is empty"
    ),
    "unknown tier": Flaw("card_is_complete", 'tier = "T1"', 'tier = "T9"', "card: tier: .*'T9'"),
    "free audience": Flaw("card_is_complete", "Audience.COORDINATOR", '"server"', "isinstance"),
    "no artifact": Flaw(
        "contracts_on_the_card_are_compiled", CARD_END, f'{CARD_END}        contracts=("Nowhere",),\n', "Nowhere.json"
    ),
    "no dataclass": Flaw(FROZEN, "@dataclass(frozen=True)\nclass FedAvg", "class FedAvg", "FedAvg is no dataclass"),
    "loose state": Flaw(
        FROZEN, "@dataclass(frozen=True)\nclass State", "@dataclass\nclass State", "State is not frozen"
    ),
    "no default": Flaw("hyper_parameters_have_defaults", "bool = True", "bool", "weighted: Field required"),
    "any type": Flaw("hyper_parameters_are_checked", "bool = True", "object = True", "DID NOT RAISE"),
    "engine imported": Flaw(
        SOURCE, "from chainward.world", "import chainward.codec\nfrom chainward.world", "chainward.codec"
    ),
    "vault in the source": Flaw(SOURCE, ASK, peeking("world._vault.values()"), "world._vault"),
    "vault by name": Flaw(SOURCE, ASK, peeking('getattr(world, "_vault")'), "getattr"),
    "store unmetered": Flaw(SOURCE, ASK, peeking('world.store.get("cid")'), "world.store"),
    "ledger unmetered": Flaw(SOURCE, ASK, peeking("world.chain.ledger.receipts"), "world.chain.ledger"),
    "meter of a contract": Flaw(SOURCE, ASK, peeking("world.at('0x0').chain.meter"), "chain.meter"),
    "vault read": Flaw(SEALED, ASK, peeking("list(world._vault._values.values())"), "uses world._vault"),
    "opener called": Flaw(SEALED, ASK, peeking("replies._opener(tuple(replies.values()))"), r"without open\(\)"),
    "engine asked": Flaw(
        SEALED,
        ASK,
        peeking("[one.value for one in world.engine.run(FIT, {'hospital 1': w}, 'x').values()]"),
        "world.engine",
    ),
    "audience too small": Flaw("who_sees_individual_updates", "Audience.COORDINATOR", "Audience.NOBODY", "nobody"),
    "audience too large": Flaw("who_sees_individual_updates", "Audience.COORDINATOR", "Audience.EVERYONE", "everyone"),
    "records in secret": Flaw(
        "raw_records_shared", ASK, f"world.ask(world.hospitals, SHARE_RECORDS).open()\n        {ASK}", "== 0"
    ),
    "records only said": Flaw("raw_records_shared", 'raw_records_shared="none"', 'raw_records_shared="all"', "0 == 0"),
    "gas only said": Flaw("spends_gas_if_it_has_a_contract", "spends_gas=False", "spends_gas=True", "False == True"),
    "ending only said": Flaw("ends_by_itself", CARD_END, f"{CARD_END}        ends_by_itself=True,\n", "False == True"),
    "ending in secret": Flaw(
        "ends_by_itself",
        f"mean(weights))\n\n{MODEL}",
        f"mean(weights), True)\n\n    def finished(self, state):\n        return bool(state.more)\n\n{MODEL}",
        "True == False",
    ),
    "list in the state": Flaw(STATE, MERGED, returning("State(w, [1.0])"), "is a list, loaded a tuple"),
    "NumPy scalar in the state": Flaw(
        STATE, MERGED, returning("State(w, np.float32(0.1))"), "is a float32, loaded a float"
    ),
    "update in the state": Flaw(STATE, MERGED, returning("State(w, tuple(updates)[0])"), "is a Update, loaded a tuple"),
    "function in the state": Flaw(STATE, MERGED, returning("State(w, print)"), "cannot be saved"),
    "another state": Flaw(STATE, MERGED, returning("Other(w)"), "Other"),
    "unseeded chance": Flaw(SAME, MERGED, returning("State(w + np.random.default_rng().random())"), "predictions"),
    "counting in the module": Flaw(
        SAME, MERGED, returning("State(w * (CALLS.append(1) or len(CALLS)))"), "predictions"
    ),
    "no seed at all": Flaw("differs_between_seeds", MODEL, predicting("np.full(len(features), 0.5)"), r"0\.5"),
    "counting in the world": Flaw(
        "resumes_to_the_same_result",
        MERGED,
        returning("State(w * (world.network.__dict__.setdefault('calls', []).append(1) or len(world.network.calls)))"),
        "predictions",
    ),
    "blind to absence": Flaw(
        ABSENT, ".open().values()", ".open()\n        updates = [updates[name] for name in world.hospitals]", "KeyError"
    ),
    "refusal without the name": Flaw(ABSENT, ASK, f"raise HospitalAbsent('somebody')\n        {ASK}", "somebody"),
    "tolerance denied": Flaw(TOLERANT, "tolerates_absence=True", "tolerates_absence=False", "True == False"),
    "tolerance only said": Flaw(
        TOLERANT, ASK, ASK.replace("world.ask(", "world.need(world.ask(").replace(".open", ").open", 1), "False == True"
    ),
    "probability of two": Flaw(
        "predicts_a_probability_for_every_test_patient",
        MODEL,
        predicting("2 * network.predict(model, features)"),
        "all",
    ),
    "a patient too few": Flaw(
        "predicts_a_probability_for_every_test_patient",
        MODEL,
        predicting("network.predict(model, features)[:-1]"),
        "the trial failed",
    ),
}

ARGUMENTS: dict[str, tuple[str, ...]] = {
    "is_deterministic_on_a_seed": ("synthetic",),
    "absent_hospital": ("first hospital in round 2",),
    "predicts_a_probability_for_every_test_patient": ("heart",),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder in place of `reimplementations/`."""
    discovery.load.cache_clear()
    monkeypatch.setattr(discovery, "REIMPLEMENTATIONS", tmp_path)
    yield tmp_path
    discovery.load.cache_clear()
    for name in [name for name in sys.modules if name.startswith("reimplementations.flawed_")]:
        del sys.modules[name]


def write(folder: Path, key: str, old: str = "", new: str = "") -> type[StrategyConformance]:
    assert old in FEDAVG + WORDS
    text, words = ((one.replace(old, new) if old else one) for one in (FEDAVG, WORDS))
    text = text.replace("    weights: Vector\n", WITH_MORE, 1)
    text = text.replace("import FIT, World\n", IMPORTS).replace(
        'leaves w_t."""\n', 'leaves w_t."""\n        w = state.weights + np.float32(0.01)\n'
    )
    (folder / f"{key}.py").write_text(text, encoding="utf-8")
    (folder / f"{key}.toml").write_text(words, encoding="utf-8")
    return type("Checked", (StrategyConformance,), {"key": key})


@pytest.mark.parametrize("name", FLAWS)
def test_flaw_is_caught(name: str, folder: Path, tmp_path: Path) -> None:
    flaw = FLAWS[name]
    checked: Any = write(folder, f"flawed_{re.sub('[^a-z]', '_', name)}", flaw.old, flaw.new)()
    check = getattr(checked, f"test_{flaw.check}")
    arguments = ARGUMENTS.get(flaw.check, (tmp_path / "checkpoint",) if "resumes" in flaw.check else ())
    with pytest.raises((Exception, pytest.fail.Exception), match=flaw.complaint):
        check(*arguments)


def test_fedavg_itself_passes_each_of_these_checks(folder: Path, tmp_path: Path) -> None:
    checked: Any = write(folder, "flawed_in_nothing")()
    for check in sorted({flaw.check for flaw in FLAWS.values()}):
        arguments = ARGUMENTS.get(check, (tmp_path / "checkpoint",) if "resumes" in check else ())
        getattr(checked, f"test_{check}")(*arguments)


def test_records_shared_again_after_a_resumption_count_once(folder: Path, tmp_path: Path) -> None:
    flaw = FLAWS["records in secret"]
    checked: Any = write(folder, "flawed_but_resumable", flaw.old, flaw.new)()
    checked.test_resumes_to_the_same_result(tmp_path / "checkpoint")


TRIALS = """
[[claim.trials]]
tasks = ["heart"]
strategies = ["fedavg"]
attacks = ["none"]
rounds = 1
track = "common"
seeds = 1
"""
CLAIM = {"key": "k", "claim": "c", "tier": "T1", "reproduced": "r", "partly": "p"}


@pytest.mark.parametrize("missing", sorted(CLAIM))
def test_incomplete_claim_is_caught(folder: Path, missing: str) -> None:
    checked: Any = write(folder, "flawed_claims")()
    lines = [f'{name} = "{value}"' for name, value in CLAIM.items()]
    path = folder / "flawed_claims.toml"
    path.write_text("\n".join([WORDS, "[[claim]]", *lines]), encoding="utf-8")
    checked.test_claims_are_complete_and_can_be_judged()
    left = (line for line in lines if not line.startswith(f"{missing} ="))
    path.write_text("\n".join([WORDS, "[[claim]]", *left]), "utf-8")
    with pytest.raises(ChainwardError, match=f"flawed_claims.toml: claim.*: {missing}: "):
        checked.test_claims_are_complete_and_can_be_judged()


@pytest.mark.parametrize(
    ("judge", "complaint"),
    [
        (f'name = "nobody"{TRIALS}', "no judge is called 'nobody'"),
        (f'name = "equals"{TRIALS}', "equals needs 'statistic'"),
        ('name = "equals"\nstatistic = "auroc"\nquote = 1' + TRIALS, "equals takes no 'quote'"),
        ('name = "equals"\nstatistic = "auroc"\nquoted = 1', "a judge needs trials"),
    ],
)
def test_judge_that_cannot_judge_is_caught(folder: Path, judge: str, complaint: str) -> None:
    checked: Any = write(folder, "flawed_judge")()
    lines = [f'{name} = "{value}"' for name, value in CLAIM.items()]
    text = "\n".join([WORDS, "[[claim]]", *lines, "[claim.judge]", judge])
    (folder / "flawed_judge.toml").write_text(text, encoding="utf-8")
    with pytest.raises((ChainwardError, AssertionError), match=complaint):
        checked.test_claims_are_complete_and_can_be_judged()

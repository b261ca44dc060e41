"""Each paper's list of attacks is that of the tests which try them, and the threat model prints it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
from exploits import TRIED

from chainward.errors import ChainwardError
from chainward.strategy import discovery, threats
from chainward.strategy.discovery import keys

HERE = Path(__file__).parent
MODEL = HERE.parents[1] / "docs" / "threat-model.md"


def listed() -> dict[str, tuple[threats.Threat, ...]]:
    return {key: discovery.threats(discovery.load(key)) for key in keys()}


def tried() -> dict[tuple[str, str], str]:
    for module in sorted(HERE.glob("test_*_attacks.py")):
        import_module(module.stem)
    return dict(TRIED)


def test_what_is_listed_was_tried_and_what_was_tried_is_listed() -> None:
    told = {(key, one.attack): one.outcome for key, found in listed().items() for one in found}
    assert told == tried()


def test_the_threat_model_prints_the_list() -> None:
    _, printed, _ = MODEL.read_text(encoding="utf-8").split(threats.MARK)
    assert printed.strip() == threats.table(listed().items())  # else: make threats


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[[threat]]\nattack = "a"\nclaim = "b"\noutcome = "maybe"\n', "threat 1: outcome"),
        ('[[threat]]\nattack = "a"\n', "threat 1: claim"),
        (2 * '[[threat]]\nattack = "a"\nclaim = "b"\noutcome = "held"\n', "two threats are 'a'"),
        ("threat = 3\n", "write each threat as"),
    ],
)
def test_a_wrong_list_is_refused_by_file_and_field(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "one.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ChainwardError, match=f"one.toml.*{told}"):
        threats.read(tmp_path / "one.toml")

"""A claim is read whole or refused in one line; its rule has a digest of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from chainward.errors import ChainwardError
from chainward.strategy.claims import Claim, read

TEXT = """\
[[claim]]
key = "one"
claim = "It works."
tier = "T1"
quoted = "0.9"
reproduced = "at least 0.9"
partly = "at least 0.7"

[claim.judge]
name = "close_to"
task = "heart"
quoted = 0.9

[[claim.trials]]
tasks = ["heart"]
strategies = ["fedavg"]
"""


def claims(folder: Path, text: str) -> tuple[Claim, ...]:
    path = folder / "paper.toml"
    path.write_text(text, encoding="utf-8")
    return read(path)


def test_a_claim_is_its_table(tmp_path: Path) -> None:
    (claim,) = claims(tmp_path, TEXT)
    assert (claim.key, claim.tier, claim.quoted) == ("one", "T1", "0.9")
    assert claim.rule == {"reproduced": "at least 0.9", "partly": "at least 0.7"}
    assert (claim.judge, claim.arguments) == ("close_to", {"task": "heart", "quoted": 0.9})
    assert claim.trials == ({"tasks": ["heart"], "strategies": ["fedavg"]},)
    assert (claim.awaits, claim.first_rule, claim.identity, claim.published_code) == ((), "", "", "")
    assert Claim.of(claim.document(), "here") == claim


def test_a_paper_without_a_toml_or_without_claims_has_none(tmp_path: Path) -> None:
    assert read(tmp_path / "paper.toml") == ()
    assert claims(tmp_path, "[card]\n") == ()


def test_what_is_said_of_a_rule_is_read_with_it(tmp_path: Path) -> None:
    words = 'first_rule = "it tests something else"\nidentity = "cannot fail"\nawaits = ["stroke"]\n'
    (claim,) = claims(tmp_path, TEXT.replace('quoted = "0.9"\n', words))
    assert (claim.first_rule, claim.identity, claim.awaits) == ("it tests something else", "cannot fail", ("stroke",))


def test_the_digest_of_a_rule_is_that_of_its_words_judge_thresholds_and_setting(tmp_path: Path) -> None:
    def digest(old: str = "", new: str = "") -> str:
        assert old in TEXT
        return claims(tmp_path, TEXT.replace(old, new))[0].rule_digest

    kept = [digest('"It works."', '"It does."'), digest('"T1"', '"T2"'), digest("tier", 'identity = "x"\ntier')]
    assert set(kept) == {digest()}
    changes = [
        ("at least 0.9", "above 0.9"),
        ("at least 0.7", ""),
        ("close_to", "equals"),
        ("quoted = 0.9", "quoted = 0.8"),
        ('["fedavg"]', '["bflc"]'),
    ]
    assert len({digest(), *(digest(*change) for change in changes)}) == 6


def test_the_digest_of_a_registered_rule_stays(tmp_path: Path) -> None:
    (claim,) = claims(tmp_path, TEXT)
    assert claim.rule_digest == "5d40f01d8de4ae5a9189d834a50542def3e545dd50fb7c1a45bcf15fda469b41"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('key = "one"\n', "", "paper.toml: claim.0: key: "),
        ('claim = "It works."\n', "", "paper.toml: claim 'one': claim: "),
        ('partly = "at least 0.7"\n', "", "paper.toml: claim 'one': partly: "),
        ('tier = "T1"', 'tier = "T9"', "paper.toml: claim 'one': tier: "),
        ('quoted = "0.9"', "quoted = 0.9", "paper.toml: claim 'one': quoted: .* string"),
        ("partly", "partially", "paper.toml: claim 'one': no field 'partially'"),
        ('name = "close_to"\n', "", "paper.toml: claim 'one': judge.name: name a judge"),
        ("[[claim.trials]]", "[claim.trials]", "paper.toml: claim 'one': trials: "),
        ("[[claim]]", "[claim]", "paper.toml: claim: write "),
        ("[[claim]]", "[[claims]]", "paper.toml: "),
        ("[[claim]]", "[[claim]", "paper.toml: "),
    ],
)
def test_a_mistake_names_file_claim_and_field(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in TEXT
    with pytest.raises(ChainwardError, match=told) as caught:
        claims(tmp_path, TEXT.replace(old, new, 1))
    assert "\n" not in str(caught.value)


def test_two_claims_of_one_key_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ChainwardError, match="claim 'one': two have this key"):
        claims(tmp_path, TEXT + TEXT)

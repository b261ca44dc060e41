"""A source is what it does: the same digest under every Python, whatever is said about it."""

from __future__ import annotations

import json

import pytest

from chainward.plans import sources

SAMPLE = '''"""What it is for."""
from __future__ import annotations
from typing import TYPE_CHECKING
import chainward.codec
from chainward.methods import aggregation, selection

if TYPE_CHECKING:
    from chainward.world import World

SIZE = 0xFF  # of something
"""How large it is."""

class Paper(Strategy):
    """One paper."""
    card = Card.beside(__file__, contracts=("One",))

    def round(self, x: int, /, *, y=None, **more) -> str:
        """One round."""
        from chainward.methods.privacy import laplace_noised

        text = f"{x!r:>{y}} and {x=}" " tail" if False else f"" "x\\u200b"
        match x:
            case {"a": None, **rest}: return None
            case [1, *_] | (True | False): pass
        for i, *j in (1, 2), [3]: print(i, j[1:, ..., -1], lambda: (yield))
        return text or 1e400 + 1j - -0.0
'''
DIGEST = "cb34b50bff632622cdd33480d0c093b8b02c45e62d429dfb0038e2678cf8d0e5"
"""Found under Python 3.11, 3.12 and 3.13, which write this sample's syntax tree in three ways."""


def digest(text: str) -> str:
    return sources.python(text.encode()).digest


def test_every_python_says_the_same() -> None:
    assert digest(SAMPLE) == DIGEST


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# of something", "# of another thing"),
        ("What it is for.", "What else it is for."),
        ("How large it is.", "How wide it is."),
        ("One paper.", "Another paper."),
        ('        """One round."""\n', ""),
        ("import World", "import World, Query"),
        ("0xFF", "255"),
        ('contracts=("One",)', 'contracts=("Two",)'),
        ("Card.beside(__file__, ", 'Card(key="paper", title="Words", '),
        ("print(i, j[1:, ..., -1], lambda: (yield))", "\n            print(i, j[1:, ..., -1], lambda: (yield))"),
    ],
)
def test_what_is_said_is_no_part_of_it(old: str, new: str) -> None:
    assert old in SAMPLE
    assert digest(SAMPLE.replace(old, new)) == DIGEST


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0xFF", "256"),
        ('" tail"', '" tall"'),
        ("1e400", "1e300"),
        ("- -0.0", "- 0.0"),
        ("1j", "1.0"),
        ('"a": None', '"a": True'),
        ("y=None", "y=0"),
        ("x!r", "x!s"),
        (">{y}", "<{y}"),
        ("/, *,", "*,"),
        ("j[1:", "j[:1"),
        ("class Paper(Strategy)", "class Paper(Stock)"),
        ("SIZE", "LENGTH"),
    ],
)
def test_what_is_done_is(old: str, new: str) -> None:
    assert old in SAMPLE
    assert digest(SAMPLE.replace(old, new)) != DIGEST


def test_imports_are_all_but_those_for_type_checkers() -> None:
    assert set(sources.python(SAMPLE.encode()).imports) >= {
        "chainward.codec",
        "chainward.methods.aggregation",
        "chainward.methods.selection",
        "chainward.methods.privacy",
    }
    assert "chainward.world" not in sources.python(SAMPLE.encode()).imports


def test_what_does_not_parse_is_its_bytes() -> None:
    assert sources.python(b"print 'a'") != sources.python(b"print 'b'")
    assert sources.python(b"print 'a'").imports == ()


def test_of_a_contract_its_code_and_interface_count() -> None:
    compiled = {"contract": "One", "bytecode": "0x60", "abi": [{"type": "fallback"}], "source": "One.sol"}

    def told(**changes: object) -> str:
        return sources.artifact(json.dumps(compiled | changes).encode())

    assert told() == told(source="Other.sol", devdoc={"title": "words"})
    assert len({told(), told(bytecode="0x61"), told(abi=[])}) == 3
    assert sources.artifact(b"a") != sources.artifact(b"b")

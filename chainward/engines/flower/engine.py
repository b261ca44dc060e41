"""Our papers on Flower: an engine whose hospitals are the nodes of a federation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chainward.engines.flower.exchange import Exchange, Questions
from chainward.engines.flower.hospital import Place, settings_of
from chainward.engines.flower.wire import Question, answer_of, dumps, loads
from chainward.engines.local.cohort import CohortEngine
from chainward.engines.local.sites import Sites
from chainward.strategy import Strategy
from chainward.world import Answer, HospitalAbsent, Query, Share


class FlowerEngine:
    """Asks hospitals by messages; parties that are none live here, at the driver.

    `places` are the hospitals' directories where this process can read them: then, and only then, their memories are
    part of a checkpoint.
    """

    apportioned = False

    def __init__(
        self,
        sites: Sites,
        strategy: Strategy[Any],
        exchange: Exchange,
        places: Mapping[str, Place],
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self._here, self.exchange, self.places = CohortEngine(sites), exchange, places
        self._settings = settings_of(sites, strategy).text()
        self._hospitals = tuple(sites.training_rows)
        self.close = close

    @property
    def wire_bytes(self) -> int:
        """Bytes of the records in Flower's messages so far, both ways."""
        return self.exchange.wire_bytes

    def enrol(self, party: str, givers: Sequence[str]) -> Mapping[str, Share]:
        """Add a party that is not a hospital; see `Sites.enrol`."""
        return self._here.enrol(party, givers)

    def run(self, query: Query, requests: Mapping[str, Any], label: str) -> dict[str, Answer]:
        """Run `query` at every party in `requests`; a hospital that does not answer in time is left out."""
        own = {party: payload for party, payload in requests.items() if party not in self._hospitals}
        answers = self._here.run(query, own, label) if own else {}
        questions = {
            party: (query.name, Question.of(query, label, payload).bytes())
            for party, payload in requests.items()
            if party in self._hospitals
        }
        found = {name: answer_of(data) for name, data in self._ask(questions).items()}
        answers |= {name: answer for name, answer in found.items() if answer is not None}
        return {party: answers[party] for party in requests if party in answers}

    def held(self, party: str, name: str) -> Any:
        """Return the weights [P] a party holds.

        Raises:
            HospitalAbsent: it does not answer.
        """
        if party not in self._hospitals:
            return self._here.held(party, name)
        found = self._ask({party: ("held", dumps(name))})
        if party not in found:
            raise HospitalAbsent(f"{party} does not answer, and only there is its {name}")
        return loads(found[party])

    def snapshot(self) -> Mapping[str, Any]:
        """Return who was enrolled, and the memories that can be read here."""
        found = {name: place.memory() for name, place in self.places.items()}
        memories = {name: memory for name, memory in found.items() if memory is not None}
        here = self._here.snapshot()
        return {**here, "memories": {**here["memories"], **memories}}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Put back what `snapshot` returned."""
        memories = snapshot["memories"]
        self._here.restore({**snapshot, "memories": {k: v for k, v in memories.items() if k not in self._hospitals}})
        for name, place in self.places.items():
            if name in memories:
                place.remember(memories[name])

    def _ask(self, questions: Questions) -> dict[str, bytes]:
        return self.exchange.ask(questions, self._settings) if questions else {}

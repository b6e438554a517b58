"""What a story is: named steps at lab times, each with the findings that it must open or resolve."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from streams.contracts.identity import finding_id

Act = Callable[[], None]
Condition = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Expectation:
    """A finding that must open and, once the step is repaired, resolve.

    key:       key of the view it is about, e.g. "address/<tenant>/ada@contoso.com".
    condition: whether the fault stands in the directories now, where that is not decided by the step alone but by the
               sync engine (a quarantine appears with a cycle); None: it stands from the step to its repair.
    outlives:  nothing in the story ends it: that it opens is all that is waited for.
    """

    detection: str
    key: str
    condition: Condition | None = None
    outlives: bool = False

    @property
    def finding(self) -> str:
        """The id of the finding."""
        return finding_id(self.detection, self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing somebody does.

    at_min:      lab minutes since the story began; a step never runs before what it `repairs` has been seen.
    told:        one sentence for the audience.
    opens:       findings that follow.
    repairs:     names of earlier steps that this one ends.
    holds_sync:  the sync engine must not run before these findings have been seen, because it would settle the
                 matter by itself.
    """

    name: str
    at_min: float
    told: str
    act: Act
    opens: Sequence[Expectation] = ()
    repairs: Sequence[str] = ()
    holds_sync: bool = False


@dataclass(frozen=True, slots=True)
class Story:
    """A sequence of steps; `summary` says in a sentence what it rehearses."""

    name: str
    summary: str
    steps: Sequence[Step]
    expectations: Sequence[Expectation] = field(init=False)

    def __post_init__(self) -> None:
        names = [step.name for step in self.steps]
        unknown = {repaired for step in self.steps for repaired in step.repairs} - set(names)
        if len(set(names)) != len(names) or unknown:
            raise ValueError(f"story {self.name}: step names repeat, or repairs name no step: {sorted(unknown)}")
        object.__setattr__(self, "expectations", [each for step in self.steps for each in step.opens])

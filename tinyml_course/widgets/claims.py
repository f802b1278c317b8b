"""The table that ends each notebook: claims under test, and what was measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Verdict = Literal["holds", "partly", "does not hold"]


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim under test.

    Attributes
    ----------
    claim : str
        What the tutorial or the field says.
    measured : str
        What this notebook found, with its unit.
    verdict : {'holds', 'partly', 'does not hold'}
        The comparison of the two.
    why : str
        The reason, in one sentence.
    """

    claim: str
    measured: str
    verdict: Verdict
    why: str


def judge(holds: bool, partly: bool = False) -> Verdict:
    """Return the verdict on a claim that `holds`, or at least does so `partly`.

    Examples
    --------
    >>> judge(False, partly=True)
    'partly'
    """
    return "holds" if holds else "partly" if partly else "does not hold"


@dataclass(frozen=True, slots=True)
class ClaimsTable:
    """Claims as a table that notebooks, the book and terminals show."""

    claims: tuple[Claim, ...]

    def markdown(self) -> str:
        """Return the table as Markdown."""
        rows = ["| claim | measured here | holds? | why |", "|---|---|---|---|"]
        for c in self.claims:
            cells = (c.claim, c.measured, c.verdict, c.why)
            rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        return "\n".join(rows)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/markdown": self.markdown(), "text/plain": self.markdown()}


def claims_table(*claims: Claim) -> ClaimsTable:
    """Return `claims` as a table for display.

    Examples
    --------
    >>> print(claims_table(Claim("2 + 2 is 5", "4", "does not hold", "arithmetic")).markdown())
    | claim | measured here | holds? | why |
    |---|---|---|---|
    | 2 + 2 is 5 | 4 | does not hold | arithmetic |
    """
    return ClaimsTable(claims)

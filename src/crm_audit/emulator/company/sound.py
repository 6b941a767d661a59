"""A deal whose evidence carries its stage, with a few days to spare at every limit: what the stories then spoil."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from crm_audit.emulator.company.deal import Act, Deal, Firm, Person
from crm_audit.emulator.company.names import NEEDS, TITLES

ENTERED = {0: (3, 50), 1: (3, 25), 2: (4, 38), 3: (5, 50), 4: (4, 38), 5: (3, 24)}
"""Days in the present stage, by rung."""
ASKED = {3: (2, 40), 4: (2, 25), 5: (2, 11)}
"""Days since the basics were asked again, from the rung on where that counts."""
LARGE = 100_000
"""From here on three people are usual."""


def sound(dice: Random, rung: int, *, owner: str, firm: Firm, people: tuple[str, str, str]) -> Deal:
    """A new deal on that rung; `people` are the names of who decides, who champions it and who tests it."""
    amount = _amount(dice)
    return Deal(
        story="sound",
        name=firm.name,
        firm=firm,
        owner=owner,
        pipeline="new",
        rung=rung,
        amount=amount,
        budget=_rounded(amount * dice.uniform(1, 1.25)) if rung >= 4 else None,
        close=dice.randint(12, 150 - 20 * rung),
        created=(150 if rung >= 4 else 40 + 20 * rung) + dice.randint(0, 60),
        entered=dice.randint(*ENTERED[rung]),
        need=dice.choice(NEEDS) if rung >= 2 else None,
        people=tuple(_people(dice, rung, people)),
        acts=tuple(_acts(dice, rung, large=amount >= LARGE)),
        asked=dice.randint(*ASKED[rung]) if rung >= 3 else None,
        fits=rung >= 4 and dice.random() < 0.5,
    )


def _amount(dice: Random) -> int:
    """Many small, few large: half lie below 25,000."""
    return min(_rounded(dice.lognormvariate(10.1, 0.95)), 650_000)


def _rounded(amount: float) -> int:
    return max(round(amount / 500), 4) * 500


def _people(dice: Random, rung: int, names: tuple[str, str, str]) -> Iterator[Person]:
    from_rung = {"authority": 3, "champion": 0, "technical": 4}
    for (role, titles), name in zip(TITLES.items(), names, strict=True):
        if rung >= from_rung[role]:
            yield Person(name=name, title=dice.choice(titles), role=role)


def _acts(dice: Random, rung: int, *, large: bool) -> Iterator[Act]:
    if rung >= 1:
        yield Act(kind="mail_in", days=dice.randint(2, 10), who=("champion",))
        yield Act(kind="mail_out", days=dice.randint(2, 10), who=("champion",))
    if rung >= 2:
        yield Act(kind="call", days=dice.randint(12, 38), who=("champion",))
    if rung >= 3:
        yield Act(kind="meeting", days=dice.randint(10, 26), who=("authority", "champion"))
    if rung >= 4:
        yield Act(kind="meeting", days=dice.randint(40, 110), who=("champion", "technical"), topic="demo")
        yield Act(kind="quote", days=dice.randint(26, 38), who=("champion",), topic="pricing")
    if rung >= 5:
        yield Act(kind="meeting", days=dice.randint(9, 24), who=("authority", "champion"), topic="pricing")
    if rung >= 5 and large:
        yield Act(kind="call", days=dice.randint(12, 45), who=("technical",))

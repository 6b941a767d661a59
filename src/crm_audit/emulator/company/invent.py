"""The whole invented company, the same for the same seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from random import Random

from crm_audit.emulator.company import names
from crm_audit.emulator.company.deal import LOST, NEW, RENEWAL, RUNGS, WON, Act, Deal, Firm, Person
from crm_audit.emulator.company.sound import sound
from crm_audit.emulator.company.stories import STORIES, Story, unlogged

SEED = 7
SEED_STORY = "seed"
CLOSED = 30
"""Won and lost deals, each, of one CRM."""
UNLOGGED = 8
"""Deals of the one who logs nothing."""
RENEWALS = 0.25
"""The share of deals in the second pipeline."""


@dataclass(frozen=True, slots=True)
class Company:
    """The deals in the Salesforce org and those in the HubSpot portal."""

    org: tuple[Deal, ...]
    portal: tuple[Deal, ...]


def invent(seed: int = SEED) -> Company:
    """A company with a few hundred open deals in each CRM, some closed ones, and every story among them."""
    org = _Half(Random(f"{seed} org"), names.OWNERS[0])  # noqa: S311 -- deals are drawn here, not secrets
    portal = _Half(Random(f"{seed} portal"), names.OWNERS[1])  # noqa: S311 -- as above
    silent = tuple(org.deal("unlogged", Story(1, (1, 2, 3, 3), unlogged), owner=names.SILENT) for _ in range(UNLOGGED))
    return Company(org=(*org.deals(), *silent), portal=(seed_story(names.OWNERS[1][0]), *portal.deals()))


def seed_story(owner: str) -> Deal:
    """$100,000 at the fifth stage with 90 %: the vice-president who signs has not seen the price."""
    return Deal(
        story=SEED_STORY,
        name="Acme Freight invoice matching",
        firm=Firm(name="Acme Freight", fit=90, assessed=60),
        owner=owner,
        pipeline=NEW,
        rung=5,
        amount=100_000,
        budget=110_000,
        close=45,
        created=133,
        entered=10,
        need="Cut invoice matching time by half",
        people=(
            Person(name="Dana Ruiz", title="VP Operations", role="authority"),
            Person(name="Lee Park", title="AP Manager", role="champion"),
            Person(name="Sam Osei", title="IT Lead", role="technical"),
        ),
        acts=(
            Act(kind="meeting", days=11, who=("champion", "technical"), topic="demo"),
            Act(kind="mail_in", days=4, who=("champion",)),
            Act(kind="meeting", days=12, who=("authority", "champion")),
            Act(kind="quote", days=7, who=("champion",), topic="pricing"),
        ),
        asked=5,
    )


class _Half:
    """One CRM's deals, drawn one after the other."""

    def __init__(self, dice: Random, owners: Sequence[str]) -> None:
        self._dice = dice
        self._owners = owners
        self._weights = [len(owners) - place for place in range(len(owners))]
        self._firms = iter(dice.sample(range(400), 400))
        self._people = count(dice.randrange(576))

    def deals(self) -> Iterator[Deal]:
        """Open deals story by story, then closed ones."""
        for name, story in STORIES.items():
            yield from (self.deal(name, story) for _ in range(story.deals))
        for _ in range(CLOSED):
            yield self._closed(WON)
            yield self._closed(LOST)

    def deal(self, name: str, story: Story, *, owner: str | None = None) -> Deal:
        """The next deal of a story; its owner is drawn, some far more often than others, unless one is named."""
        rung = self._dice.choice(story.rungs)
        fine = self._sound(story.evidence or rung, owner)
        return story.spoil(replace(fine, story=name, rung=rung, pipeline=self._pipeline(rung)), self._dice)

    def _sound(self, rung: int, owner: str | None = None) -> Deal:
        dice = self._dice
        firm = Firm(name=names.firm(next(self._firms)), fit=dice.randint(65, 98), assessed=dice.randint(10, 150))
        people = names.person(next(self._people)), names.person(next(self._people)), names.person(next(self._people))
        seller = owner or dice.choices(self._owners, self._weights)[0]
        deal = sound(dice, rung, owner=seller, firm=firm, people=people)
        return replace(deal, name=f"{firm.name} {dice.choice(names.PRODUCTS)}")

    def _pipeline(self, rung: int) -> str:
        return RENEWAL if rung in RUNGS[RENEWAL] and self._dice.random() < RENEWALS else NEW

    def _closed(self, end: str) -> Deal:
        """A deal that ended within half a year."""
        ended = self._dice.randint(5, 180)
        deal = self._sound(5 if end == WON else self._dice.choice((2, 3, 4)))
        acts = tuple(replace(act, days=act.days + ended) for act in deal.acts)
        asked = deal.asked + ended if deal.asked is not None else None
        return replace(
            deal, story=end, rung=end, acts=acts, asked=asked, entered=ended, close=-ended, created=deal.created + ended
        )

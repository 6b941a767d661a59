"""What an admin sets up in a portal: properties and their groups, pipelines and their stages, owners."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from crm_audit.emulator.hubspot import catalogue
from crm_audit.emulator.hubspot.values import FIELD_TYPES, Property


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage; its place in the pipeline is its display order. Probability is text, as HubSpot sends it."""

    id: str
    label: str
    probability: str

    @property
    def closed(self) -> bool:
        """Whether deals on this stage are won or lost."""
        return float(self.probability) in (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline with its stages in order."""

    id: str
    label: str
    stages: tuple[Stage, ...]


@dataclass(frozen=True, slots=True)
class Rate:
    """One unit of a currency is worth that many of the company's, from that instant on; six decimals at most."""

    id: str
    currency: str
    worth: Decimal
    since: datetime


@dataclass(frozen=True, slots=True)
class Owner:
    """A user who may own records; an archived one has left the company."""

    id: str
    user_id: int
    email: str
    first_name: str
    last_name: str
    created: datetime
    archived: bool = False


def _standard(plural: str) -> dict[str, Property]:
    return {
        name: Property(
            name=name,
            kind=kind,
            group=catalogue.GROUPS[plural],
            options=catalogue.OPTIONS.get(name, ()),
            field_type="checkbox" if name in catalogue.CHECKBOXES else FIELD_TYPES[kind],
            read_only=name in catalogue.READ_ONLY,
            ours=False,
        )
        for name, kind in catalogue.PROPERTIES[plural].items()
    }


def _default_pipeline() -> Pipeline:
    return Pipeline("default", "Sales Pipeline", tuple(Stage(*row) for row in catalogue.STAGES))


@dataclass(slots=True)
class Schema:
    """The set-up of one portal."""

    properties: dict[str, dict[str, Property]] = field(
        default_factory=lambda: {plural: _standard(plural) for plural in catalogue.TYPES}
    )
    groups: dict[str, dict[str, str]] = field(
        default_factory=lambda: {plural: {group: group} for plural, group in catalogue.GROUPS.items()}
    )
    pipelines: dict[str, Pipeline] = field(default_factory=lambda: {"default": _default_pipeline()})
    owners: dict[str, Owner] = field(default_factory=dict)
    rates: dict[str, Rate] = field(default_factory=dict)

    def active(self, plural: str, name: str) -> Property | None:
        """A property that records can be asked for; None where there is none or it is archived."""
        definition = self.properties[plural].get(name)
        return None if definition is None or definition.archived else definition

    def archive(self, plural: str, name: str) -> None:
        """Archive one property; raises KeyError."""
        self.properties[plural][name] = replace(self.properties[plural][name], archived=True)

    def rename(self, plural: str, name: str, new: str) -> None:
        """Put a property under another name; raises KeyError."""
        self.properties[plural][new] = replace(self.properties[plural].pop(name), name=new)

    def install(self, group: str, kit: Mapping[str, tuple[str, str, tuple[str, ...]]]) -> None:
        """Give deals a group of properties: name to kind, field type and options."""
        self.groups["deals"][group] = group
        for name, (kind, field_type, options) in kit.items():
            self.properties["deals"][name] = Property(
                name=name, kind=kind, field_type=field_type, group=group, options=options
            )

    def stage(self, pipeline: str | None, stage: str | None) -> Stage | None:
        """A stage by its pipeline and id."""
        known = self.pipelines.get(pipeline or "")
        return next((s for s in known.stages if s.id == stage), None) if known else None

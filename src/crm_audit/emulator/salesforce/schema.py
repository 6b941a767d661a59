"""The objects of an org, read from TOML: standard ones, the kit's, and what an admin adds or hides."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

from crm_audit.emulator.soql.schema import Entity, Field

SYSTEM = {
    "Id": "id 18 readonly always",
    "IsDeleted": "boolean readonly always",
    "CreatedDate": "datetime readonly always",
    "CreatedById": "reference to=User readonly always",
    "LastModifiedDate": "datetime readonly always",
    "LastModifiedById": "reference to=User readonly always",
    "SystemModstamp": "datetime readonly always",
}
OWNER = {"OwnerId": "reference to=User required always"}
CURRENCY = {"CurrencyIsoCode": "picklist 3"}
FEATURES = {"multi_currency": False, "dated_rates": False, "person_accounts": False, "shared_activities": True}
"""What an org may have switched on, and whether a new one has; objects and fields of it exist only then."""
FEATURE_FIELDS: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "multi_currency": {
        "Organization": {"DefaultCurrencyIsoCode": "picklist 3"},
        "User": {"DefaultCurrencyIsoCode": "picklist 3"},
    },
    "person_accounts": {
        "Account": {
            "IsPersonAccount": "boolean readonly always",
            "PersonContactId": "reference to=Contact readonly",
            "FirstName": "string 40",
            "LastName": "string 80",
            "PersonEmail": "email 80",
            "PersonTitle": "string 80",
        },
        "Contact": {"IsPersonAccount": "boolean readonly always"},
    },
}
"""Fields that come with a feature, besides CurrencyIsoCode."""

_FLAGS: Mapping[str, Mapping[str, object]] = {
    "required": {"required": True},
    "readonly": {"createable": False, "updateable": False},
    "createonly": {"updateable": False},
    "long": {"filterable": False},
    "external": {"external": True},
    "unique": {"unique": True},
    "always": {"permissionable": False},
    "cascade": {"cascade": True},
    "checked": {"default": True},
}
_OBJECT_FLAGS = ("createable", "updateable", "deletable", "mergeable", "bin")


@cache
def definitions(name: str) -> Mapping[str, Any]:
    """A TOML file beside this module."""
    return tomllib.loads(files("crm_audit.emulator.salesforce").joinpath(f"{name}.toml").read_text(encoding="utf-8"))


class Schema:
    """The entities of one org: all of them, and as its integration user may see them."""

    def __init__(self, **features: bool) -> None:
        unknown = features.keys() - FEATURES.keys()
        if unknown:
            raise TypeError(f"an org has no feature {', '.join(sorted(unknown))}; it may have {', '.join(FEATURES)}")
        self.features = {**FEATURES, **features}
        self._all: dict[str, Entity] = {}
        self._hidden: dict[str, set[str]] = {}
        self._locked: dict[str, set[str]] = {}
        self._visible: dict[str, Entity] = {}
        self._prefixes: dict[str, str] = {}
        self._custom = 0
        self.install(definitions("standard"))

    def install(self, objects: Mapping[str, Any]) -> None:
        """Add objects, and fields to objects that exist."""
        values = objects.get("values", {})
        for name, spec in objects.items():
            if name == "values" or not self.features.get(spec.get("feature"), True):
                continue
            fields = {
                field: replace(spell(field, text), values=tuple(values.get(f"{name}.{field}", ())))
                for field, text in self._specs(name, spec).items()
            }
            known = self._all.get(name)
            self._put(
                replace(known, fields={**known.fields, **fields}) if known else self._entity(name, spec, fields=fields)
            )

    def _specs(self, name: str, spec: Mapping[str, Any]) -> dict[str, str]:
        specs: dict[str, str] = {}
        if name not in self._all:
            specs |= {field: SYSTEM[field] for field in spec.get("system", SYSTEM)}
            specs |= OWNER if name.endswith("__c") else {}
        if self.features["multi_currency"] and spec.get("currency"):
            specs |= CURRENCY
        for feature in (feature for feature, on in self.features.items() if on):
            specs |= FEATURE_FIELDS.get(feature, {}).get(name, {})
        return {**specs, **spec.get("fields", {})}

    def _entity(self, name: str, spec: Mapping[str, Any], *, fields: Mapping[str, Field]) -> Entity:
        label = spec.get("label", _label(name))
        prefix = spec.get("prefix")
        if prefix is None:
            prefix, self._custom = f"a{self._custom:02d}", self._custom + 1
        return Entity(
            name=name,
            label=label,
            plural=spec.get("plural", f"{label}s"),
            prefix=prefix,
            fields=fields,
            filtered_by=tuple(spec.get("filtered_by", ())),
            **{flag: spec[flag] for flag in _OBJECT_FLAGS if flag in spec},
        )

    def _put(self, entity: Entity) -> None:
        self._all[entity.name] = entity
        self._prefixes[entity.prefix] = entity.name
        self._visible.clear()

    def whole(self, name: str) -> Entity:
        """An entity with all of its fields; raises KeyError."""
        return self._all[name]

    def knows(self, name: str) -> bool:
        """True if there is such an entity here."""
        return name in self._all

    def entities(self) -> Iterator[Entity]:
        """All entities with all of their fields."""
        yield from self._all.values()

    def of_record(self, record: str) -> Entity | None:
        """The entity that the key prefix of an id stands for."""
        return self._all.get(self._prefixes.get(record[:3], ""))

    def visible(self, name: str) -> Entity | None:
        """An entity as the integration user sees it, whatever the case of its name; None if it cannot."""
        if not self._visible:
            self._visible = {entity.name.lower(): self._seen(entity) for entity in self._readable()}
        return self._visible.get(name.lower())

    def _readable(self) -> Iterator[Entity]:
        return (entity for entity in self._all.values() if "" not in self._hidden.get(entity.name, ()))

    def _seen(self, entity: Entity) -> Entity:
        hidden, locked = self._hidden.get(entity.name, set()), self._locked.get(entity.name, set())
        fields = {
            name: replace(known, createable=False, updateable=False) if name in locked else known
            for name, known in entity.fields.items()
            if name not in hidden
        }
        return replace(entity, fields=fields)

    def hide(self, name: str, field: str | None) -> None:
        """Take a field, or with None the object, out of the integration user's sight; raises ValueError."""
        if field is not None and not self._all[name].fields[field].permissionable:
            raise ValueError(f"field-level security cannot hide {name}.{field}")
        self._hidden.setdefault(name, set()).add(field or "")
        self._visible.clear()

    def show(self, name: str, field: str | None) -> None:
        """Give back what `hide` took away."""
        self._hidden.get(name, set()).discard(field or "")
        self._visible.clear()

    def put_field(self, name: str, field: Field) -> None:
        """Add a field to an object, or put it in the place of the one of that name."""
        known = self._all[name]
        self._put(replace(known, fields={**known.fields, field.name: field}))

    def remove_field(self, name: str, field: str) -> Field:
        """Take a field away for good and give it."""
        known = self._all[name]
        self._put(replace(known, fields={each: spec for each, spec in known.fields.items() if each != field}))
        return known.fields[field]

    def lock(self, name: str, field: str) -> None:
        """Let the integration user read a field but not write it."""
        self._locked.setdefault(name, set()).add(self._all[name].fields[field].name)
        self._visible.clear()


def spell(name: str, text: str) -> Field:
    """One field from its notation, which standard.toml explains."""
    kind, *words = text.split()
    made: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if equals:
            made[{"to": "targets", "as": "relationship", "children": "children"}[key]] = value
        elif word in _FLAGS:
            made |= _FLAGS[word]
        else:
            made |= _size(kind, word)
    if "targets" in made:
        made = {"relationship": re.sub("Id$", "", name), **made, "targets": tuple(made["targets"].split(","))}
    if kind == "boolean":
        made.setdefault("default", False)
    return Field(name=name, type=kind, label=_label(name), **made)


def _size(kind: str, word: str) -> dict[str, int]:
    whole, _, scale = word.partition(".")
    if kind in ("currency", "double", "percent"):
        return {"precision": int(whole) + int(scale), "scale": int(scale)}
    return {"length": int(whole)}


def _label(name: str) -> str:
    if name.endswith("__c"):
        return name.removesuffix("__c").replace("_", " ")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)

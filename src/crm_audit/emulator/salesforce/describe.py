"""The schema as describe tells it, with every key that a real org sends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from crm_audit.emulator.soql.schema import IDS, NUMBERS, Entity, Field
from crm_audit.emulator.soql.wire import wire

_SOAP = {
    "boolean": "xsd:boolean",
    "currency": "xsd:double",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "double": "xsd:double",
    "id": "tns:ID",
    "int": "xsd:int",
    "percent": "xsd:double",
    "reference": "tns:ID",
}
_NEVER = (
    "aiPredictionField", "autoNumber", "caseSensitive", "dependentPicklist", "deprecatedAndHidden",
    "displayLocationInDecimal", "encrypted", "formulaTreatNullNumberAsZero", "highScaleNumber", "htmlFormatted",
    "queryByDistance", "restrictedDelete", "restrictedPicklist", "searchPrefilterable", "writeRequiresMasterRead",
)  # fmt: skip
_NOTHING = (
    "calculatedFormula", "compoundFieldName", "controllerName", "defaultValueFormula", "extraTypeInfo",
    "filteredLookupInfo", "inlineHelpText", "mask", "maskType", "referenceTargetField", "relationshipOrder",
)  # fmt: skip

_EMPTY = ("actionOverrides", "namedLayoutInfos", "recordTypeInfos", "supportedScopes")
_UNSAID = (
    "associateEntityType", "associateParentEntity", "defaultImplementation", "extendedBy", "extendsInterfaces",
    "implementedBy", "implementsInterfaces", "listviewable", "lookupLayoutable", "networkScopeFieldName",
)  # fmt: skip


def described(entity: Entity, *, address: str, others: Iterable[Entity], stages: Sequence[str]) -> dict[str, Any]:
    """One object in full; `others` are the objects among which its children are looked for."""
    fields = [_field(known, stages if known.name == "StageName" else known.values) for known in entity.fields.values()]
    children: list[dict[str, Any]] = [
        {
            "cascadeDelete": known.cascade,
            "childSObject": other.name,
            "deprecatedAndHidden": False,
            "field": known.name,
            "junctionIdListNames": [],
            "junctionReferenceTo": [],
            "relationshipName": known.children,
            "restrictedDelete": False,
        }
        for other in others
        for known in other.fields.values()
        if entity.name in known.targets
    ]
    more: dict[str, Any] = {
        **{key: [] for key in _EMPTY},
        **dict.fromkeys(_UNSAID),
        "compactLayoutable": entity.createable,
        "deepCloneable": False,
        "searchLayoutable": entity.createable,
        "sobjectDescribeOption": "FULL",
    }
    return listed(entity, address=address) | more | {"childRelationships": children, "fields": fields}


def listed(entity: Entity, *, address: str) -> dict[str, Any]:
    """One object as in the list of all; `address` is the path of the sobjects resource."""
    place = f"{address}/{entity.name}"
    return {
        "activateable": False,
        "createable": entity.createable,
        "custom": entity.name.endswith("__c"),
        "customSetting": False,
        "deletable": entity.deletable,
        "deprecatedAndHidden": False,
        "feedEnabled": False,
        "hasSubtypes": False,
        "isInterface": False,
        "isSubtype": False,
        "keyPrefix": entity.prefix,
        "label": entity.label,
        "labelPlural": entity.plural,
        "layoutable": entity.createable,
        "mergeable": entity.mergeable,
        "mruEnabled": entity.createable,
        "name": entity.name,
        "queryable": True,
        "replicateable": "SystemModstamp" in entity.fields,
        "retrieveable": True,
        "searchable": entity.createable,
        "triggerable": entity.createable,
        "undeletable": entity.bin and entity.deletable,
        "updateable": entity.updateable,
        "urls": {"sobject": place, "describe": f"{place}/describe", "rowTemplate": f"{place}/{{ID}}"},
    }


def _field(known: Field, values: Sequence[str]) -> dict[str, Any]:
    length = 18 if known.type in IDS else known.length
    return {
        **dict.fromkeys(_NEVER, False),
        **dict.fromkeys(_NOTHING),
        "aggregatable": known.filterable,
        "byteLength": length * (1 if known.type in IDS else 3),
        "calculated": known.formula is not None,
        "cascadeDelete": known.cascade,
        "createable": known.createable,
        "custom": known.name.endswith("__c"),
        "defaultValue": wire(known.default),
        "defaultedOnCreate": known.default is not None or known.name in ("OwnerId", "Id"),
        "digits": 18 if known.type == "int" else 0,
        "externalId": known.external,
        "filterable": known.filterable,
        "groupable": known.filterable and known.type not in NUMBERS and known.type != "datetime",
        "idLookup": known.type == "id" or known.external,
        "label": known.label,
        "length": length,
        "name": known.name,
        "nameField": known.name == "Name",
        "namePointing": known.polymorphic,
        "nillable": not known.required and known.type not in ("id", "boolean"),
        "permissionable": known.permissionable,
        "picklistValues": [
            {"active": True, "defaultValue": False, "label": value, "validFor": None, "value": value}
            for value in values
        ],
        "polymorphicForeignKey": known.polymorphic,
        "precision": known.precision,
        "referenceTo": list(known.targets),
        "relationshipName": known.relationship,
        "scale": known.scale,
        "soapType": _SOAP.get(known.type, "xsd:string"),
        "sortable": known.filterable,
        "type": known.type,
        "unique": known.unique,
        "updateable": known.updateable,
    }

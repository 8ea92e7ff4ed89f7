"""The JSON Schemas in docs/schemas."""
import json
import unittest
from functools import cache

from .paths import ROOT

SCHEMAS = ROOT / "docs" / "schemas"


@cache
def _validator(name):
    try:
        import jsonschema
    except ImportError as error:
        raise unittest.SkipTest("needs python3-jsonschema") from error
    schema = json.loads((SCHEMAS / f"{name}.json").read_text())
    cls = jsonschema.validators.validator_for(schema)
    cls.check_schema(schema)
    return cls(schema, resolver=jsonschema.RefResolver(SCHEMAS.as_uri() + "/", schema))


def problems_of(name, value):
    """What is wrong with a value, by the schema of this name."""
    return [error.message for error in _validator(name).iter_errors(value)]

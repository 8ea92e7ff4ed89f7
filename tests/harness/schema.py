"""JSON against the schemas in docs/schemas."""
import json
import unittest

from .paths import SCHEMAS

try:
    import jsonschema
except ImportError:
    jsonschema = None


def validate(value, name):
    """Raises when `value` is not as docs/schemas/<name>.json says."""
    if jsonschema is None:
        raise unittest.SkipTest("python3-jsonschema is not installed")
    schema = json.loads((SCHEMAS / f"{name}.json").read_text())
    resolver = jsonschema.RefResolver(f"file://{SCHEMAS}/", schema)
    jsonschema.validators.validator_for(schema)(schema, resolver=resolver).validate(value)

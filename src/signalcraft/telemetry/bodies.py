"""The bodies that the posting routes take, for the OpenAPI document: the routes read the bytes themselves."""

import json
from typing import Any

from pydantic import TypeAdapter

from signalcraft.telemetry.readings import EXAMPLE_READING, Reading

_LATER = EXAMPLE_READING | {"timestamp": 1732226405.25, "temperature": -18.4}
_LINES = "\n".join(json.dumps(reading) for reading in (EXAMPLE_READING, _LATER))


def one_reading() -> dict[str, Any]:
    """`openapi_extra` of the route that takes one reading."""
    content = {"schema": _reading_schema(), "example": EXAMPLE_READING}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def many_readings() -> dict[str, Any]:
    """`openapi_extra` of the route that takes a batch."""
    content = {
        "application/json": {
            "schema": {"type": "array", "items": _reading_schema()},
            "example": [EXAMPLE_READING, _LATER],
        },
        "application/x-ndjson": {"schema": {"type": "string"}, "example": _LINES},
    }
    encoding = {
        "name": "Content-Encoding",
        "in": "header",
        "required": False,
        "description": "`gzip` where the body is packed.",
        "schema": {"type": "string", "enum": ["gzip", "identity"]},
    }
    return {"parameters": [encoding], "requestBody": {"required": True, "content": content}}


def _reading_schema() -> dict[str, Any]:
    """The schema of a reading, with the nested one in its place: an OpenAPI document resolves no `$defs` of a part."""
    schema = TypeAdapter(Reading).json_schema()
    vibration = schema.pop("$defs")["Vibration"]
    schema["properties"]["vibration"] = vibration
    return schema

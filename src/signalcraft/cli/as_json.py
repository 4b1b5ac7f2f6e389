"""What `--json` prints."""

import json
from typing import Any

from pydantic_core import to_jsonable_python


def print_json(value: Any) -> None:
    """Print a result for scripts: in one line, times in ISO 8601 as the API's."""
    print(json.dumps(to_jsonable_python(value)))

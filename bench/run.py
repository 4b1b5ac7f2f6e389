"""`make bench`: every speed that SignalCraft promises, as a ratio to what bounds it, in one run on one machine.

Ends with 1 where a ratio is missed. The load of the machine stands in the table: on a busy one the figures say little.
"""

import os
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

import analyses
import auth
import ingest
from signalcraft.core.embedded_postgres import EmbeddedPostgres


def main() -> int:
    console = Console()
    before = os.getloadavg()[0]
    ratios = []
    with tempfile.TemporaryDirectory(prefix="sc-") as folder:
        for measure in (ingest.measure, auth.measure, analyses.measure):
            with EmbeddedPostgres(Path(folder) / measure.__module__) as server:
                ratios += measure(server.database_url)
    table = Table("what", "SignalCraft /s", "reference /s", "ratio", "at least", "", "latency")
    for line in ratios:
        is_reached = line.ratio >= line.at_least
        table.add_row(
            line.name,
            f"{line.ours_per_s:,.0f}",
            f"{line.reference_per_s:,.0f}",
            f"{line.ratio:.2f}",
            f"{line.at_least:.1f}",
            "reached" if is_reached else f"missed by {1 - line.ratio / line.at_least:.0%}",
            line.note,
        )
    console.print(table)
    console.print(f"{os.cpu_count()} cores; load of the machine before: {before:.1f} (idle is best)")
    return 0 if all(line.ratio >= line.at_least for line in ratios) else 1


if __name__ == "__main__":
    sys.exit(main())

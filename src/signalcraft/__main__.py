"""`python -m signalcraft` is `signalcraft`."""

from signalcraft.cli.main import app

app()

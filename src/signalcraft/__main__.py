"""`python -m signalcraft` is the command `signalcraft`."""

from signalcraft.cli.main import app

app(prog_name="signalcraft")

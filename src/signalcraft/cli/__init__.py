"""The command line, `signalcraft`."""

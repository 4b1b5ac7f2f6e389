"""`gunicorn -c gunicorn.conf.py signalcraft.app:app`: the settings that the package ships."""

from signalcraft.gunicorn_conf import *  # noqa: F403 - Gunicorn reads the names of this file

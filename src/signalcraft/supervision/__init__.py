"""`signalcraft serve`: PostgreSQL and Gunicorn, kept running until somebody asks for the end."""

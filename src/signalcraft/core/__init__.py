"""What has no business in it: database, errors, logging, clock and the embedded server."""

"""What browsers are served: for now the pages of the API's documentation."""

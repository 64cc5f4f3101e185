"""The report as one HTML page: a file for each part, and `whole`, which puts them together."""

"""The service's routes, a module for each section of the venue's API."""

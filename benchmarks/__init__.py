"""The cost of this service beside a service in the old architecture, measured in the same run: `make bench`."""

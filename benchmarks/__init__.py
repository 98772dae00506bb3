"""What the service costs, beside a service in the old architecture that is measured in the same run: `make bench`."""

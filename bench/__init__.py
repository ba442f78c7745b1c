"""Benchmarks: `make bench` runs them all and prints tables with this machine's facts."""

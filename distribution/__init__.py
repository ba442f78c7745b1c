"""Builds what users install: `make dist`. What is inside of each form, and why: docs/architecture.md, "Packages"."""

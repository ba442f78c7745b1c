"""Catflap secures the network interfaces of hosts with policy written against labels.

The way of the data, and which package does what, is in ``docs/architecture.md``. This file stays empty of
imports: ``catflap --help`` must answer at once.
"""

__version__ = "0.1.0"

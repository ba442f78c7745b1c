"""Policy tests: what the authors of policy promise about it, kept in files beside it.

The evaluator answers that also explains packets, so a test says what the kernel will do. A test whose ends cannot be
found must fail: one that tests nothing must never look like one that passed.
"""

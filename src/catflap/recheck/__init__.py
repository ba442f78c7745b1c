"""Ends connections that exist already and that policy no longer allows (``ExistingConnections = recheck``).

Policy decides about new connections; what was allowed once goes on. Here every tracked connection is asked about as if
its first packet came now, by the same evaluator as `explain`. Whatever is not known for sure (by which interface a
connection comes, or who began it) decides for keeping it, and is counted: nothing that policy allows may ever be cut.
It runs in a process of its own, beside enforcement.
"""

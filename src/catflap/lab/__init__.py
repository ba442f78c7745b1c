"""Throw-away hosts in network namespaces, with real packets between them: for the demo, rehearsals and tests.

A `Lab` owns namespaces, `GuideNetwork` wires them, `Listeners` answer in them, and probes, held connections and
streams see what gets through. Nothing here touches the network namespace that the process lives in.
"""

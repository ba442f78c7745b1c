"""What policy means: walks one packet through a `HostPolicy` and says what becomes of it, and why.

This is the meaning of the language, written down once and as plainly as possible: `explain` and policy tests show it
to people, and the kernel is held to it. It must never be clever, and never know how the kernel does it.
"""

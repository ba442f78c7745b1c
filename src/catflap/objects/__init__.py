"""Stored objects as an operator handles them: reading, applying and deleting them, all or nothing, in every store.

It must never write what somebody else has changed meanwhile, and never leave a change half made without saying so.
"""

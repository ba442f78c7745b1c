"""The daemon: follows a store and the host's interfaces, and keeps the kernel at what they say."""

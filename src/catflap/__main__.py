"""``python -m catflap`` is the command ``catflap``."""

import sys

from catflap.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

"""``python -m aclipse``."""

from aclipse.cli import main

if __name__ == "__main__":
    main()

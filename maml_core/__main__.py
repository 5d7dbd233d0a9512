"""`python -m maml_core` is `maml`."""

from maml_core.cli import main

if __name__ == "__main__":
    main()

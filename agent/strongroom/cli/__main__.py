"""`python -m strongroom.cli`: the command `strongroom`, with this Python."""

from strongroom.cli.main import main

if __name__ == "__main__":
    main()

"""What can be wrong with a question about sizes."""

MOST_LETTERS = 1000
"""Of a message: enough for the names of everything in a large scenario."""


class SizingError(ValueError):
    """The question cannot be answered; the message is one line that says what would be right.

    Names in it may come from files that nobody has checked, so a terminal is shown neither their control characters
    nor all of a very long one.

    Parameters:
        message: what is wrong.
    """

    def __init__(self, message: str) -> None:
        line = "".join(letter if letter.isprintable() else " " for letter in message)
        super().__init__(line if len(line) <= MOST_LETTERS else f"{line[: MOST_LETTERS - 3]}...")

"""What can be wrong with a question about sizes."""


class SizingError(ValueError):
    """The question cannot be answered; the message is one line that says what would be right."""

"""One module per kind of source: each reads a :class:`~pruneviz.data.raw.Raw` and says what identifies its content."""

"""The explorer's parts: what a session knows, what stands around the pages, and the pages."""

"""Sentences from labels (`phrases`), and numbers from sentences (`tokens`)."""

"""CLARA: any sound and any sentence, in any language, in one space."""

__version__ = "0.1.0"

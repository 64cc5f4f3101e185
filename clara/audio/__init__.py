"""Recordings in and out (`io`), and the features that the model hears (`mel`)."""

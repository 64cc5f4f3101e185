"""The room of augmentations that change what a recording means, and its text in the same call.

A member is one file with one frozen dataclass of settings that is called with samples and a random
generator, and returns a new `Sample`; what it was given stays as it was, and the same generator
gives the same result. What leaves the meaning alone works on batches inside training instead.
"""

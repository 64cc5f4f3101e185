"""CLARA models in the hands of other libraries: the opposite of `clara.encoders`."""

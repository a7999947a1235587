"""The version of this package, which pickles contain."""

__version__ = "0.1.0"

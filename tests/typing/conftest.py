"""The scripts here are for type checkers; doctest has nothing to import them for."""

collect_ignore = ["user_script.py"]

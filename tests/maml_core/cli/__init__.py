"""Tests of the command line, a file a command or what all of them promise."""

"""Bad input by the hundred thousand: what people, files and sockets hand in, with bytes and values changed at random. Each reader gives a value or one of
the errors that it documents, soon, and touches no file of others. `python -m tests.fuzzing --cases 100000 --seed 1` goes on where the tests stop.
"""

"""Lessons as data: what they ask, what a person does, what is measured of that and said about it. Nothing here imports torch but
`checking`, `first_minute`, `pupils` and `twin`.
"""

# cython: language_level=3, boundscheck=False, wraparound=False
"""An object that calls a function and, unlike the function, is no method of a class that it lies in."""


cdef class Caller:
    """Calls `fn`."""

    def __init__(self, fn):
        self.__wrapped__ = fn

    def __call__(self, *args, **kwargs):
        return self.__wrapped__(*args, **kwargs)

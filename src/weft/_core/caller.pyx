# cython: language_level=3, boundscheck=False, wraparound=False
"""An object that calls a function and, unlike the function, is no method of a class that it lies in."""


cdef class Caller:
    """Calls `fn`."""

    def __init__(self, fn):
        self.__wrapped__ = fn

    def __call__(self, *args, **kwargs):
        return self.__wrapped__(*args, **kwargs)


cdef class Builtin(Caller):
    """Calls `fn`, and otherwise looks like `original`, a built-in function that `module` has under its name."""

    cdef object original
    cdef str module  # where it is found when it is unpickled
    cdef str name

    def __init__(self, fn, original, str module, str name):
        Caller.__init__(self, fn)
        self.original, self.module, self.name = original, module, name

    @property
    def __module__(self):
        """Return the module of the built-in function."""
        return self.original.__module__

    @property
    def __name__(self):
        """Return the name of the built-in function."""
        return self.name

    @property
    def __qualname__(self):
        """Return the name of the built-in function."""
        return self.name

    @property
    def __doc__(self):
        """Return the documentation of the built-in function."""
        return self.original.__doc__

    def __reduce__(self):
        from pkgutil import resolve_name

        return resolve_name, (f"{self.module}:{self.name}",)

    def __repr__(self):
        return f"<cooperative {self.module}.{self.name}>"

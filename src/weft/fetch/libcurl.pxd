ctypedef void *(*Maker)() noexcept
ctypedef void (*Ender)(void *) noexcept
ctypedef int (*Setter)(void *, int, ...) noexcept
ctypedef const char *(*Namer)(int) noexcept

cdef void *symbol(const char *name) except NULL
cdef bint over() noexcept
cdef bytes encoded(string)


cdef class Strings:
    cdef void *first


cdef class Share:
    cdef void *share

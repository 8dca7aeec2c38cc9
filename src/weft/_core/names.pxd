cdef str exact(object text)
cdef str name_of(object fn)
cdef str describe(object thing)

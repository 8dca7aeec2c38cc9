cdef class Handle:
    cdef void *easy
    cdef char words[256]
    cdef char *head
    cdef size_t head_size
    cdef size_t head_room
    cdef list chunks
    cdef dict kept
    cdef long long limit
    cdef size_t room
    cdef size_t waiting
    cdef bint keep
    cdef bint paused
    cdef readonly bint too_large
    cdef readonly bint forbidden
    cdef readonly int refused
    cdef readonly bint headed
    cdef readonly bint headers_too_large
    cdef readonly long long size
    cdef readonly int code
    cdef readonly object failure
    cdef readonly object news
    cdef object met
    cdef object allowed
    cdef bint done


cdef class Multi:
    cdef void *multi
    cdef object register
    cdef object modify
    cdef object unregister
    cdef int readable
    cdef int writable
    cdef dict owners
    cdef readonly set handles
    cdef public double deadline
    cdef object failure
    cdef int act(self, int number, int what) except -1
    cdef bint collect(self) except -1
    cdef void end(self) noexcept


cdef class Share:
    cdef void *share

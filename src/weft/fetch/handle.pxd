cdef class Handle:
    cdef void *easy
    cdef char words[256]  # CURL_ERROR_SIZE
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
    cdef int finish(self, int code) except -1
    cdef int fail(self, int code, bytes words) except -1


cdef Handle handle_of(void *easy)

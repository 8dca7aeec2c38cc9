# cython: language_level=3, boundscheck=False, wraparound=False, binding=False
"""The parts of an address that a fetch goes by, for plain ones, in next to no time: every page passes here."""


def plain(str url):
    """``(scheme, authority)`` of an address that is plainly one of http or https; None if it takes a closer look.

    Plain is a name or an IPv4 address with or without a port, and printable ASCII without spaces in the rest.
    """
    cdef Py_ssize_t start, end, size = len(url)
    cdef Py_UCS4 letter
    if url.startswith("http://"):
        start = 7
    elif url.startswith("https://"):
        start = 8
    else:
        return None
    cdef Py_ssize_t colon = -1
    cdef int port = 0
    end = start
    while end < size:
        letter = url[end]
        if colon >= 0 and u"0" <= letter <= u"9":
            port = 10 * port + <int>letter - 48
            if port > 65535:
                return None
        elif letter in u"/?#":
            break
        elif letter == u":" and colon < 0:
            colon = end
        elif colon >= 0 or not (u"a" <= letter <= u"z" or u"0" <= letter <= u"9" or letter in u"-._" or u"A" <= letter <= u"Z"):
            return None
        end += 1
    if end == start or colon == start or colon == end - 1:
        return None
    for index in range(end, size):
        if not u"!" <= url[index] <= u"~":
            return None
    return ("https" if start == 8 else "http"), url[start:end]

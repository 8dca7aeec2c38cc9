/* CPython's socket object, from 3.11 to 3.15 (Modules/socketmodule.h is not installed). sockets.pyx checks it at import. */
#include <Python.h>

typedef struct {
    PyObject_HEAD
    int sock_fd;
    int sock_family;
    int sock_type;
    int sock_proto;
    PyObject *(*errorhandler)(void);
    int64_t sock_timeout; /* nanoseconds, negative for none */
#if PY_VERSION_HEX >= 0x030C0000
    void *state;
#endif
} weft_socket;

/* A worker's frames begin a chain of their own, so its recursion depth begins at zero, however deep the code was that made the scheduler. */
#include <Python.h>

static inline void weft_reset_recursion(void) {
    PyThreadState *state = PyThreadState_Get();
#if PY_VERSION_HEX >= 0x030C0000
    state->py_recursion_remaining = state->py_recursion_limit;
#else
    state->recursion_remaining = state->recursion_limit;
#endif
}

/* The piece of the frame stack that the running Python code stands on. Each greenlet has pieces of its own. */
static inline void *weft_frames(void *state) { return ((PyThreadState *)state)->datastack_chunk; }
/* A greenlet keeps its first piece for as long as it is alive, so who stands on it can only be that greenlet. */
static inline int weft_first(void *frames) { return ((_PyStackChunk *)frames)->previous == NULL; }

/* Changes whenever the current context does: a variable is set, another context is entered, another greenlet runs. */
static inline unsigned long long weft_context_version(void *state) { return ((PyThreadState *)state)->context_ver; }

/* Thread states of this interpreter, the calling one included. */
static inline Py_ssize_t weft_count_threads(void) {
    Py_ssize_t count = 0;
    PyThreadState *state = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
    for (; state != NULL; state = PyThreadState_Next(state))
        count++;
    return count;
}

#if defined(__GNUC__)
#define WEFT_THREAD_LOCAL __thread
#else
#define WEFT_THREAD_LOCAL _Thread_local
#endif
static WEFT_THREAD_LOCAL void *weft_own_scheduler = NULL;
static inline void *weft_get_scheduler(void) { return weft_own_scheduler; }
static inline void weft_set_scheduler(void *scheduler) { weft_own_scheduler = scheduler; }

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

/* A context holds an immutable map of its variables and replaces it when one is set, so two contexts that hold the same map are equal. The map has
   no public name; whether it lies where this says is looked at before it is believed (weft_context_fits). */
typedef struct { PyObject_HEAD PyObject *previous; PyObject *variables; PyObject *weak; int entered; } weft_context;
static inline int weft_same_context(void *state, PyObject *snapshot) {
    PyObject *current = ((PyThreadState *)state)->context;
    return current != NULL && ((weft_context *)current)->variables == ((weft_context *)snapshot)->variables;
}
static inline int weft_context_fits(PyObject *first, PyObject *copy) {
    PyObject *variables = ((weft_context *)first)->variables;
    return Py_TYPE(first)->tp_basicsize == sizeof(weft_context) && variables == ((weft_context *)copy)->variables
        && strcmp(Py_TYPE(variables)->tp_name, "hamt") == 0;
}

/* Call `run(argument)` so many bytes further down the stack. */
#include <alloca.h>
static __attribute__((noinline, unused)) PyObject *weft_lower(PyObject *(*run)(void *), void *argument, size_t bytes) {
    volatile char *room = alloca(bytes);
    room[0] = 0;
    PyObject *outcome = run(argument);
    room[0] = 1; /* after the call, so that it is no tail call */
    return outcome;
}

/* Thread states of this interpreter, the calling one included. */
static inline Py_ssize_t weft_count_threads(void) {
    Py_ssize_t count = 0;
    PyThreadState *state = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
    for (; state != NULL; state = PyThreadState_Next(state))
        count++;
    return count;
}

#if defined(__GLIBC__) /* one pointer: it finds room, and is found without a call; other loaders refuse that */
#define WEFT_THREAD_LOCAL __attribute__((tls_model("initial-exec"))) __thread
#elif defined(__GNUC__)
#define WEFT_THREAD_LOCAL __thread
#else
#define WEFT_THREAD_LOCAL _Thread_local
#endif
static WEFT_THREAD_LOCAL void *weft_own_scheduler = NULL;
static inline void *weft_get_scheduler(void) { return weft_own_scheduler; }
static inline void weft_set_scheduler(void *scheduler) { weft_own_scheduler = scheduler; }

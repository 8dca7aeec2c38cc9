/* A worker's frames begin a chain of their own, so its recursion depth begins at zero, however deep the code was that made the scheduler. */
#include <Python.h>
#include <string.h>

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

/* The error that is set, as a new reference to the exception with its traceback; no error is set then. */
static inline PyObject *weft_take_error(void) {
#if PY_VERSION_HEX >= 0x030C0000
    return PyErr_GetRaisedException();
#else
    PyObject *kind, *error, *traceback;
    PyErr_Fetch(&kind, &error, &traceback);
    PyErr_NormalizeException(&kind, &error, &traceback);
    if (traceback != NULL)
        PyException_SetTraceback(error, traceback); /* not setattr: the class may refuse it */
    Py_XDECREF(kind);
    Py_XDECREF(traceback);
    return error;
#endif
}

/* The name of a plain function, borrowed; NULL if `fn` is none, or its name is of a class of its own. */
static inline PyObject *weft_function_name(PyObject *fn) {
    PyObject *name = PyFunction_Check(fn) ? ((PyFunctionObject *)fn)->func_name : NULL;
    return name != NULL && PyUnicode_CheckExact(name) ? name : NULL;
}

/* Whether somebody has a weak reference to `o` with a callback, which runs when `o` is dropped. */
static inline int weft_has_callbacks(PyObject *o) {
    PyObject *link = *(PyObject **)((char *)o + Py_TYPE(o)->tp_weaklistoffset);
    for (; link != NULL; link = (PyObject *)((PyWeakReference *)link)->wr_next)
        if (((PyWeakReference *)link)->wr_callback != NULL)
            return 1;
    return 0;
}

/* Before 3.12 an allocation may run the cyclic collector, and a finalizer with it. Where no fiber is
   current the collector is held off; weft_free_collector takes what weft_hold_collector returned. */
#if PY_VERSION_HEX >= 0x030C0000
#define weft_hold_collector() 0
#define weft_free_collector(held) ((void)(held))
#else
#define weft_hold_collector() PyGC_Disable()
#define weft_free_collector(held) do { if (held) PyGC_Enable(); } while (0)
#endif

/* In a function at the base of a greenlet's stack: here an unwinder stops. The interpreter ends the
   daemon threads of a process by pthread_exit, which in glibc unwinds the stack. Further down it would
   meet C++ frames of greenlet that refuse, or memory that another greenlet has overwritten. */
#if defined(__GNUC__) && defined(__x86_64__)
#define weft_end_of_stack() __asm__ volatile(".cfi_undefined rip")
#elif defined(__GNUC__) && defined(__aarch64__)
#define weft_end_of_stack() __asm__ volatile(".cfi_undefined x30")
#else
#define weft_end_of_stack() ((void)0)
#endif

/* Whether the coarse clock has moved since the last call (4 ms on most kernels; 3 ns to ask). */
#include <time.h>
static inline int weft_ticked(long *last) {
#ifdef CLOCK_MONOTONIC_COARSE
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    if (now.tv_nsec == *last)
        return 0;
    *last = now.tv_nsec;
    return 1;
#else
    return 0;
#endif
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
static inline Py_ssize_t weft_count_states(void) {
    Py_ssize_t count = 0;
    PyThreadState *state = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
    for (; state != NULL; state = PyThreadState_Next(state))
        count++;
    return count;
}

/* Threads of this process that may run code of the program, the calling one included; -1 if the system
   does not tell. The kernel's own, which serve io_uring, are left out. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
static inline Py_ssize_t weft_count_threads(void) {
    Py_ssize_t count = 0;
    struct dirent *entry;
    DIR *tasks = opendir("/proc/self/task");
    if (tasks == NULL)
        return -1;
    while ((entry = readdir(tasks)) != NULL) {
        char path[64], name[4] = "";
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%.20s/comm", entry->d_name);
        int comm = open(path, O_RDONLY | O_CLOEXEC);
        if (comm < 0)
            continue; /* ended meanwhile */
        if (read(comm, name, sizeof name) != 4 || memcmp(name, "iou-", 4) != 0)
            count++;
        close(comm);
    }
    closedir(tasks);
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

/* Set once the thread's dictionary is gone: what still runs on it are the interpreter's last finalizers. */
static WEFT_THREAD_LOCAL int weft_ending = 0;
static inline int weft_is_ending(void) { return weft_ending; }
static inline void weft_set_ending(void) { weft_ending = 1; }

/* The system's number of this thread, and whether the one with such a number still lives. */
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
static inline int weft_thread_id(void) { return (int)syscall(SYS_gettid); }
static inline int weft_thread_lives(int thread) {
    return syscall(SYS_tgkill, getpid(), thread, 0) == 0 || errno != ESRCH;
}

/* How often the interpreter's lock has come from one thread to another.

   greenlet ends a greenlet that was dropped on another thread when its own thread calls greenlet the next
   time: its clean-up runs in the middle of that call, and may switch. A scheduler calls greenlet with a
   fiber chosen and not yet begun, and must not be entered there. So it asks this counter, and lets greenlet
   run what is left while its current fiber may still wait. The counter has no public name; it is believed
   only if its neighbours are what they must be (weft_find_turns). */
#include <Python.h>
#if !defined(Py_GIL_DISABLED)
#ifndef Py_BUILD_CORE
#define Py_BUILD_CORE 1
#define WEFT_BUILD_CORE
#endif
#undef _PyGC_FINALIZED /* the private header defines it anew */
#if PY_VERSION_HEX >= 0x030C0000
#include "internal/pycore_interp.h"
#else
#include "internal/pycore_runtime.h"
#endif
#ifdef WEFT_BUILD_CORE
#undef Py_BUILD_CORE
#undef WEFT_BUILD_CORE
#endif
#endif

/* The counter of this interpreter, or NULL. */
static inline const volatile unsigned long *weft_find_turns(void) {
#if !defined(Py_GIL_DISABLED)
    PyThreadState *state = PyThreadState_Get(), *holder = NULL;
#if PY_VERSION_HEX >= 0x030C0000
    struct _gil_runtime_state *gil = state->interp->ceval.gil;
#else
    struct _gil_runtime_state *gil = &_PyRuntime.ceval.gil;
#endif
    memcpy(&holder, (const void *)&gil->last_holder, sizeof holder);
    if (holder == state)
        return &gil->switch_number;
#endif
    return NULL;
}

/* epoll with the few names that weft uses; elsewhere, stand-ins that say so, and the selectors poller serves. */
#include <errno.h>
#include <stdint.h>

#ifdef __linux__
#include <math.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define weft_event epoll_event_flat
typedef struct epoll_event_flat { uint32_t events; uint64_t data; }
#ifdef __x86_64__
__attribute__((packed))
#endif
epoll_event_flat;
_Static_assert(sizeof(epoll_event_flat) == sizeof(struct epoll_event), "the kernel's struct, with its union read as a number");

#define WEFT_EPOLL (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)
#define WEFT_IN (EPOLLIN | EPOLLPRI)
#define WEFT_OUT EPOLLOUT
#define WEFT_HANGUP (EPOLLRDHUP | EPOLLHUP | EPOLLERR)
#define WEFT_ADD EPOLL_CTL_ADD
#define WEFT_MOD EPOLL_CTL_MOD
#define WEFT_DEL EPOLL_CTL_DEL

static inline int weft_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }
static inline int weft_epoll_ctl(int epoll, int operation, int number, uint32_t events, uint64_t data) {
    struct epoll_event event;
    event.events = events;
    event.data.u64 = data;
    return epoll_ctl(epoll, operation, number, &event);
}
/* Wait at most `seconds` (negative: as long as it takes). To the nanosecond where the kernel can (5.11), else to the next millisecond. */
static inline int weft_epoll_wait(int epoll, epoll_event_flat *events, int count, double seconds) {
    if (seconds > 1e6)
        seconds = 1e6;
#ifdef SYS_epoll_pwait2
    static int known = 1;
    if (known && seconds > 0 && sizeof(long) == 8) {
        struct timespec limit;
        limit.tv_sec = (time_t)seconds;
        limit.tv_nsec = (long)((seconds - (double)limit.tv_sec) * 1e9);
        int ready = (int)syscall(SYS_epoll_pwait2, epoll, events, count, &limit, NULL, 0);
        if (ready >= 0 || (errno != ENOSYS && errno != EPERM))
            return ready;
        known = 0;
    }
#endif
    return epoll_wait(epoll, (struct epoll_event *)events, count, seconds < 0 ? -1 : (int)ceil(seconds * 1000));
}
#else
typedef struct { uint32_t events; uint64_t data; } weft_event;
enum { WEFT_EPOLL, WEFT_IN, WEFT_OUT, WEFT_HANGUP, WEFT_ADD, WEFT_MOD, WEFT_DEL };
static inline int weft_epoll_create(void) { errno = ENOSYS; return -1; }
static inline int weft_epoll_ctl(int a, int b, int c, uint32_t d, uint64_t e) { errno = ENOSYS; return -1; }
static inline int weft_epoll_wait(int a, weft_event *b, int c, double d) { errno = ENOSYS; return -1; }
#endif

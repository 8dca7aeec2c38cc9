/* epoll with the few names that weft uses; elsewhere, stand-ins that say so, and the selectors poller serves. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

/* Tell what file `number` means; 0 if it is not open. */
static inline int weft_identify(int number, unsigned long long *device, unsigned long long *inode) {
    struct stat file;
    if (fstat(number, &file) < 0)
        return 0;
    *device = (unsigned long long)file.st_dev;
    *inode = (unsigned long long)file.st_ino;
    return 1;
}

/* The same open file under a number above 2, which a program may have closed to fill it with a file of its own. -1 with errno set. */
static inline int weft_above_standard(int number) {
    if (number < 0 || number > 2)
        return number;
    int moved = fcntl(number, F_DUPFD_CLOEXEC, 3), error = errno;
    close(number);
    errno = error;
    return moved;
}

#ifdef __linux__
#include <math.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>

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
/* Whether `number` is an epoll object. To wait in it would tell as well, and take events that a parent process needs. */
static inline int weft_is_epoll(int number) {
    int other = eventfd(0, EFD_CLOEXEC), is = 0;
    if (other >= 0) {
        is = weft_epoll_ctl(number, EPOLL_CTL_MOD, other, 0, 0) < 0 && errno == ENOENT;
        close(other);
    }
    return is;
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
static inline int weft_is_epoll(int number) { return 0; }
static inline int weft_epoll_ctl(int a, int b, int c, uint32_t d, uint64_t e) { errno = ENOSYS; return -1; }
static inline int weft_epoll_wait(int a, weft_event *b, int c, double d) { errno = ENOSYS; return -1; }
#endif

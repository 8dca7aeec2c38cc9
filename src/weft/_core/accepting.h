/* accept(2) that does not wait, in one step: the interpreter's lock is held, and the socket object is left as it is. */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static inline int weft_accept_plainly(int number, void *address, socklen_t *size) {
#if defined(__linux__) || defined(__FreeBSD__)
    return accept4(number, address, size, SOCK_CLOEXEC);
#else
    int accepted = accept(number, address, size);
    if (accepted >= 0)
        fcntl(accepted, F_SETFD, FD_CLOEXEC);
    return accepted;
#endif
}

/* The descriptor of a connection, or -1 with errno set. With `toggle` the listener may block, and nobody else has it. */
static inline int weft_accept(int number, int toggle, void *address, socklen_t *size) {
    int on = 1, off = 0, accepted, error;
    toggle = toggle && !(fcntl(number, F_GETFL) & O_NONBLOCK); /* whatever the socket object says of it */
    if (toggle)
        ioctl(number, FIONBIO, &on);
    accepted = weft_accept_plainly(number, address, size);
    error = errno;
    if (toggle)
        ioctl(number, FIONBIO, &off);
    errno = error;
    return accepted;
}

/* Reading and writing without blocking, whatever the mode of the descriptor, and without changing that mode: other processes may share it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/sysmacros.h>
#endif

enum weft_kind {
    WEFT_PLAIN,    /* always ready (a regular file, a block device, a folder), or not open */
    WEFT_PIPE,     /* a pipe or a FIFO */
    WEFT_SOCKET,
    WEFT_TERMINAL, /* one that may be opened once more */
    WEFT_OTHER
};
enum { WEFT_HELP = -2 /* nothing here can do it without blocking */ };

static inline int weft_kind_of(int number) {
    struct stat file;
    if (fstat(number, &file) < 0 || S_ISREG(file.st_mode) || S_ISBLK(file.st_mode) || S_ISDIR(file.st_mode))
        return WEFT_PLAIN;
    if (S_ISFIFO(file.st_mode))
        return WEFT_PIPE;
    if (S_ISSOCK(file.st_mode))
        return WEFT_SOCKET;
#ifdef __linux__
    if (S_ISCHR(file.st_mode) && file.st_rdev == makedev(5, 2)) /* to open /dev/ptmx makes another terminal */
        return WEFT_OTHER;
#endif
    return S_ISCHR(file.st_mode) && isatty(number) ? WEFT_TERMINAL : WEFT_OTHER;
}

/* Whether a read of terminal `number` goes by VMIN (bytes that it waits for) and VTIME (0.1 s each). */
static inline int weft_is_raw(int number, int *least, int *tenths) {
    struct termios settings;
    if (tcgetattr(number, &settings) < 0 || settings.c_lflag & ICANON)
        return 0;
    *least = settings.c_cc[VMIN];
    *tenths = settings.c_cc[VTIME];
    return 1;
}

/* A description of our own for the same pipe or terminal, which does not block. */
static inline int weft_open_again(int number, int access) {
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", number);
    return open(path, access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static inline ssize_t weft_transfer(int number, struct iovec *pieces, int count, int write) {
    return write ? writev(number, pieces, count) : readv(number, pieces, count);
}

/* Bytes moved; -1 with errno (EAGAIN: it would block); or WEFT_HELP. `kind` is not WEFT_PLAIN. */
static inline ssize_t weft_attempt(int number, int kind, struct iovec *pieces, int count, int write) {
    ssize_t moved;
    if (kind == WEFT_SOCKET) {
        struct msghdr message;
        memset(&message, 0, sizeof message);
        message.msg_iov = pieces;
        message.msg_iovlen = (size_t)count;
        return write ? sendmsg(number, &message, MSG_DONTWAIT) : recvmsg(number, &message, MSG_DONTWAIT);
    }
#ifdef RWF_NOWAIT
    moved = write ? pwritev2(number, pieces, count, -1, RWF_NOWAIT) : preadv2(number, pieces, count, -1, RWF_NOWAIT);
    if (moved >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS)) /* FIFOs and terminals do not take it */
        return moved;
#endif
    int mode = fcntl(number, F_GETFL);
    if (mode < 0)
        return -1;
    if (mode & O_NONBLOCK)
        return weft_transfer(number, pieces, count, write);
    if ((mode & O_ACCMODE) == (write ? O_RDONLY : O_WRONLY)) {
        errno = EBADF;
        return -1;
    }
    if (kind != WEFT_PIPE && kind != WEFT_TERMINAL)
        return WEFT_HELP;
    int own = weft_open_again(number, write ? O_WRONLY : O_RDONLY);
    if (own < 0)
        return WEFT_HELP;
    moved = weft_transfer(own, pieces, count, write);
    int error = errno;
    close(own);
    errno = error;
    return moved;
}

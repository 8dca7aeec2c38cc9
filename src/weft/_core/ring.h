/* io_uring with the few calls that weft uses, without liburing; elsewhere, stand-ins that say so, and the pool of threads serves. */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#if defined(__linux__) && __has_include(<linux/io_uring.h>)
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

typedef struct {
    int number; /* the ring's descriptor */
    unsigned *sq_tail, *sq_mask, *sq_array, *cq_head, *cq_tail, *cq_mask;
    struct io_uring_sqe *entries;
    struct io_uring_cqe *completions;
    void *map;
    size_t map_size, entries_size;
} weft_ring;

enum { WEFT_NEEDS = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_RW_CUR_POS };

/* Whether `number` is a ring: a program may have closed ours behind our back, and got its number for a file of its own. */
static inline int weft_is_ring(int number) {
    return syscall(SYS_io_uring_enter, number, 0, 0, 0, NULL, 0) >= 0;
}

static inline void weft_ring_close(weft_ring *ring) {
    munmap(ring->entries, ring->entries_size);
    munmap(ring->map, ring->map_size);
    if (weft_is_ring(ring->number))
        close(ring->number);
}

/* 0, or -1: this kernel has none, or does not lend it. */
static inline int weft_ring_open(weft_ring *ring, unsigned room) {
    struct io_uring_params given;
    memset(&given, 0, sizeof given);
    given.flags = IORING_SETUP_CQSIZE;
    given.cq_entries = room;
    ring->number = (int)syscall(SYS_io_uring_setup, 8, &given);
    if (ring->number < 0)
        return -1;
    if ((given.features & WEFT_NEEDS) != WEFT_NEEDS) {
        close(ring->number);
        return -1;
    }
    size_t sq = given.sq_off.array + given.sq_entries * sizeof(unsigned), cq = given.cq_off.cqes + given.cq_entries * sizeof(struct io_uring_cqe);
    ring->map_size = sq > cq ? sq : cq;
    ring->entries_size = given.sq_entries * sizeof(struct io_uring_sqe);
    char *map = mmap(NULL, ring->map_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->number, IORING_OFF_SQ_RING);
    if (map == MAP_FAILED) {
        close(ring->number);
        return -1;
    }
    void *entries = mmap(NULL, ring->entries_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->number, IORING_OFF_SQES);
    if (entries == MAP_FAILED) {
        munmap(map, ring->map_size);
        close(ring->number);
        return -1;
    }
    ring->map = map;
    ring->entries = entries;
    ring->sq_tail = (unsigned *)(map + given.sq_off.tail);
    ring->sq_mask = (unsigned *)(map + given.sq_off.ring_mask);
    ring->sq_array = (unsigned *)(map + given.sq_off.array);
    ring->cq_head = (unsigned *)(map + given.cq_off.head);
    ring->cq_tail = (unsigned *)(map + given.cq_off.tail);
    ring->cq_mask = (unsigned *)(map + given.cq_off.ring_mask);
    ring->completions = (struct io_uring_cqe *)(map + given.cq_off.cqes);
    return 0;
}

static inline struct io_uring_sqe *weft_ring_entry(weft_ring *ring, int operation, int number) {
    unsigned index = *ring->sq_tail & *ring->sq_mask;
    struct io_uring_sqe *entry = &ring->entries[index];
    memset(entry, 0, sizeof *entry);
    entry->opcode = operation;
    entry->fd = number;
    ring->sq_array[index] = index;
    return entry;
}

/* Hand over the one entry that was made. 1, or less: it was not taken (errno). */
static inline int weft_ring_submit(weft_ring *ring) {
    unsigned tail = *ring->sq_tail;
    __atomic_store_n(ring->sq_tail, tail + 1, __ATOMIC_RELEASE);
    int taken;
    while ((taken = (int)syscall(SYS_io_uring_enter, ring->number, 1, 0, 0, NULL, 0)) < 0 && errno == EINTR)
        ;
    if (taken < 1)
        __atomic_store_n(ring->sq_tail, tail, __ATOMIC_RELEASE);
    return taken;
}

/* Ask for a read at the file's own position; returns what weft_ring_submit does. */
static inline int weft_ring_read(weft_ring *ring, int number, void *buffer, size_t size, uint64_t name) {
    struct io_uring_sqe *entry = weft_ring_entry(ring, IORING_OP_READ, number);
    entry->addr = (uint64_t)(uintptr_t)buffer;
    entry->len = size > (1u << 30) ? 1u << 30 : (unsigned)size;
    entry->off = (uint64_t)-1;
    entry->user_data = name;
    return weft_ring_submit(ring);
}

/* Take one completion: 1, or 0 when there is none. */
static inline int weft_ring_take(weft_ring *ring, uint64_t *name, int *result) {
    unsigned head = *ring->cq_head;
    if (head == __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE))
        return 0;
    struct io_uring_cqe *completion = &ring->completions[head & *ring->cq_mask];
    *name = completion->user_data;
    *result = completion->res;
    __atomic_store_n(ring->cq_head, head + 1, __ATOMIC_RELEASE);
    return 1;
}

static inline void weft_ring_wait(weft_ring *ring) {
    syscall(SYS_io_uring_enter, ring->number, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0);
}

/* Accept without blocking, whatever the listener's mode: the connection's descriptor, or the negative error. -ENOSYS: the ring was not asked. */
static inline int weft_ring_accept(weft_ring *ring, int number, void *address, socklen_t *size) {
    struct io_uring_sqe *entry = weft_ring_entry(ring, IORING_OP_ACCEPT, number);
    uint64_t name;
    int result;
    entry->addr = (uint64_t)(uintptr_t)address;
    entry->addr2 = (uint64_t)(uintptr_t)size;
    entry->accept_flags = SOCK_CLOEXEC;
    entry->ioprio = 1u << 1; /* IORING_ACCEPT_DONTWAIT, Linux 6.10 */
    if (weft_ring_submit(ring) < 1)
        return -ENOSYS;
    while (!weft_ring_take(ring, &name, &result))
        weft_ring_wait(ring);
    return result;
}

/* What the system has in memory, at the file's own position; -1 with EAGAIN when the disk would have to be asked. */
static inline ssize_t weft_read_cached(int number, void *buffer, size_t size) {
    struct iovec piece = {buffer, size};
    return preadv2(number, &piece, 1, -1, RWF_NOWAIT);
}
#else
#include <sys/socket.h>
typedef struct { int number; } weft_ring;
static inline void weft_ring_close(weft_ring *ring) {}
static inline int weft_ring_open(weft_ring *ring, unsigned room) { return -1; }
static inline int weft_ring_read(weft_ring *ring, int number, void *buffer, size_t size, uint64_t name) { return -1; }
static inline int weft_ring_take(weft_ring *ring, uint64_t *name, int *result) { return 0; }
static inline void weft_ring_wait(weft_ring *ring) {}
static inline int weft_ring_accept(weft_ring *ring, int number, void *address, socklen_t *size) { return -ENOSYS; }
static inline ssize_t weft_read_cached(int number, void *buffer, size_t size) { errno = ENOSYS; return -1; }
#endif

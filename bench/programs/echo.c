/* The two ends of the echo works. `echo load PORT CONNECTIONS SIZE SECONDS` keeps one message of SIZE bytes in flight a connection; after a warm-up it
   prints "begin", and when SECONDS are over the messages of that time. `echo serve` is the server that sets the limit: edge-triggered epoll,
   one thread; it prints its port. Built with -DTLS both speak it: `load` trusts everybody, `serve CERTIFICATE KEY` takes its files. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#ifdef TLS
#include <openssl/ssl.h>
#else
typedef void SSL;
#endif

enum { BATCH = 256, BUFFER = 100 * 1024, WARM = 10 };

typedef struct {
    int number;
    int left;     /* load: bytes of the message to send; serve: bytes of `held` to send */
    int received; /* load: bytes of the answer */
    int start;    /* serve: where `held` begins */
    char *held;   /* serve: what had no room yet */
    SSL *tls;
} Connection;

static char buffer[BUFFER];
static struct epoll_event events[BATCH];

static double now(void) {
    struct timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    return moment.tv_sec + moment.tv_nsec * 1e-9;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void watch(int epoll, int number, void *data, unsigned events) {
    struct epoll_event event = {.events = events, .data.ptr = data};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, number, &event) < 0)
        fail("epoll_ctl");
}

static void no_delay(int number) {
    int one = 1;
    setsockopt(number, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

/* Both return how many bytes went through, 0 when none could, -1 at the end. */
static int take(Connection *connection) {
#ifdef TLS
    int count = SSL_read(connection->tls, buffer, sizeof buffer);
    return count > 0 ? count : SSL_get_error(connection->tls, count) == SSL_ERROR_WANT_READ ? 0 : -1;
#else
    ssize_t count = recv(connection->number, buffer, sizeof buffer, MSG_DONTWAIT);
    return count > 0 ? count : count < 0 && errno == EAGAIN ? 0 : -1;
#endif
}

static int give(Connection *connection, const char *data, int size) {
#ifdef TLS
    int count = SSL_write(connection->tls, data, size);
    return count > 0 ? count : SSL_get_error(connection->tls, count) == SSL_ERROR_WANT_WRITE ? 0 : -1;
#else
    ssize_t count = send(connection->number, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    return count >= 0 ? count : errno == EAGAIN ? 0 : -1;
#endif
}

static void many_descriptors(void) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

#ifdef TLS
static SSL_CTX *context;

static void begin_tls(Connection *connection, int client) {
    connection->tls = SSL_new(context);
    SSL_set_fd(connection->tls, connection->number);
    SSL_set_mode(connection->tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (client) {
        if (SSL_connect(connection->tls) != 1)
            fail("SSL_connect");
        int on = 1;
        ioctl(connection->number, FIONBIO, &on);
    } else
        SSL_set_accept_state(connection->tls);
}
#endif

static void push(Connection *connection) {
    int count;
    static char message[BUFFER];
    while (connection->left && (count = give(connection, message, connection->left)) != 0) {
        if (count < 0)
            fail("send");
        connection->left -= count;
    }
}

static int load(int port, int connections, int size, double seconds) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    Connection *all = calloc(connections, sizeof *all);
    int epoll = epoll_create1(0);
    for (int index = 0; index < connections; index++) {
        Connection *connection = &all[index];
        connection->number = socket(AF_INET, SOCK_STREAM, 0);
        if (connection->number < 0 || connect(connection->number, (void *)&address, sizeof address) < 0)
            fail("connect");
        no_delay(connection->number);
#ifdef TLS
        begin_tls(connection, 1);
#endif
        watch(epoll, connection->number, connection, EPOLLIN | EPOLLOUT | EPOLLET);
        connection->left = size;
    }
    long messages = 0;
    double end = now() + 0.3; /* the warm-up, and WARM messages a connection: until then a server's memory grows */
    for (int warm = 0, answered = 0; !warm || now() < end;) {
        int count = epoll_wait(epoll, events, BATCH, 1000);
        for (int index = 0; index < count; index++) {
            Connection *connection = events[index].data.ptr;
            int got;
            while ((got = take(connection)) > 0) {
                connection->received += got;
                if (connection->received == size) {
                    connection->received = 0;
                    connection->left = size;
                    messages++;
                    answered++;
                }
                if (got < size && connection->left == 0)
                    continue;
                push(connection);
            }
            if (got < 0)
                fail("recv");
            push(connection);
        }
        if (!warm && now() >= end && answered >= WARM * connections) {
            warm = 1;
            messages = 0;
            printf("begin\n");
            fflush(stdout);
            end = now() + seconds;
        }
    }
    printf("%ld\n", messages);
    return 0;
}

static int echo(Connection *connection) {
    int got, count;
    for (;;) {
        while (connection->left) {
            count = give(connection, connection->held + connection->start, connection->left);
            if (count <= 0)
                return count;
            connection->start += count;
            connection->left -= count;
        }
        got = take(connection);
        if (got <= 0)
            return got;
        count = give(connection, buffer, got);
        if (count < 0)
            return count;
        if (count < got) {
            if (!connection->held)
                connection->held = malloc(BUFFER);
            memcpy(connection->held, buffer + count, got - count);
            connection->start = 0;
            connection->left = got - count;
        }
#ifndef TLS
        else if (got < BUFFER)
            return 0; /* drained: an edge will tell */
#endif
    }
}

static void serve(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int epoll = epoll_create1(0), listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (void *)&address, sizeof address) < 0 || listen(listener, 1024) < 0 || getsockname(listener, (void *)&address, &size) < 0)
        fail("listen");
    watch(epoll, listener, NULL, EPOLLIN);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int count = epoll_wait(epoll, events, BATCH, -1);
        for (int index = 0; index < count; index++) {
            Connection *connection = events[index].data.ptr;
            if (!connection) {
                int number = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
                if (number >= 0) {
                    no_delay(number);
                    connection = calloc(1, sizeof *connection);
                    connection->number = number;
#ifdef TLS
                    begin_tls(connection, 0);
#endif
                    watch(epoll, number, connection, EPOLLIN | EPOLLOUT | EPOLLET);
                }
            } else if (echo(connection) < 0) {
                close(connection->number);
                free(connection->held);
                free(connection);
            }
        }
    }
}

int main(int count, char **words) {
    many_descriptors();
#ifdef TLS
    context = SSL_CTX_new(count > 1 && strcmp(words[1], "load") == 0 ? TLS_client_method() : TLS_server_method());
    if (count == 4 && strcmp(words[1], "serve") == 0) {
        if (SSL_CTX_use_certificate_chain_file(context, words[2]) != 1 || SSL_CTX_use_PrivateKey_file(context, words[3], SSL_FILETYPE_PEM) != 1)
            fail(words[2]);
        serve();
    }
#endif
    if (count == 6 && strcmp(words[1], "load") == 0 && atoi(words[4]) <= BUFFER)
        return load(atoi(words[2]), atoi(words[3]), atoi(words[4]), atof(words[5]));
    if (count == 2 && strcmp(words[1], "serve") == 0)
        serve();
    fputs("echo load PORT CONNECTIONS SIZE SECONDS | echo serve [CERTIFICATE KEY]\n", stderr);
    return 2;
}

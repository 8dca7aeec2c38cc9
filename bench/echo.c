/* The two ends of the echo work: `echo load PORT CONNECTIONS SECONDS` keeps one message of 1 KiB in flight a connection and prints messages a
   second; `echo serve` is the server that sets the limit: edge-triggered epoll, one thread. It prints its port. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SIZE = 1024, BATCH = 256 };

static double now(void) {
    struct timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    return moment.tv_sec + moment.tv_nsec * 1e-9;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void watch(int epoll, int number, unsigned events) {
    struct epoll_event event = {.events = events, .data.fd = number};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, number, &event) < 0)
        fail("epoll_ctl");
}

static int no_delay(int number) {
    int one = 1;
    return setsockopt(number, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static int load(int port, int connections, double seconds) {
    char buffer[4 * SIZE] = {0};
    struct epoll_event events[BATCH];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int epoll = epoll_create1(0), *received = calloc(connections + 1024, sizeof *received);
    for (int index = 0; index < connections; index++) {
        int number = socket(AF_INET, SOCK_STREAM, 0);
        if (number < 0 || number >= connections + 1024 || connect(number, (void *)&address, sizeof address) < 0)
            fail("connect");
        no_delay(number);
        watch(epoll, number, EPOLLIN);
        if (send(number, buffer, SIZE, 0) != SIZE)
            fail("send");
    }
    long messages = 0;
    double began = now(), moment = began;
    while ((moment = now()) - began < seconds) {
        int count = epoll_wait(epoll, events, BATCH, 1000);
        for (int index = 0; index < count; index++) {
            int number = events[index].data.fd;
            ssize_t size = recv(number, buffer, sizeof buffer, MSG_DONTWAIT);
            if (size <= 0)
                fail("recv");
            received[number] += size;
            if (received[number] >= SIZE) {
                received[number] -= SIZE;
                messages++;
                if (send(number, buffer, SIZE, 0) != SIZE)
                    fail("send");
            }
        }
    }
    printf("%.0f\n", messages / (moment - began));
    return 0;
}

static int serve(void) {
    char buffer[4096];
    struct epoll_event events[BATCH];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int epoll = epoll_create1(0), listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (void *)&address, sizeof address) < 0 || listen(listener, 1024) < 0 || getsockname(listener, (void *)&address, &size) < 0)
        fail("listen");
    watch(epoll, listener, EPOLLIN);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int count = epoll_wait(epoll, events, BATCH, -1);
        for (int index = 0; index < count; index++) {
            int number = events[index].data.fd;
            if (number == listener) {
                number = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
                if (number >= 0) {
                    no_delay(number);
                    watch(epoll, number, EPOLLIN | EPOLLET);
                }
                continue;
            }
            ssize_t got;
            while ((got = recv(number, buffer, sizeof buffer, 0)) > 0) {
                if (send(number, buffer, got, 0) != got)
                    fail("send");
                if (got < (ssize_t)sizeof buffer)
                    break;
            }
            if (got == 0 || (got < 0 && errno != EAGAIN))
                close(number);
        }
    }
}

int main(int count, char **words) {
    if (count == 5 && strcmp(words[1], "load") == 0)
        return load(atoi(words[2]), atoi(words[3]), atof(words[4]));
    if (count == 2 && strcmp(words[1], "serve") == 0)
        return serve();
    fputs("echo load PORT CONNECTIONS SECONDS | echo serve\n", stderr);
    return 2;
}

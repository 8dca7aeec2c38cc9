// Java's works on virtual threads: `java Works.java WORK COUNT` prints microseconds an operation, `serve` is the echo server and prints its port,
// `million COUNT SECONDS` prints CPU seconds and the peak megabytes. What is timed runs once before, so that it is compiled.

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

public class Works {
    interface Work {
        void run() throws Exception;
    }

    static Thread start(Work work) {
        return Thread.startVirtualThread(() -> {
            try {
                work.run();
            } catch (IOException | InterruptedException ended) {
                // the peer is gone
            } catch (Exception error) {
                throw new RuntimeException(error);
            }
        });
    }

    static void both(Work first, Work second) throws InterruptedException {
        Thread one = start(first), two = start(second);
        one.join();
        two.join();
    }

    static void join(Thread[] threads) throws InterruptedException {
        for (Thread thread : threads) thread.join();
    }

    static Work work(String name, int count) {
        return switch (name) {
            case "switching" -> () -> {
                Work give = () -> {
                    for (int turn = 0; turn < count / 2; turn++) Thread.yield();
                };
                both(give, give);
            };
            case "spawning" -> () -> {
                Thread[] threads = new Thread[count];
                for (int task = 0; task < count; task++) threads[task] = start(() -> {});
                join(threads);
            };
            case "alive" -> () -> {
                CountDownLatch event = new CountDownLatch(1);
                Thread[] threads = new Thread[count];
                for (int task = 0; task < count; task++) threads[task] = start(event::await);
                Thread.yield();
                event.countDown();
                join(threads);
            };
            case "queue" -> () -> {
                LinkedBlockingQueue<Integer> there = new LinkedBlockingQueue<>(), back = new LinkedBlockingQueue<>();
                both(() -> {
                    for (int turn = 0; turn < count / 2; turn++) {
                        there.put(turn);
                        back.take();
                    }
                }, () -> {
                    for (int turn = 0; turn < count / 2; turn++) back.put(there.take());
                });
            };
            case "handover" -> () -> {
                Semaphore first = new Semaphore(0), second = new Semaphore(0);
                both(() -> serve(first, second, count), () -> serve(second, first, count));
            };
            case "timers" -> () -> {
                try (ScheduledThreadPoolExecutor pool = new ScheduledThreadPoolExecutor(1)) {
                    pool.setRemoveOnCancelPolicy(true);
                    ScheduledFuture<?>[] timers = new ScheduledFuture<?>[count];
                    for (int number = 0; number < count; number++) timers[number] = pool.schedule(() -> {}, 60 + number % 100, TimeUnit.SECONDS);
                    for (ScheduledFuture<?> timer : timers) timer.cancel(false);
                }
            };
            default -> null;
        };
    }

    static void serve(Semaphore mine, Semaphore other, int count) throws InterruptedException {
        for (int turn = 0; turn < count / 2; turn++) {
            other.release();
            mine.acquire();
        }
    }

    static void echo() throws IOException {
        try (ServerSocket listener = new ServerSocket(0, 1024, InetAddress.getLoopbackAddress())) {
            System.out.println(listener.getLocalPort());
            while (true) {
                Socket connection = listener.accept();
                start(() -> {
                    connection.setTcpNoDelay(true);
                    byte[] buffer = new byte[100 * 1024];
                    var input = connection.getInputStream();
                    var output = connection.getOutputStream();
                    for (int count; (count = input.read(buffer)) > 0;) output.write(buffer, 0, count);
                    connection.close();
                });
            }
        }
    }

    static void million(int count, int seconds) throws Exception {
        long end = System.nanoTime() + seconds * 1_000_000_000L;
        Thread[] threads = new Thread[count];
        for (int task = 0; task < count; task++) threads[task] = start(() -> Thread.sleep(Math.max((end - System.nanoTime()) / 1_000_000, 0)));
        join(threads);
        var system = (com.sun.management.OperatingSystemMXBean) java.lang.management.ManagementFactory.getOperatingSystemMXBean();
        String peak = Files.readAllLines(Path.of("/proc/self/status")).stream().filter(line -> line.startsWith("VmHWM")).findFirst().orElseThrow();
        System.out.println(system.getProcessCpuTime() / 1e9 + " " + Long.parseLong(peak.replaceAll("[^0-9]", "")) * 1024 / 1e6);
    }

    public static void main(String[] words) throws Exception {
        if (words[0].equals("serve")) {
            echo();
            return;
        }
        int count = Integer.parseInt(words[1]);
        if (words[0].equals("million")) {
            million(count, Integer.parseInt(words[2]));
            return;
        }
        Work work = work(words[0], count);
        if (work == null) {
            System.out.println("NaN");
            return;
        }
        work.run();
        long began = System.nanoTime();
        work.run();
        System.out.println((System.nanoTime() - began) / 1e3 / count);
    }
}

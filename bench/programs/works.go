// Go's works: `works WORK COUNT` prints microseconds an operation, `works serve` is the echo server and prints its port,
// `works million COUNT SECONDS` prints CPU seconds and the peak megabytes.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

func contend(tasks, count int, take, give func()) {
	var all sync.WaitGroup
	for task := 0; task < tasks; task++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for turn := 0; turn < count/tasks; turn++ {
				take()
				runtime.Gosched()
				give()
			}
		}()
	}
	all.Wait()
}

func feed(line chan int, count int) {
	for item := 0; item < count; item++ {
		line <- item
	}
}

func stage(source, target chan int) {
	var all sync.WaitGroup
	for task := 0; task < 4; task++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for item := range source {
				runtime.Gosched()
				if target != nil {
					target <- item
				}
			}
		}()
	}
	all.Wait()
	if target != nil {
		close(target)
	}
}

func serve() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	for {
		connection, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go func() {
			defer connection.Close()
			buffer := make([]byte, 100*1024)
			for {
				count, err := connection.Read(buffer)
				if err == nil {
					_, err = connection.Write(buffer[:count])
				}
				if err == io.EOF || err != nil {
					return
				}
			}
		}()
	}
}

func million(count, seconds int) {
	end := time.Now().Add(time.Duration(seconds) * time.Second)
	var all sync.WaitGroup
	all.Add(count)
	for task := 0; task < count; task++ {
		go func() { defer all.Done(); time.Sleep(time.Until(end)) }()
	}
	all.Wait()
	var used syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	cpu := time.Duration(used.Utime.Nano() + used.Stime.Nano()).Seconds()
	fmt.Println(cpu, float64(used.Maxrss)*1024/1e6)
}

func two(first, second func()) {
	var all sync.WaitGroup
	all.Add(2)
	go func() { defer all.Done(); first() }()
	go func() { defer all.Done(); second() }()
	all.Wait()
}

func main() {
	if os.Args[1] == "serve" {
		serve()
	}
	count, _ := strconv.Atoi(os.Args[2])
	if os.Args[1] == "million" {
		seconds, _ := strconv.Atoi(os.Args[3])
		million(count, seconds)
		return
	}
	began := time.Now()
	switch os.Args[1] {
	case "switching":
		give := func() {
			for turn := 0; turn < count/2; turn++ {
				runtime.Gosched()
			}
		}
		two(give, give)
	case "spawning":
		var all sync.WaitGroup
		all.Add(count)
		for task := 0; task < count; task++ {
			go all.Done()
		}
		all.Wait()
	case "alive":
		event := make(chan bool)
		var all sync.WaitGroup
		all.Add(count)
		for task := 0; task < count; task++ {
			go func() { <-event; all.Done() }()
		}
		runtime.Gosched()
		close(event)
		all.Wait()
	case "queue":
		there, back := make(chan int, count), make(chan int, count)
		two(func() {
			for turn := 0; turn < count/2; turn++ {
				there <- turn
				<-back
			}
		}, func() {
			for turn := 0; turn < count/2; turn++ {
				back <- <-there
			}
		})
	case "handover":
		first, second := make(chan bool, 1), make(chan bool, 1)
		serve := func(mine, other chan bool) {
			for turn := 0; turn < count/2; turn++ {
				other <- true
				<-mine
			}
		}
		two(func() { serve(first, second) }, func() { serve(second, first) })
	case "timers":
		timers := make([]*time.Timer, count)
		for number := range timers {
			timers[number] = time.AfterFunc(time.Duration(60+number%100)*time.Second, func() {})
		}
		for _, timer := range timers {
			timer.Stop()
		}
	case "lock":
		var lock sync.Mutex
		contend(2, count, lock.Lock, lock.Unlock)
	case "semaphore":
		permits := make(chan bool, 3)
		contend(10, count, func() { permits <- true }, func() { <-permits })
	case "channel":
		line := make(chan int)
		go feed(line, count)
		for turn := 0; turn < count; turn++ {
			<-line
		}
	case "select":
		first, second := make(chan int), make(chan int)
		go feed(first, count/2)
		go feed(second, count/2)
		for turn := 0; turn < count/2*2; turn++ {
			select {
			case <-first:
			case <-second:
			}
		}
	case "group":
		var all sync.WaitGroup
		for task := 0; task < count; task++ {
			all.Add(1)
			go func() { defer all.Done(); runtime.Gosched() }()
		}
		all.Wait()
	case "timeout":
		for turn := 0; turn < count; turn++ {
			_, cancel := context.WithTimeout(context.Background(), time.Minute)
			cancel()
		}
	case "map":
		items, results := make(chan int), make(chan int)
		go func() { feed(items, count); close(items) }()
		for task := 0; task < 100; task++ {
			go func() {
				for item := range items {
					runtime.Gosched()
					results <- item
				}
			}()
		}
		for turn := 0; turn < count; turn++ {
			<-results
		}
	case "pipeline":
		lines := []chan int{make(chan int, 8), make(chan int, 8), make(chan int, 8)}
		var all sync.WaitGroup
		all.Add(3)
		go func() { defer all.Done(); stage(lines[0], lines[1]) }()
		go func() { defer all.Done(); stage(lines[1], lines[2]) }()
		go func() { defer all.Done(); stage(lines[2], nil) }()
		feed(lines[0], count)
		close(lines[0])
		all.Wait()
	default:
		fmt.Println("NaN")
		return
	}
	fmt.Println(float64(time.Since(began).Nanoseconds()) / 1000 / float64(count))
}

// Go's toolkit: `toolkit WORK COUNT` prints microseconds an operation.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
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

func main() {
	count, _ := strconv.Atoi(os.Args[2])
	began := time.Now()
	switch os.Args[1] {
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
	}
	fmt.Println(float64(time.Since(began).Microseconds()) / float64(count))
}

// SPDX-License-Identifier: MIT

// Channels.
package main

import (
	"sync"
	"time"
)

func pingpong() {
	const N = 1_000_000
	a, b := make(chan int), make(chan int)
	done := make(chan struct{})
	t := time.Now()
	go func() {
		for i := 0; i < N; i++ {
			v := <-a
			b <- v
		}
		close(done)
	}()
	go func() {
		for i := 0; i < N; i++ {
			a <- i
			<-b
		}
	}()
	<-done
	perOp("pingpong", time.Since(t), N)
}

func stream(row string, c, prod, cons, N int) {
	ch := make(chan int, c)
	var wg sync.WaitGroup
	t := time.Now()
	wg.Add(prod + cons)
	for p := 0; p < prod; p++ {
		go func() {
			for i := 0; i < N/prod; i++ {
				ch <- i
			}
			wg.Done()
		}()
	}
	for k := 0; k < cons; k++ {
		go func() {
			s := 0
			for i := 0; i < N/cons; i++ {
				s += <-ch
			}
			wg.Done()
		}()
	}
	wg.Wait()
	perOp(row, time.Since(t), N)
}

func chanUncontended() {
	const N = 10_000_000
	done := make(chan struct{})
	t := time.Now()
	go func() {
		ch := make(chan int, 1)
		for i := 0; i < N; i++ {
			ch <- i
			<-ch
		}
		close(done)
	}()
	<-done
	perOp("chan_uncontended", time.Since(t), N)
}

func gen(c chan<- int, stop <-chan struct{}) {
	for i := 2; ; i++ {
		c <- i
	}
}

func filter(in <-chan int, out chan<- int, p int) {
	for {
		i := <-in
		if i%p != 0 {
			out <- i
		}
	}
}

func sieve() {
	t := time.Now()
	ch := make(chan int)
	go gen(ch, nil)
	p := 0
	for i := 0; i < 2000; i++ {
		p = <-ch
		c1 := make(chan int)
		go filter(ch, c1, p)
		ch = c1
	}
	d := time.Since(t)
	if p != 17389 {
		panic(p)
	}
	out("sieve", d.Seconds()*1e3, "ms")
}

func workerPool() {
	const N = 1_000_000
	jobs, res := make(chan int, 100), make(chan int, 100)
	t := time.Now()
	for w := 0; w < 8; w++ {
		go func() {
			for j := range jobs {
				res <- j * 2
			}
		}()
	}
	go func() {
		for i := 0; i < N; i++ {
			jobs <- i
		}
		close(jobs)
	}()
	s := 0
	for i := 0; i < N; i++ {
		s += <-res
	}
	perOp("worker_pool", time.Since(t), N)
	sinkI = s
}

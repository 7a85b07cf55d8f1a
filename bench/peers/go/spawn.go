// SPDX-License-Identifier: MIT

// Starting goroutines and yielding.
package main

import (
	"runtime"
	"sync"
	"time"
)

func spawn() { // spawn: first round of the process (fresh memory); spawn_warm: the same again
	const N = 1_000_000
	for _, row := range []string{"spawn", "spawn_warm"} {
		var wg sync.WaitGroup
		t := time.Now()
		wg.Add(N)
		for i := 0; i < N; i++ {
			go func() { wg.Done() }()
		}
		wg.Wait()
		perOp(row, time.Since(t), N)
	}
}

func spawnBatch() {
	const R, B = 1000, 1000
	var wg sync.WaitGroup
	t := time.Now()
	for r := 0; r < R; r++ {
		wg.Add(B)
		for i := 0; i < B; i++ {
			go func() { wg.Done() }()
		}
		wg.Wait()
	}
	perOp("spawn_batch", time.Since(t), R*B)
}

func fanout() {
	const R, B = 8000, 100
	t := time.Now()
	for r := 0; r < R; r++ {
		var wg sync.WaitGroup
		wg.Add(B)
		for i := 0; i < B; i++ {
			go func() { wg.Done() }()
		}
		wg.Wait()
	}
	perOp("wg_fanout", time.Since(t), R)
}

func sky(c chan int, num, size, div int) {
	if size == 1 {
		c <- num
		return
	}
	rc := make(chan int)
	sum := 0
	for i := 0; i < div; i++ {
		go sky(rc, num+i*(size/div), size/div, div)
	}
	for i := 0; i < div; i++ {
		sum += <-rc
	}
	c <- sum
}

func skynet() {
	for _, row := range []string{"skynet", "skynet_warm"} {
		t := time.Now()
		c := make(chan int)
		go sky(c, 0, 1000000, 10)
		r := <-c
		d := time.Since(t)
		if r != 499999500000 {
			panic(r)
		}
		out(row, d.Seconds()*1e3, "ms")
	}
}

func yield() {
	G := 2 * P
	M := 4_000_000 / G
	var wg sync.WaitGroup
	t := time.Now()
	for g := 0; g < G; g++ {
		wg.Add(1)
		go func() {
			for i := 0; i < M; i++ {
				runtime.Gosched()
			}
			wg.Done()
		}()
	}
	wg.Wait()
	perOp("yield", time.Since(t), G*M)
}

func fibg(n int) int {
	if n < 2 {
		return n
	}
	c := make(chan int, 1)
	go func() { c <- fibg(n - 1) }()
	y := fibg(n - 2)
	return <-c + y
}

func fib() {
	t := time.Now()
	r := make(chan int)
	go func() { r <- fibg(27) }()
	v := <-r
	d := time.Since(t)
	if v != 196418 {
		panic(v)
	}
	perOp("fib", d, 317810)
}

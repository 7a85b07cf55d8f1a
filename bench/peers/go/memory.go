// SPDX-License-Identifier: MIT

// A million goroutines, parked or queued.
package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

func parked() {
	const N = 1_000_000
	ch := make(chan struct{})
	var wg sync.WaitGroup
	wg.Add(N)
	debug.FreeOSMemory()
	r0 := rss()
	for i := 0; i < N; i++ {
		go func() { <-ch; wg.Done() }()
	}
	for i := 0; i < 60; i++ { // let all of them park
		time.Sleep(5 * time.Millisecond)
	}
	r1 := rss()
	out("parked_mem", float64(r1-r0)/N, "B")
	t := time.Now()
	close(ch)
	wg.Wait()
	perOp("wake_all", time.Since(t), N)
}

func queued() {
	const N = 1_000_000
	var started atomic.Int64
	ch := make(chan struct{})
	debug.SetGCPercent(-1)
	r0 := rss()
	go func() {
		for i := 0; i < N; i++ {
			go func() { started.Add(1); <-ch }()
		}
		r1 := rss()
		fmt.Fprintln(os.Stderr, "queued: started already:", started.Load())
		out("queued_mem", float64(r1-r0)/N, "B")
		os.Exit(0)
	}()
	select {}
}

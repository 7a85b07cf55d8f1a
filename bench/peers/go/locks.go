// SPDX-License-Identifier: MIT

// Mutexes and contexts.
package main

import (
	"context"
	"sync"
	"time"
)

func mutexes() {
	const N = 20_000_000
	var mu sync.Mutex
	x := 0
	perOp("mutex_uncontended", par(1, func(int) {
		for i := 0; i < N; i++ {
			mu.Lock()
			x++
			mu.Unlock()
		}
	}), N)
	const M = 8_000_000
	perOp("mutex_contended", par(8, func(int) {
		for i := 0; i < M/8; i++ {
			mu.Lock()
			x++
			mu.Unlock()
		}
	}), M)
	var rw sync.RWMutex
	const K = 8_000_000
	perOp("rwmutex_read", par(8, func(int) {
		s := 0
		for i := 0; i < K/8; i++ {
			rw.RLock()
			s += x
			rw.RUnlock()
		}
		if s == 42 {
			sinkB = true
		}
	}), K)
	const L = 4_000_000
	perOp("rwmutex_mixed", par(8, func(g int) {
		s := 0
		for i := 0; i < L/8; i++ {
			if (i+g*12)%100 == 0 {
				rw.Lock()
				x++
				rw.Unlock()
			} else {
				rw.RLock()
				s += x
				rw.RUnlock()
			}
		}
		if s == 42 {
			sinkB = true
		}
	}), L)
}

func contextCancel() {
	const N = 100_000
	best := time.Duration(1 << 62)
	for r := 0; r < 3; r++ {
		ctx, cancel := context.WithCancel(context.Background())
		var wg, ready sync.WaitGroup
		wg.Add(N)
		ready.Add(N)
		for i := 0; i < N; i++ {
			c, cc := context.WithCancel(ctx)
			_ = cc
			go func() { ready.Done(); <-c.Done(); wg.Done() }()
		}
		ready.Wait()
		time.Sleep(20 * time.Millisecond)
		t := time.Now()
		cancel()
		wg.Wait()
		if d := time.Since(t); d < best {
			best = d
		}
	}
	perOp("context_cancel", best, N)
	const M = 1_000_000
	ctx, cancel := context.WithCancel(context.Background())
	t := time.Now()
	for i := 0; i < M; i++ {
		_, cc := context.WithCancel(ctx)
		cc()
	}
	perOp("context_child", time.Since(t), M)
	cancel()
}

// SPDX-License-Identifier: MIT

// Time.
package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

func timers() {
	const G, R = 100_000, 5
	late := make([]int64, G*R)
	var wg sync.WaitGroup
	c0 := cpu()
	t := time.Now()
	wg.Add(G)
	for g := 0; g < G; g++ {
		g := g
		go func() {
			x := uint64(g)*0x9E3779B97F4A7C15 + 1
			for r := 0; r < R; r++ {
				x ^= x << 13
				x ^= x >> 7
				x ^= x << 17
				d := time.Duration(x % 20_000_000)
				t0 := time.Now()
				time.Sleep(d)
				late[g*R+r] = int64(time.Since(t0) - d)
			}
			wg.Done()
		}()
	}
	wg.Wait()
	d := time.Since(t)
	c := cpu() - c0
	out("timers_wall", d.Seconds()*1e3, "ms")
	out("timers_cpu", c.Seconds()*1e3, "ms")
	out("timers_late_p50", pct(late, .5)/1e3, "us")
	out("timers_late_p99", pct(late, .99)/1e3, "us")
}

func timerOps() {
	const N = 4_000_000
	// channel timer nobody waits on (Go >= 1.23 keeps it out of the heap)
	t := time.NewTimer(time.Hour)
	t0 := time.Now()
	for i := 0; i < N; i++ {
		t.Reset(time.Hour + time.Duration(i))
	}
	perOp("timer_reset_chan", time.Since(t0), N)
	// AfterFunc timer: in the P's heap, alongside 10,000 others
	var keep []*time.Timer
	for i := 0; i < 10000; i++ {
		keep = append(keep, time.AfterFunc(time.Hour+time.Duration(i)*time.Second, func() {}))
	}
	f := time.AfterFunc(time.Hour, func() {})
	t0 = time.Now()
	for i := 0; i < N; i++ {
		f.Reset(time.Hour + time.Duration(i))
	}
	perOp("timer_reset", time.Since(t0), N)
	const M = 2_000_000
	t0 = time.Now()
	for i := 0; i < M; i++ {
		time.AfterFunc(time.Hour+time.Duration(i), func() {}).Stop()
	}
	perOp("timer_stop", time.Since(t0), M)
	t0 = time.Now()
	for i := 0; i < M; i++ {
		time.NewTimer(time.Hour + time.Duration(i)).Stop()
	}
	perOp("timer_stop_chan", time.Since(t0), M)
	runtime.KeepAlive(keep)
}

func after() {
	const N = 1_000_000
	ch := make(chan int, 1)
	t := time.Now()
	for i := 0; i < N; i++ {
		ch <- i
		select {
		case <-ch:
		case <-time.After(time.Second):
			panic("timeout")
		}
	}
	perOp("after", time.Since(t), N)
}

func wakeIdle(row string, spin bool) {
	const N = 1500
	lat := make([]int64, 0, N)
	ch := make(chan time.Time)
	var ack atomic.Int64
	done := make(chan struct{})
	go func() {
		for t := range ch {
			lat = append(lat, int64(time.Since(t)))
			ack.Add(1)
		}
		close(done)
	}()
	for i := int64(1); i <= N; i++ {
		time.Sleep(200 * time.Microsecond)
		ch <- time.Now()
		if spin { // the sender stays busy: the receiver must run on another thread
			for ack.Load() < i {
			}
		}
	}
	close(ch)
	<-done
	out(row+"_p50", pct(lat, .5)/1e3, "us")
	out(row+"_p99", pct(lat, .99)/1e3, "us")
}

// SPDX-License-Identifier: MIT

// bench <row> <P>: prints "<row> <P> <value> <unit>" lines. GOMAXPROCS=P.
// ns/op is always wall time / total operations of the whole process.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

var P int
var sinkI int
var sinkB bool

func out(row string, v float64, unit string) { fmt.Printf("%s %d %.2f %s\n", row, P, v, unit) }
func perOp(row string, d time.Duration, n int) {
	out(row, float64(d.Nanoseconds())/float64(n), "ns")
}
func rss() int64 {
	b, _ := os.ReadFile("/proc/self/statm")
	f := strings.Fields(string(b))
	v, _ := strconv.ParseInt(f[1], 10, 64)
	return v * 4096
}
func cpu() time.Duration {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
func pct(a []int64, p float64) float64 {
	sort.Slice(a, func(i, j int) bool { return a[i] < a[j] })
	return float64(a[int(p*float64(len(a)-1))])
}

func par(G int, f func(g int)) time.Duration {
	var wg sync.WaitGroup
	t := time.Now()
	wg.Add(G)
	for g := 0; g < G; g++ {
		g := g
		go func() { f(g); wg.Done() }()
	}
	wg.Wait()
	return time.Since(t)
}

func main() {
	row := os.Args[1]
	P, _ = strconv.Atoi(os.Args[2])
	runtime.GOMAXPROCS(P)
	rows := map[string]func(){
		"spawn": spawn, "spawn_batch": spawnBatch, "wg_fanout": fanout, "skynet": skynet, "yield": yield,
		"pingpong":         pingpong,
		"chan_unbuf":       func() { stream("chan_unbuf", 0, 1, 1, 2_000_000) },
		"chan_buf":         func() { stream("chan_buf", 128, 1, 1, 8_000_000) },
		"chan_mpmc":        func() { stream("chan_mpmc", 128, 4, 4, 4_000_000) },
		"chan_uncontended": chanUncontended, "select2": select2, "select8": select8,
		"select_default": selectDefault,
		"sieve":          sieve, "mutex": mutexes, "fib": fib, "timers": timers,
		"timer_ops": timerOps, "after": after,
		"wake_idle":      func() { wakeIdle("wake_idle", true) },
		"wake_idle_park": func() { wakeIdle("wake_idle_park", false) },
		"syscall_sleep":  syscallSleep, "syscall_read": syscallRead, "parked": parked, "queued": queued,
		"context": contextCancel, "worker_pool": workerPool,
	}
	if row == "list" {
		for k := range rows {
			fmt.Println(k)
		}
		return
	}
	rows[row]()
}

// SPDX-License-Identifier: MIT

// Blocking system calls.
package main

import "syscall"

func syscallSleep() {
	d := par(64, func(int) {
		for i := 0; i < 10; i++ {
			ts := syscall.Timespec{Nsec: 5_000_000}
			syscall.Nanosleep(&ts, nil)
		}
	})
	out("syscall_sleep", d.Seconds()*1e3, "ms")
}

func syscallRead() {
	fd, err := syscall.Open("/dev/zero", syscall.O_RDONLY, 0)
	if err != nil {
		panic(err)
	}
	const N = 500_000
	perOp("syscall_read", par(8, func(int) {
		var b [1]byte
		for i := 0; i < N/8; i++ {
			syscall.Pread(fd, b[:], 0)
		}
	}), N)
}

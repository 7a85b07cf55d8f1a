// SPDX-License-Identifier: MIT

// Select.
package main

import "time"

func select2() {
	const N = 1_000_000
	a, b := make(chan int), make(chan int)
	done := make(chan struct{})
	t := time.Now()
	for _, c := range []chan int{a, b} {
		c := c // Go before 1.22 has one c for the whole loop
		go func() {
			for i := 0; i < N/2; i++ {
				c <- i
			}
		}()
	}
	go func() {
		s := 0
		for i := 0; i < N; i++ {
			select {
			case v := <-a:
				s += v
			case v := <-b:
				s += v
			}
		}
		close(done)
	}()
	<-done
	perOp("select2", time.Since(t), N)
}

func select8() {
	const N = 500_000
	var c [8]chan int
	done := make(chan struct{})
	t := time.Now()
	for i := range c {
		i := i
		c[i] = make(chan int)
		go func() {
			for k := 0; k < N/8; k++ {
				c[i] <- k
			}
		}()
	}
	c0, c1, c2, c3, c4, c5, c6, c7 := c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]
	go func() {
		s := 0
		for i := 0; i < N; i++ {
			select {
			case v := <-c0:
				s += v
			case v := <-c1:
				s += v
			case v := <-c2:
				s += v
			case v := <-c3:
				s += v
			case v := <-c4:
				s += v
			case v := <-c5:
				s += v
			case v := <-c6:
				s += v
			case v := <-c7:
				s += v
			}
		}
		close(done)
	}()
	<-done
	perOp("select8", time.Since(t), N)
}

func selectDefault() {
	const N = 50_000_000
	done := make(chan struct{})
	ch := make(chan int, 1)
	t := time.Now()
	go func() {
		k := 0
		for i := 0; i < N; i++ {
			select {
			case <-ch:
				k++
			default:
			}
		}
		sinkI = k
		close(done)
	}()
	<-done
	perOp("select_default", time.Since(t), N)
	const M = 5_000_000 // two empty channels + default: the general selectgo path
	d2 := make(chan struct{})
	c2 := make(chan int, 1)
	t = time.Now()
	go func() {
		k := 0
		for i := 0; i < M; i++ {
			select {
			case <-ch:
				k++
			case <-c2:
				k++
			default:
			}
		}
		sinkI = k
		close(d2)
	}()
	<-d2
	perOp("select_default2", time.Since(t), M)
}

package main

import "testing"

// The ranks come from the usual tables for the sign test.
func TestMedianWithin(t *testing.T) {
	for n, rank := range map[int]int{5: 1, 6: 1, 9: 2, 15: 4, 20: 6, 25: 8} {
		var values []float64
		for i := range n {
			values = append(values, float64((i*7)%n+1))
		}
		middle, low, high := medianWithin(values)
		if middle != float64(n+1)/2 || low != float64(rank) || high != float64(n+1-rank) {
			t.Errorf("%d values: %v (%v to %v), want ranks %d and %d", n, middle, low, high, rank, n+1-rank)
		}
	}
}

// The run of a live version is the one that registry.sql writes.
func TestLiveRun(t *testing.T) {
	if got := liveRun(1); got != "dfa6166ca910359aadfad0b30f84434d" { // md5('1/38')
		t.Error(got)
	}
}

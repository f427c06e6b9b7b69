package rtnl

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestListIsASlice does the same to a list and to a slice.
func TestListIsASlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l list[int]
		var want []int
		for range rapid.IntRange(1, 6).Draw(t, "steps") {
			for range rapid.IntRange(0, 300).Draw(t, "add") {
				v := l.add()
				if *v != 0 {
					t.Fatalf("a new entry is %d", *v)
				}
				*v = len(want) + 1
				want = append(want, *v)
			}
			if rapid.Bool().Draw(t, "cut") {
				n := rapid.IntRange(0, len(want)).Draw(t, "n")
				l.cut(n)
				want = want[:n]
			}
			if l.len() != len(want) {
				t.Fatalf("%d entries, want %d", l.len(), len(want))
			}
		}
		if got := l.take(); !slices.Equal(got, want) || l.len() != 0 {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

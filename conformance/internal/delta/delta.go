// Package delta makes reproductions small.
package delta

import "slices"

// Shrink is delta debugging: it returns a shorter list that fails too, by leaving out
// halves, quarters, ... single elements as long as the rest still fails. Those that keep
// names stay.
func Shrink[T any](xs []T, keep func(T) bool, fails func([]T) bool) []T {
	for size := len(xs) / 2; size >= 1; {
		removed := false
		for at := 0; at < len(xs); {
			end := min(at+size, len(xs))
			kept := slices.DeleteFunc(slices.Clone(xs[at:end]), func(x T) bool { return !keep(x) })
			rest := slices.Concat(xs[:at], kept, xs[end:])
			if len(rest) < len(xs) && fails(rest) {
				xs, removed = rest, true
				at += len(kept)
			} else {
				at = end
			}
		}
		if size > 1 {
			size /= 2
		} else if !removed {
			break
		}
	}
	return xs
}

package conformance

import "math/rand/v2"

// dice is the source of chance of one scenario: equal seeds give equal scenarios.
type dice struct{ *rand.Rand }

func newDice(seed, stream uint64) dice { return dice{rand.New(rand.NewPCG(seed, stream))} }

// chance is true in pct of 100 cases.
func (d dice) chance(pct int) bool { return d.IntN(100) < pct }

// pick returns one of the values.
func pick[T any](d dice, vs ...T) T { return vs[d.IntN(len(vs))] }

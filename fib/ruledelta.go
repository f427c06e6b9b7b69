package fib

import (
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
)

// ruleDelta is what became of the rules since their index was made. Rules are
// numbered: those of the index by the places that they had, later ones behind.
type ruleDelta struct {
	places  []int32 // by number: the present place, -1: the rule is gone; nil: as they were
	numbers []int32 // by place
	added   []int32 // the numbers of later rules, by their places
	changes int
}

// maxDelta is the number of changes after which the index is made anew. A lookup
// tests up to that many rules one by one.
const maxDelta = 64

// number returns the number of the rule at a place.
func (d *ruleDelta) number(place int32) int32 {
	if d.places == nil {
		return place
	}
	return d.numbers[place]
}

// first is plan.first with changes. What the index has first may be gone: then it
// looks at all lists.
func (d *ruleDelta) first(p *plan, k *rpdb.Key) int32 {
	c := p.candidates(k)
	if i := c.Next(0); i >= 0 {
		return int32(i)
	}
	return none
}

// start returns a copy to be changed, of n rules.
func (d *ruleDelta) start(n int) ruleDelta {
	out := ruleDelta{changes: d.changes + 1}
	if d.places != nil {
		out.places, out.numbers, out.added = slices.Clone(d.places), slices.Clone(d.numbers), slices.Clone(d.added)
		return out
	}
	out.places, out.numbers = make([]int32, n), make([]int32, n)
	for i := range n {
		out.places[i], out.numbers[i] = int32(i), int32(i)
	}
	return out
}

// add puts a new rule to a place.
func (d *ruleDelta) add(place int32) {
	d.shift(place, 1)
	number := int32(len(d.places))
	d.places = append(d.places, place)
	d.numbers = slices.Insert(d.numbers, int(place), number)
	at, _ := slices.BinarySearchFunc(d.added, place, func(n, place int32) int { return int(d.places[n] - place) })
	d.added = slices.Insert(d.added, at, number)
}

// remove takes the rule at a place away.
func (d *ruleDelta) remove(place int32) {
	number := d.numbers[place]
	d.places[number] = -1
	d.shift(place, -1)
	d.numbers = slices.Delete(d.numbers, int(place), int(place)+1)
	if at := slices.Index(d.added, number); at >= 0 {
		d.added = slices.Delete(d.added, at, at+1)
	}
}

func (d *ruleDelta) shift(from, by int32) {
	for i, place := range d.places {
		if place >= from {
			d.places[i] = place + by
		}
	}
}

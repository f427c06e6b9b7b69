package diagram

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// layout gives every box and port its place (after Sugiyama, Tagawa and Toda: columns,
// passages for long cables, few crossings, straight lines).
func (d *drawing) layout() {
	d.assignColumns()
	d.passages()
	d.order()
	d.sides()
	for _, b := range d.boxes {
		b.measure()
	}
	d.place()
}

// neighbours are the hosts that a host has cables to.
func (d *drawing) neighbours(b *box) (list []*box) {
	for _, w := range d.wires {
		switch b {
		case w.from.box:
			list = append(list, w.to.box)
		case w.to.box:
			list = append(list, w.from.box)
		}
	}
	return list
}

// assignColumns puts each host as far right as the longest way to it, where cables lead
// from hosts that are found sooner to those that are found later, from the first host on.
func (d *drawing) assignColumns() {
	var found []*box
	for _, root := range d.boxes {
		if slices.Contains(found, root) {
			continue
		}
		found = append(found, root)
		for i := len(found) - 1; i < len(found); i++ {
			for _, n := range d.neighbours(found[i]) {
				if !slices.Contains(found, n) {
					found = append(found, n)
				}
			}
		}
	}
	for i, b := range found {
		for _, n := range d.neighbours(b) {
			if slices.Index(found, n) > i {
				n.column = max(n.column, b.column+1)
			}
		}
	}
}

// passages turns each cable to lead from left to right, and gives it a passage through
// each column between its ends.
func (d *drawing) passages() {
	for _, w := range d.wires {
		if w.from.box.column > w.to.box.column {
			w.from, w.to = w.to, w.from
		}
		last := w.from.box
		for c := last.column + 1; c < w.to.box.column; c++ {
			p := &box{column: c}
			d.boxes = append(d.boxes, p)
			w.via = append(w.via, p)
			last.after, p.before = append(last.after, p), append(p.before, last)
			last = p
		}
		last.after, w.to.box.before = append(last.after, w.to.box), append(w.to.box.before, last)
	}
	for _, b := range d.boxes {
		for len(d.columns) <= b.column {
			d.columns = append(d.columns, nil)
		}
		d.columns[b.column] = append(d.columns[b.column], b)
	}
}

// order sorts each column by where the neighbours are, from left to right and back.
func (d *drawing) order() {
	rank := map[*box]float64{}
	number := func(column []*box) {
		for i, b := range column {
			rank[b] = float64(i) - float64(len(column)-1)/2
		}
	}
	for _, c := range d.columns {
		number(c)
	}
	sortBy := func(column []*box, near func(*box) []*box) {
		weight := map[*box]float64{}
		for _, b := range column {
			weight[b] = mean(near(b), func(n *box) float64 { return rank[n] }, rank[b])
		}
		slices.SortStableFunc(column, func(a, b *box) int { return cmp.Compare(weight[a], weight[b]) })
		number(column)
	}
	for range 4 {
		for _, c := range d.columns {
			sortBy(c, func(b *box) []*box { return b.before })
		}
		for _, c := range slices.Backward(d.columns) {
			sortBy(c, func(b *box) []*box { return b.after })
		}
	}
}

func mean(list []*box, value func(*box) float64, without float64) float64 {
	if len(list) == 0 {
		return without
	}
	sum := 0.0
	for _, b := range list {
		sum += value(b)
	}
	return sum / float64(len(list))
}

// sides puts the devices with cables at the edge that faces the other end, in the order
// in which the ends stand there.
func (d *drawing) sides() {
	toward := map[*port]*box{}
	for _, w := range d.wires {
		chain := append(append([]*box{w.from.box}, w.via...), w.to.box)
		toward[w.from], toward[w.to] = chain[1], chain[len(chain)-2]
		w.from.box.right = append(w.from.box.right, w.from)
		w.to.box.left = append(w.to.box.left, w.to)
	}
	row := func(p *port) int { return slices.Index(d.columns[toward[p].column], toward[p]) }
	for _, b := range d.boxes {
		for _, ports := range [][]*port{b.left, b.right} {
			slices.SortStableFunc(ports, func(x, y *port) int { return cmp.Compare(row(x), row(y)) })
		}
	}
}

// place gives the boxes their coordinates: columns side by side, with room for notes, and
// boxes as near to the height of their neighbours as the others of the column allow.
func (d *drawing) place() {
	x := float64(margin)
	for i, column := range d.columns {
		width, y := 0.0, float64(margin)
		for _, b := range column {
			width = max(width, b.width)
			b.y = y
			y += b.height + boxGap
		}
		for _, b := range column {
			b.x = x + (width-b.width)/2
			if b.host == nil {
				b.x, b.width = x, width
			}
		}
		x += width + d.corridor(i)
	}
	for range 12 {
		for _, c := range d.columns {
			settle(c, func(b *box) []*box { return b.before })
		}
		for _, c := range slices.Backward(d.columns) {
			settle(c, func(b *box) []*box { return b.after })
		}
	}
	top := math.Inf(1)
	for _, b := range d.boxes {
		top = min(top, b.y)
	}
	for _, b := range d.boxes {
		b.y += margin - top
	}
}

// corridor is the room between a column and the next one.
func (d *drawing) corridor(column int) float64 {
	room := 70.0
	for _, w := range d.wires {
		if w.note != "" && w.from.box.column == column {
			room = max(room, textWidth(w.note)+24)
		}
	}
	return room
}

// settle moves the boxes of a column to the height of their neighbours, in their order
// and with gaps: where they would overlap they share the way.
func settle(column []*box, near func(*box) []*box) {
	type group struct {
		boxes  []*box
		sum    float64 // of the wished tops, less the offset in the group
		height float64
	}
	var groups []group
	top := func(g group) float64 { return g.sum / float64(len(g.boxes)) }
	for _, b := range column {
		wish := mean(near(b), func(n *box) float64 { return n.y + n.height/2 }, b.y+b.height/2) - b.height/2
		g := group{[]*box{b}, wish, b.height}
		for len(groups) > 0 && top(groups[len(groups)-1])+groups[len(groups)-1].height+boxGap > top(g) {
			last := groups[len(groups)-1]
			groups = groups[:len(groups)-1]
			g.sum = last.sum + g.sum - float64(len(g.boxes))*(last.height+boxGap)
			g.boxes = append(last.boxes, g.boxes...)
			g.height += last.height + boxGap
		}
		groups = append(groups, g)
	}
	for _, g := range groups {
		y := top(g)
		for _, b := range g.boxes {
			b.y = y
			y += b.height + boxGap
		}
	}
}

// draw draws a cable: curves between columns, straight through passages.
func (w *wire) draw(s *strings.Builder) {
	class := "wire"
	if !w.from.dev.Up || !w.to.dev.Up {
		class = "wire off"
	}
	x, y := w.from.at()
	fmt.Fprintf(s, `<path class="%s" d="M%.1f %.1f`, class, x, y)
	curve := func(tx, ty float64) {
		fmt.Fprintf(s, "C%.1f %.1f %.1f %.1f %.1f %.1f", (x+tx)/2, y, (x+tx)/2, ty, tx, ty)
		x, y = tx, ty
	}
	noteX, noteY := 0.0, 0.0
	for i, p := range append(slices.Clone(w.via), nil) {
		tx, ty := w.to.at()
		if p != nil {
			tx, ty = p.x, p.y+p.height/2
		}
		if i == 0 {
			noteX, noteY = (x+tx)/2, (y+ty)/2-5
		}
		curve(tx, ty)
		if p != nil {
			x += p.width
			fmt.Fprintf(s, "H%.1f", x)
		}
	}
	s.WriteString("\"/>\n")
	if w.note != "" {
		text(s, "n", "middle", noteX, noteY, w.note)
	}
}

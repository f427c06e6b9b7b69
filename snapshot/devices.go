package snapshot

import (
	"cmp"
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
)

// devices is the one list of devices that pieces are given their indexes from.
type devices struct {
	list   []rpdb.Link
	origin []*piece // of each in list
	byName map[string]int
	used   map[int]bool
	top    int
}

func (d *devices) add(l rpdb.Link, p *piece) {
	d.list = append(d.list, l)
	d.origin = append(d.origin, p)
	d.used[l.Index] = true
	d.top = max(d.top, l.Index)
	for _, name := range append([]string{l.Name}, l.AltNames...) {
		if _, ok := d.byName[name]; !ok {
			d.byName[name] = l.Index
		}
	}
}

// addFree adds a device under its own index, or the next one if that is taken.
func (d *devices) addFree(l rpdb.Link, p *piece) int {
	if d.used[l.Index] {
		l.Index = d.top + 1
	}
	d.add(l, p)
	return l.Index
}

// links makes one list of the devices of all pieces, and gives the pieces its
// indexes. A device that was described wins over one that was only numbered, and
// that over one that was only named.
func (m *merger) links() {
	d := &devices{byName: map[string]int{}, used: map[int]bool{}, top: rpdb.Loopback}
	pieces := m.l.pieces
	for i := range pieces {
		m.described(d, &pieces[i])
	}
	for i := range pieces {
		if p := &pieces[i]; p.indexOnly {
			for _, l := range p.state.Links {
				if !d.used[l.Index] {
					d.add(l, p)
				}
			}
		}
	}
	if _, ok := d.byName["lo"]; !ok && !d.used[rpdb.Loopback] {
		d.add(assumedLink(rpdb.Loopback, "lo"), nil)
	}
	for i := range pieces {
		d.renumber(&pieces[i])
	}
	slices.SortStableFunc(d.list, func(a, b rpdb.Link) int { return cmp.Compare(a.Index, b.Index) })
	m.state.Links = d.list
}

// assumedLink returns a device that nobody described.
func assumedLink(index int, name string) rpdb.Link {
	l := rpdb.Link{
		Index: index, Name: name, Assumed: true,
		Flags: rpdb.IFFUp | rpdb.IFFRunning | rpdb.IFFLowerUp,
	}
	if index == rpdb.Loopback {
		l.Flags |= rpdb.IFFLoopback
	}
	return l
}

// described adds the devices that a piece describes.
func (m *merger) described(d *devices, p *piece) {
	for _, l := range p.state.Links {
		if l.Assumed {
			continue
		}
		i, named := d.byName[l.Name]
		switch {
		case named && i == l.Index: // the same device again
		case named:
			m.l.warn.addf(Repeated, p.file, 0, "device %s has index %d here and %d in a file before; that stays", l.Name, l.Index, i)
		case d.used[l.Index]:
			m.l.warn.addf(Repeated, p.file, 0, "device %s has the index %d of another device in a file before: are the files of one host?", l.Name, l.Index)
			d.addFree(l, p)
		default:
			d.add(l, p)
		}
	}
}

// renumber gives a piece the final indexes of the devices that it names, adding
// those that no piece describes.
func (d *devices) renumber(p *piece) {
	if p.indexOnly {
		return
	}
	final := map[int]int{}
	for _, l := range p.state.Links {
		i, ok := d.byName[l.Name]
		if !ok {
			i = d.addFree(l, p)
		}
		if i != l.Index {
			final[l.Index] = i
		}
	}
	if len(final) == 0 {
		return
	}
	change := func(i *int) {
		if n, ok := final[*i]; ok {
			*i = n
		}
	}
	p.eachIndex(change)
	for i := range d.list {
		if d.origin[i] == p {
			change(&d.list[i].Master)
			change(&d.list[i].Peer)
		}
	}
}

// eachIndex calls f for every device index that the entries of a piece, other
// than its links, refer to.
func (p *piece) eachIndex(f func(*int)) {
	s := &p.state
	done := map[*rpdb.NextHop]bool{}
	for i := range s.Routes {
		hops := s.Routes[i].NextHops
		if len(hops) == 0 || done[&hops[0]] { // routes may share their nexthops
			continue
		}
		done[&hops[0]] = true
		for j := range hops {
			f(&hops[j].Dev)
		}
	}
	for i := range s.NextHops {
		f(&s.NextHops[i].Hop.Dev)
	}
	for i := range s.Addrs {
		f(&s.Addrs[i].Index)
	}
	for i := range s.Neighs {
		f(&s.Neighs[i].Index)
	}
	for i := range s.Labels {
		f(&s.Labels[i].Index)
	}
}

package iproute2

import (
	"sort"

	"github.com/rulewalk/rulewalk/rpdb"
)

// devices collects the devices of a text. Until all is read, a device that was
// only named has a provisional, negative index.
type devices struct {
	list    []*rpdb.Link
	byName  map[string]*rpdb.Link
	byIndex map[int]*rpdb.Link
}

func newDevices() devices {
	return devices{byName: map[string]*rpdb.Link{}, byIndex: map[int]*rpdb.Link{}}
}

// assumedFlags are those of a device that nobody described.
const assumedFlags = rpdb.IFFUp | rpdb.IFFRunning | rpdb.IFFLowerUp

// peer returns the index of what stands after @: a device of this namespace, or
// ifN for one of another.
func (d *devices) peer(s string) (int, bool) {
	if i, ok := ifN(s); ok {
		return i, true
	}
	return d.index(s)
}

// named returns the device of a name, which may be new.
func (d *devices) named(name string) *rpdb.Link {
	if l, ok := d.byName[name]; ok {
		return l
	}
	if i, ok := ifN(name); ok {
		return d.numbered(i, name)
	}
	l := d.add(-len(d.list)-1, name)
	return l
}

func (d *devices) add(index int, name string) *rpdb.Link {
	l := &rpdb.Link{Index: index, Name: name, Assumed: true, Flags: assumedFlags}
	if name == "lo" {
		l.Flags |= rpdb.IFFLoopback
	}
	d.list = append(d.list, l)
	d.byName[name] = l
	d.byIndex[index] = l
	return l
}

// index returns the index, perhaps provisional, of a name.
func (d *devices) index(name string) (int, bool) {
	if name == "*" {
		return 0, true
	}
	return d.named(name).Index, true
}

// numbered returns the device of an index and a name, as a link line gives them.
// The provisional index that a name had before stays known as another key.
func (d *devices) numbered(index int, name string) *rpdb.Link {
	if l, ok := d.byIndex[index]; ok {
		if l.Name != name {
			delete(d.byName, l.Name)
			l.Name = name
			d.byName[name] = l
		}
		return l
	}
	l, ok := d.byName[name]
	if !ok || l.Index > 0 {
		return d.add(index, name)
	}
	l.Index = index
	d.byIndex[index] = l
	return l
}

// settle gives every device its final index, and returns the devices in order of
// index. Invented indexes follow the greatest that was shown.
func (d *devices) settle() []rpdb.Link {
	for _, l := range d.list {
		for _, alt := range l.AltNames {
			d.alias(alt, l)
		}
	}
	top := rpdb.Loopback
	for _, l := range d.list {
		top = max(top, l.Index)
	}
	for _, l := range d.list {
		switch {
		case l.Index > 0:
		case l.Name == "lo" && d.byIndex[rpdb.Loopback] == nil:
			l.Index = rpdb.Loopback
			d.byIndex[rpdb.Loopback] = l
		default:
			top++
			l.Index = top
			d.byIndex[top] = l
		}
	}
	links := make([]rpdb.Link, 0, len(d.list))
	for _, l := range d.list {
		if d.byIndex[l.Index] != l {
			continue // an alternative name that was used as a device
		}
		l.Master = d.final(l.Master)
		l.Peer = d.final(l.Peer)
		links = append(links, *l)
	}
	sort.SliceStable(links, func(i, j int) bool { return links[i].Index < links[j].Index })
	return links
}

// alias lets a device that was only named by an alternative name be the real one.
func (d *devices) alias(alt string, l *rpdb.Link) {
	other, ok := d.byName[alt]
	if !ok || other == l || other.Index > 0 {
		return
	}
	d.byIndex[other.Index] = l
	other.Index = l.Index
	d.byName[alt] = l
}

// final turns a provisional index into the final one.
func (d *devices) final(index int) int {
	if index >= 0 {
		return index
	}
	if l := d.byIndex[index]; l != nil {
		return l.Index
	}
	return 0
}

// Package diagram draws the hosts of a world and the cables between them as SVG.
//
// Hosts stand in columns, from the first one on, by how far away they are; a cable goes
// from one column to the next. Texts are of one width each, so that the picture fits them
// wherever it is shown.
package diagram

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rulewalk/rulewalk/lab"
)

// Notes are texts for cables, by the ID of the device at one of their ends.
type Notes map[uint64]string

// Measures of the picture, in pixels.
const (
	charWidth  = 7.25 // of a monospaced font of 12 pixels
	lineHeight = 16
	padding    = 10
	headHeight = 26
	rowGap     = 8  // between two devices of a host
	boxGap     = 30 // between two hosts of a column
	margin     = 24
)

// box is a host, or the passage of a cable through a column.
type box struct {
	host          *lab.PlanHost // nil: a passage
	left, right   []*port       // devices at its edges
	inner         []*lab.PlanDevice
	column        int
	x, y          float64
	width, height float64
	before, after []*box // neighbours in the columns beside it
}

// port is a device where a cable is plugged in.
type port struct {
	dev *lab.PlanDevice
	box *box
	far *port
	y   float64 // of its middle, from the top of its box
}

// wire is a cable between two ports, with the passages between them.
type wire struct {
	from, to *port
	via      []*box
	note     string
}

// SVG draws a plan.
func SVG(p lab.Plan, notes Notes) []byte {
	d := newDrawing(p, notes)
	d.layout()
	return d.svg(p.Name)
}

// drawing is a picture that is made.
type drawing struct {
	boxes   []*box
	wires   []*wire
	columns [][]*box
}

func newDrawing(p lab.Plan, notes Notes) *drawing {
	d := &drawing{}
	ports := map[uint64]*port{}
	for i := range p.Hosts {
		b := &box{host: &p.Hosts[i]}
		d.boxes = append(d.boxes, b)
		for j := range b.host.Devices {
			dev := &b.host.Devices[j]
			ports[dev.ID] = &port{dev: dev, box: b}
		}
	}
	for _, b := range d.boxes {
		for j := range b.host.Devices {
			d.plug(b, ports, notes, ports[b.host.Devices[j].ID])
		}
	}
	return d
}

// plug finds out where a device of a host leads to.
func (d *drawing) plug(b *box, ports map[uint64]*port, notes Notes, x *port) {
	far := ports[x.dev.Pair]
	switch {
	case far != nil && far.box != b:
		if x.far = far; far.far == x { // seen from the other end already
			d.wires = append(d.wires, &wire{from: far, to: x, note: firstNote(notes, x.dev.ID, far.dev.ID)})
		}
	case x.dev.Name == "lo" && len(x.dev.Addrs) == 0:
	default:
		b.inner = append(b.inner, x.dev)
	}
}

func firstNote(notes Notes, ids ...uint64) string {
	for _, id := range ids {
		if n := notes[id]; n != "" {
			return n
		}
	}
	return ""
}

// lines are the texts of a device: its name, what it is, its addresses.
func lines(dev *lab.PlanDevice) []string {
	return append([]string{title(dev)}, dev.Addrs...)
}

func title(dev *lab.PlanDevice) string {
	text := dev.Name
	switch dev.Kind {
	case "", "veth":
	default:
		text += " (" + dev.Kind + ")"
	}
	if dev.Under != "" {
		text += " in " + dev.Under
	}
	if !dev.Up {
		text += " down"
	}
	return text
}

func textWidth(s string) float64 { return float64(len([]rune(s))) * charWidth }

func widest(dev *lab.PlanDevice) float64 {
	w := 0.0
	for _, l := range lines(dev) {
		w = max(w, textWidth(l))
	}
	return w
}

// measure gives a box its size and its ports their places.
func (b *box) measure() {
	if b.host == nil {
		b.height = lineHeight
		return
	}
	stack := func(ports []*port) (width, height float64) {
		height = headHeight + rowGap
		for _, p := range ports {
			h := float64(len(lines(p.dev)) * lineHeight)
			p.y = height + lineHeight/2
			height += h + rowGap
			width = max(width, widest(p.dev))
		}
		return width, height
	}
	lw, lh := stack(b.left)
	rw, rh := stack(b.right)
	sides := lw + rw
	if lw > 0 && rw > 0 {
		sides += 3 * padding
	}
	b.width = max(textWidth(b.host.Name)*13/12+10, sides)
	b.height = max(lh, rh)
	for _, dev := range b.inner {
		b.width = max(b.width, widest(dev))
		b.height += float64(len(lines(dev))*lineHeight) + rowGap
	}
	b.width += 2 * padding
}

// at returns where a port is in the picture.
func (p *port) at() (x, y float64) {
	x = p.box.x
	if slices.Contains(p.box.right, p) {
		x += p.box.width
	}
	return x, p.box.y + p.y
}

// svg writes the picture.
func (d *drawing) svg(name string) []byte {
	width, height := 0.0, 0.0
	for _, b := range d.boxes {
		width, height = max(width, b.x+b.width), max(height, b.y+b.height)
	}
	width, height = width+margin, height+margin
	var s strings.Builder
	fmt.Fprintf(&s, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img" aria-label="%s">
<style>text{font:12px "DejaVu Sans Mono",Menlo,Consolas,monospace;fill:#57606a}.h{font-weight:bold;font-size:13px;fill:#1f2328}.d{font-weight:bold;fill:#1f2328}.a{fill:#0550ae}.o{fill:#cf222e}.box{fill:#f6f8fa;stroke:#8c959f}.switch{fill:#ddf4ff}.head{stroke:#d0d7de}.wire{fill:none;stroke:#57606a;stroke-width:1.5}.off{stroke:#cf222e;stroke-dasharray:5 4}.port{fill:#57606a}</style>
<rect width="100%%" height="100%%" fill="#ffffff"/>
`, width, height, width, height, escape(name))
	for _, w := range d.wires {
		w.draw(&s)
	}
	for _, b := range d.boxes {
		if b.host != nil {
			b.draw(&s)
		}
	}
	s.WriteString("</svg>\n")
	return []byte(s.String())
}

var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace

// isSwitch tells whether a host is one that only switches.
func (b *box) isSwitch() bool {
	for _, d := range b.host.Devices {
		if d.Kind == "bridge" {
			return true
		}
	}
	return false
}

// draw draws a host.
func (b *box) draw(s *strings.Builder) {
	class := "box"
	if b.isSwitch() {
		class = "box switch"
	}
	fmt.Fprintf(s, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="6"/>`+"\n", class, b.x, b.y, b.width, b.height)
	text(s, "h", "middle", b.x+b.width/2, b.y+headHeight-9, b.host.Name)
	fmt.Fprintf(s, `<path class="head" d="M%.1f %.1fh%.1f"/>`+"\n", b.x, b.y+headHeight, b.width)
	below := headHeight + float64(rowGap)
	for _, side := range []struct {
		ports  []*port
		anchor string
		x      float64
	}{{b.left, "start", b.x + padding}, {b.right, "end", b.x + b.width - padding}} {
		for _, p := range side.ports {
			x, y := p.at()
			device(s, p.dev, side.anchor, side.x, y+4)
			fmt.Fprintf(s, `<circle class="port" cx="%.1f" cy="%.1f" r="3.5"/>`+"\n", x, y)
			below = max(below, p.y-lineHeight/2+float64(len(lines(p.dev))*lineHeight)+rowGap)
		}
	}
	for _, dev := range b.inner {
		device(s, dev, "middle", b.x+b.width/2, b.y+below+lineHeight/2+4)
		below += float64(len(lines(dev))*lineHeight) + rowGap
	}
}

// device writes the texts of a device.
func device(s *strings.Builder, dev *lab.PlanDevice, anchor string, x, y float64) {
	for i, l := range lines(dev) {
		class := "a"
		switch {
		case i == 0 && !dev.Up:
			class = "d o"
		case i == 0:
			class = "d"
		}
		text(s, class, anchor, x, y+float64(i*lineHeight), l)
	}
}

func text(s *strings.Builder, class, anchor string, x, y float64, t string) {
	fmt.Fprintf(s, `<text class="%s" text-anchor="%s" x="%.1f" y="%.1f">%s</text>`+"\n", class, anchor, x, y, escape(t))
}

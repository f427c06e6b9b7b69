package diagram_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/rulewalk/rulewalk/lab"
	"github.com/rulewalk/rulewalk/lab/diagram"
)

// element is an element of the picture, as far as the test looks at it.
type element struct{ x, y, w, h float64 }

// boxes reads the boxes of hosts of a picture, and checks that it is well-formed.
func boxes(t *testing.T, svg []byte) (out []element, texts []string) {
	t.Helper()
	for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out, texts
		}
		if err != nil {
			t.Fatalf("%v:\n%s", err, svg)
		}
		switch x := token.(type) {
		case xml.CharData:
			texts = append(texts, strings.TrimSpace(string(x)))
		case xml.StartElement:
			a := map[string]string{}
			for _, attr := range x.Attr {
				a[attr.Name.Local] = attr.Value
			}
			if x.Name.Local == "rect" && strings.HasPrefix(a["class"], "box") {
				var e element
				if _, err := fmt.Sscan(a["x"]+" "+a["y"]+" "+a["width"]+" "+a["height"], &e.x, &e.y, &e.w, &e.h); err != nil {
					t.Fatal(err)
				}
				out = append(out, e)
			}
		}
	}
}

// TestRandom draws random worlds: every host is there, no two of them overlap, none lies
// outside, and every name and address can be read.
func TestRandom(t *testing.T) {
	for seed := range uint64(200) {
		dice := rand.New(rand.NewPCG(seed, 0))
		n := 1 + dice.IntN(12)
		p := lab.Plan{Name: "a <world> & \"more\""}
		for i := range n {
			p.Hosts = append(p.Hosts, lab.PlanHost{Name: fmt.Sprintf("host%d", i)})
		}
		id := uint64(0)
		for range dice.IntN(2 * n) {
			a, b := dice.IntN(n), dice.IntN(n)
			id += 2
			for j, h := range []int{a, b} {
				p.Hosts[h].Devices = append(p.Hosts[h].Devices, lab.PlanDevice{
					Name: fmt.Sprintf("eth%d", id+uint64(j)), ID: id + uint64(j), Pair: id + 1 - uint64(j), Up: dice.IntN(4) > 0,
					Addrs: []string{fmt.Sprintf("10.%d.0.%d/24", id, j)},
				})
			}
		}
		svg := diagram.SVG(p, diagram.Notes{2: "delay 10ms"})
		list, texts := boxes(t, svg)
		if len(list) != n {
			t.Fatalf("seed %d: %d boxes for %d hosts", seed, len(list), n)
		}
		for i, a := range list {
			if a.x < 0 || a.y < 0 {
				t.Errorf("seed %d: a box lies outside: %v", seed, a)
			}
			for _, b := range list[:i] {
				if a.x < b.x+b.w && b.x < a.x+a.w && a.y < b.y+b.h && b.y < a.y+a.h {
					t.Errorf("seed %d: %v overlaps %v", seed, a, b)
				}
			}
		}
		all := strings.Join(texts, "\n")
		for _, h := range p.Hosts {
			for _, d := range h.Devices {
				if !strings.Contains(all, d.Name) || !strings.Contains(all, d.Addrs[0]) {
					t.Errorf("seed %d: %s of %s is missing", seed, d.Name, h.Name)
				}
			}
		}
		if !bytes.Equal(svg, diagram.SVG(p, diagram.Notes{2: "delay 10ms"})) {
			t.Errorf("seed %d: two pictures of the same differ", seed)
		}
	}
}

package scenario

import (
	"context"
	"fmt"
	"strings"

	"github.com/rulewalk/rulewalk/lab"
	"github.com/rulewalk/rulewalk/lab/diagram"
	"github.com/rulewalk/rulewalk/lab/topology"
)

// Draw draws the hosts of a topology, set up, as SVG.
func Draw(ctx context.Context, t *topology.Topology) ([]byte, error) {
	name := t.Title
	if name == "" {
		name = "topology"
	}
	w, err := Start(ctx, name, t, Options{Clock: topology.Virtual})
	if err != nil {
		return nil, err
	}
	defer func() { _ = w.Close() }()
	p := w.Server.Plan()
	return diagram.SVG(p, linkNotes(t, p)), nil
}

// linkNotes are the options of links, as texts beside their cables.
func linkNotes(t *topology.Topology, p lab.Plan) diagram.Notes {
	ids := map[topology.End]uint64{}
	for _, h := range p.Hosts {
		for _, d := range h.Devices {
			ids[topology.End{Host: h.Name, Dev: d.Name}] = d.ID
		}
	}
	notes := diagram.Notes{}
	for _, l := range t.Links {
		if len(l.Ends) < 2 {
			continue
		}
		there, back := l.Shape[0].String(), l.Shape[1].String()
		text := there
		switch {
		case l.Cut:
			text = "cut"
		case there != back:
			text = strings.TrimSpace(fmt.Sprintf("%s: %s, %s: %s", l.Ends[0].Host, orNone(there), l.Ends[1].Host, orNone(back)))
		}
		if text != "" {
			notes[ids[l.Ends[0]]] = text
		}
	}
	return notes
}

func orNone(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

package scenario_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rulewalk/rulewalk/lab/scenario"
	"github.com/rulewalk/rulewalk/lab/topology"
)

// pages is the folder of the pages of the scenarios.
const pages = "../../docs/scenarios"

// TestPages checks that each scenario that is built in has its page and its picture in
// docs/scenarios, as they would be made now.
func TestPages(t *testing.T) {
	index := "# Scenarios\n\nBuilt in: `rulewalk lab run NAME` plays one, `rulewalk lab start NAME` holds its hosts.\n" +
		"[Topologies and scenarios](../topology.md) tells how to write one.\n\n"
	for _, name := range scenario.Shipped() {
		topo, data, err := scenario.ReadShipped(name)
		if err != nil {
			t.Fatal(err)
		}
		svg, err := scenario.Draw(context.Background(), topo)
		if err != nil {
			t.Fatal(err)
		}
		same(t, name+".svg", svg)
		same(t, name+".md", page(name, topo, data))
		index += fmt.Sprintf("- [%s](%s.md): %s\n", name, name, topo.Title)
	}
	same(t, "README.md", []byte(index))
}

// same wants a file of the pages to be as it should be, or makes it so.
func same(t *testing.T, name string, want []byte) {
	t.Helper()
	path := filepath.Join(pages, name)
	if *update {
		if err := os.MkdirAll(pages, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, want, 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("docs/scenarios/%s is not current: go test ./lab/scenario -update (%v)", name, err)
	}
}

// page tells a scenario: what it is about, its picture, the transcript with its remarks as
// prose, and the topology.
func page(name string, topo *topology.Topology, data []byte) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n\n![hosts, devices, addresses and cables](%s.svg)\n\n", topo.Title, topo.About, name)
	fmt.Fprintf(&b, "    rulewalk lab run %s        plays what follows\n    rulewalk lab start %[1]s      holds its hosts, to try for oneself\n", name)
	open := false
	fence := func(on bool) {
		if on != open {
			b.WriteString("```\n")
		}
		open = on
	}
	for _, s := range topo.Run {
		if len(s.Remark) > 0 {
			fence(false)
			fmt.Fprintf(&b, "\n%s\n\n", strings.TrimSpace(strings.Join(s.Remark, "\n")))
		} else if !open {
			b.WriteString("\n")
		}
		fence(true)
		fmt.Fprintf(&b, "%s$ %s\n", s.Host, strings.ReplaceAll(s.Command, "\n", "\n> "))
		for _, l := range s.Want {
			b.WriteString(l + "\n")
		}
		if s.Status != 0 {
			fmt.Fprintf(&b, "[exit %d]\n", s.Status)
		}
	}
	fence(false)
	_, yaml, _ := strings.Cut(string(data), "-- topology.yaml --\n")
	yaml, _, _ = strings.Cut(yaml, "\n-- ")
	fmt.Fprintf(&b, "\n## The hosts\n\n```yaml\n%s\n```\n", strings.TrimRight(yaml, "\n"))
	return []byte(b.String())
}

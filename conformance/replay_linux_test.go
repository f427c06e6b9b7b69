package conformance

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/rulewalk/rulewalk/netns"
)

// TestReplay plays half of a random program in one world, makes that world again from
// its journal, lists everything and plays the other half in both: all answers and
// notifications must be the same.
func TestReplay(t *testing.T) {
	const programs = 60
	for i := range reqAreas {
		for n := range uint64(programs) {
			p := drawProgram(&reqAreas[i], 77, n)
			if err := replays(p); err != nil {
				t.Errorf("area %s, program %d: %v", p.area, n, err)
			}
		}
	}
}

// replayed are the lists that must be the same in a world that was made again.
var replayed = []dumpKind{
	dumpLinks, dumpFDB, dumpAllAddrs, dumpAllRoutes, dumpRules4, dumpRules6, dumpLabels6, dumpNeighs4, dumpNeighs6,
	dumpNextHops, dumpBuckets, dumpNetConf4, dumpNetConf6, dumpGroups4, dumpGroups6,
}

func replays(p *reqProgram) error {
	born := time.Unix(1_700_000_000, 0)
	now, again := born, born
	var journal []netns.Change
	a := newEmulated(netns.Config{Clock: func() time.Time { return now }, Journal: func(c netns.Change) {
		c.Data = bytes.Clone(c.Data)
		journal = append(journal, c)
	}})
	defer func() { _ = a.Close() }()
	half := len(p.steps) / 2
	for i := range half {
		now = now.Add(7 * time.Millisecond)
		if _, err := perform(a, &p.steps[i]); err != nil {
			return err
		}
	}
	w := netns.NewWorld(netns.Config{Clock: func() time.Time { return again }})
	b := &emulated{}
	for _, c := range journal {
		again = born.Add(c.At)
		made, err := w.Replay(c)
		if err != nil {
			return err
		}
		if made != nil {
			b.ns = made
		}
	}
	b.open()
	defer func() { _ = b.Close() }()
	var rest []reqStep
	for _, k := range replayed {
		rest = append(rest, reqStep{text: k.text, data: datagram(k.message(), 1)})
	}
	rest = append(rest, p.steps[half:]...)
	for i := range rest {
		now = now.Add(7 * time.Millisecond)
		again = now
		x, err := perform(a, &rest[i])
		if err != nil {
			return err
		}
		y, err := perform(b, &rest[i])
		if err != nil {
			return err
		}
		if x.err != y.err || diffLists(x.answers, y.answers) != "" || diffLists(x.notes, y.notes) != "" {
			return fmt.Errorf("step %d, %s, differs: %v", i, rest[i].text, differences(&rest[i], &x, &y))
		}
	}
	return nil
}

package dissect

import (
	"bytes"
	"testing"

	"github.com/rulewalk/rulewalk/lab/internal/capture"
	"github.com/rulewalk/rulewalk/lab/internal/packettest"
)

// FuzzAppend looks for packets that no printer survives.
func FuzzAppend(f *testing.F) {
	for i, p := range packettest.Packets() {
		f.Add(uint16(p.LinkType), p.Data, uint16(len(p.Data)), uint8(i))
	}
	f.Fuzz(func(t *testing.T, link uint16, data []byte, length uint16, how uint8) {
		set := flagSets[int(how)%len(flagSets)]
		p := capture.Packet{LinkType: capture.LinkType(link), Data: data, Length: max(len(data), int(length))}
		out := New(set.options).Append(nil, &p)
		if !bytes.HasSuffix(out, []byte("\n")) {
			t.Errorf("no newline at the end: %q", out)
		}
	})
}

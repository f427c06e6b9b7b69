package dissect

import (
	"testing"

	"github.com/rulewalk/rulewalk/lab/internal/packettest"
)

func BenchmarkAppend(b *testing.B) {
	pkts := packettest.Packets()
	for _, c := range []struct {
		name    string
		options Options
	}{{"plain", Options{}}, {"verbose", Options{Verbose: 2}}} {
		b.Run(c.name, func(b *testing.B) {
			p := New(c.options)
			var out []byte
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				out = p.Append(out[:0], &pkts[i%len(pkts)])
			}
		})
	}
}

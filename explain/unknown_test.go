package explain

import (
	"testing"

	"github.com/rulewalk/rulewalk/rpdb"
)

func TestHasXDP(t *testing.T) {
	fd := []byte{8, 0, 1, 0, 0xff, 0xff, 0xff, 0xff} // IFLA_XDP_FD
	attached := func(mode byte) []byte { return []byte{5, 0, 2, 0, mode, 0, 0, 0} }
	for _, tt := range []struct {
		name string
		data []byte
		want bool
	}{
		{"none", attached(0), false},
		{"driver", attached(1), true},
		{"after another attribute", append(append([]byte{}, fd...), attached(2)...), true},
		{"cut short", []byte{5, 0, 2}, false},
		{"no length", make([]byte, 16), false},
	} {
		l := &rpdb.Link{Extra: []rpdb.Attr{{Type: 1}, {Type: 43, Data: tt.data}}}
		if got := hasXDP(l); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

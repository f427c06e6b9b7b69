package iproute2

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rulewalk/rulewalk/rpdb"
)

// manyRoutes is the text of a table of n routes.
func manyRoutes(n int) []byte {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d.%d.%d.0/24 via 192.0.2.%d dev eth0 proto bgp metric 20 \n", 1+i>>16, i>>8&255, i&255, 1+i%200)
	}
	return []byte(b.String())
}

func BenchmarkReadText(b *testing.B) {
	text := manyRoutes(100_000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		st, err := ReadText(text, nil)
		if err != nil || len(st.Routes) != 100_000 {
			b.Fatal(err, len(st.Routes))
		}
	}
}

func BenchmarkReadJSON(b *testing.B) {
	st, err := ReadText(manyRoutes(10_000), nil)
	if err != nil {
		b.Fatal(err)
	}
	list := make([]Object, len(st.Routes))
	o := &Options{Links: NewLinkTable(st.Links)}
	for i := range st.Routes {
		list[i] = RouteJSON(&st.Routes[i], o)
	}
	var doc strings.Builder
	if err := WriteJSON(&doc, list, false); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(doc.Len()))
	b.ReportAllocs()
	for b.Loop() {
		r := NewTextReader()
		if err := r.ReadJSON(strings.NewReader(doc.String()), nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFormatRoute(b *testing.B) {
	r := rpdb.Route{
		Family: rpdb.IPv4, Table: rpdb.TableMain, Dst: prefix("10.0.0.0/8"), Type: rpdb.Unicast, Protocol: 186,
		NextHops: []rpdb.NextHop{{Dev: 2, Gateway: addr("192.0.2.1"), Weight: 1}},
	}
	o := &Options{Links: genLinks}
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		buf = AppendRoute(buf[:0], &r, o)
	}
}

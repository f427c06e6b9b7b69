package rtnl

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"
	"pgregory.net/rapid"

	"github.com/rulewalk/rulewalk/rpdb"
)

// fuzz feeds a parser any bytes. Whatever it accepts must be writable again where
// the encoder accepts it, and then read as the same.
func fuzz[T any](f *testing.F, gen func(*rapid.T) T, encode func(T) ([]byte, error), parse func(netlink.Message) (T, error)) {
	for seed := range 8 {
		if b, err := encode(rapid.Custom(gen).Example(seed)); err == nil {
			f.Add(b)
			f.Add(b[:len(b)*2/3])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		first, err := parse(netlink.Message{Data: b})
		if err != nil {
			return
		}
		enc, err := encode(first)
		if err != nil {
			return
		}
		second, err := parse(netlink.Message{Data: enc})
		if err != nil {
			t.Fatalf("our own bytes are refused: %v\n%+v", err, first)
		}
		enc2, err := encode(second)
		if err != nil {
			t.Fatal(err)
		}
		third, err := parse(netlink.Message{Data: enc2})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(second, third, equal); d != "" {
			t.Errorf("not stable:\n%s", d)
		}
	})
}

func FuzzRule(f *testing.F)    { fuzz(f, genRule, EncodeRule, ParseRule) }
func FuzzRoute(f *testing.F)   { fuzz(f, genRoute, EncodeRoute, ParseRoute) }
func FuzzLink(f *testing.F)    { fuzz(f, genLink, EncodeLink, ParseLink) }
func FuzzAddr(f *testing.F)    { fuzz(f, genAddress, EncodeAddr, ParseAddr) }
func FuzzNeigh(f *testing.F)   { fuzz(f, genNeigh, EncodeNeigh, ParseNeigh) }
func FuzzNextHop(f *testing.F) { fuzz(f, genNextHop, EncodeNextHop, ParseNextHop) }
func FuzzLabel(f *testing.F)   { fuzz(f, genLabel, EncodeAddrLabel, ParseAddrLabel) }
func FuzzBucket(f *testing.F)  { fuzz(f, genBucket, EncodeBucket, ParseBucket) }

// FuzzReply covers the readers of lookups: requests, replies and refusals.
func FuzzReply(f *testing.F) {
	for seed := range 8 {
		b, err := EncodeRoute(rapid.Custom(genRoute).Example(seed))
		if err == nil {
			f.Add(b, uint16(RTMNewRoute), uint16(0))
		}
	}
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, uint16(netlink.Error), uint16(netlink.AcknowledgeTLVs))
	f.Fuzz(func(_ *testing.T, b []byte, typ, flags uint16) {
		m := netlink.Message{Header: netlink.Header{Type: netlink.HeaderType(typ), Flags: netlink.HeaderFlags(flags)}, Data: b}
		_, _ = ParseReply(m)
		_, _, _, _ = ParseGet(m)
		_ = ParseError(m)
	})
}

// FuzzCapture reads any bytes as the dumps of a capture.
func FuzzCapture(f *testing.F) {
	for i, k := range Kinds {
		f.Add(uint8(i), AppendMessage(nil, netlink.Message{Header: netlink.Header{Type: dumps[k].typ - 2}, Data: make([]byte, 64)}))
	}
	f.Fuzz(func(_ *testing.T, kind uint8, b []byte) {
		c := Capture{Dumps: map[Kind][]byte{Kinds[int(kind)%len(Kinds)]: b}}
		s, err := c.State()
		if err == nil && s.Missing&rpdb.PartSysctls != 0 {
			panic("sysctls missing without being said to be")
		}
	})
}

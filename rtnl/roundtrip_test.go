package rtnl

import (
	"net/netip"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/mdlayher/netlink"
	"pgregory.net/rapid"

	"github.com/rulewalk/rulewalk/rpdb"
)

var equal = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	cmpopts.EquateEmpty(),
}

// checkRoundTrip checks that what is encoded parses as itself.
func checkRoundTrip[T any](t *testing.T, gen func(*rapid.T) T, encode func(T) ([]byte, error), parse func(netlink.Message) (T, error)) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) {
		want := gen(t)
		b, err := encode(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parse(netlink.Message{Data: b})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, equal); d != "" {
			t.Fatalf("(-encoded +parsed):\n%s", d)
		}
	})
}

func TestRoundTripRule(t *testing.T)   { checkRoundTrip(t, genRule, EncodeRule, ParseRule) }
func TestRoundTripRoute(t *testing.T)  { checkRoundTrip(t, genRoute, EncodeRoute, ParseRoute) }
func TestRoundTripLink(t *testing.T)   { checkRoundTrip(t, genLink, EncodeLink, ParseLink) }
func TestRoundTripAddr(t *testing.T)   { checkRoundTrip(t, genAddress, EncodeAddr, ParseAddr) }
func TestRoundTripNeigh(t *testing.T)  { checkRoundTrip(t, genNeigh, EncodeNeigh, ParseNeigh) }
func TestRoundTripLabel(t *testing.T)  { checkRoundTrip(t, genLabel, EncodeAddrLabel, ParseAddrLabel) }
func TestRoundTripBucket(t *testing.T) { checkRoundTrip(t, genBucket, EncodeBucket, ParseBucket) }
func TestRoundTripNextHop(t *testing.T) {
	checkRoundTrip(t, genNextHop, EncodeNextHop, ParseNextHop)
}

// TestPooledRoutes checks that sharing slices changes nothing.
func TestPooledRoutes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shared := newPool()
		for range rapid.IntRange(1, 5).Draw(t, "routes") {
			want := genRoute(t)
			b, err := EncodeRoute(want)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				var got rpdb.Route
				if err := parseRoute(&got, netlink.Message{Data: b}, shared); err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(want, got, equal); d != "" {
					t.Fatalf("(-encoded +parsed):\n%s", d)
				}
			}
		}
	})
}

// TestRouteReply checks that a dumped route read as a reply has the fields of the
// route.
func TestRouteReply(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := genRoute(t)
		b, err := EncodeRoute(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseReply(netlink.Message{Data: b})
		if err != nil {
			t.Fatal(err)
		}
		if d := DiffReply(RouteReply(&r), got); d != nil {
			t.Fatalf("%v differ\n%+v\n%+v", d, RouteReply(&r), got)
		}
	})
}

// TestGetRequest checks that the answerer of a request reads the flow that was asked
// for.
func TestGetRequest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := genFamily(t)
		want := rpdb.Flow{
			Dst: genAddr(t, f), Src: maybe(t, func() netip.Addr { return genAddr(t, f) }), IIF: int(u16(t)), OIF: int(u16(t)),
			Mark: u32(t), TOS: u8(t), UID: u32(t), IPProto: u8(t), SPort: u16(t), DPort: u16(t),
		}
		if f == rpdb.IPv6 {
			want.FlowLabel = u32(t) & 0xfffff
		}
		o := GetOptions{FibMatch: rapid.Bool().Draw(t, "fibmatch")}
		got, gotO, _, err := ParseGet(GetRoute(want, o))
		if err != nil {
			t.Fatal(err)
		}
		if want.Src.IsValid() && want.Src.IsUnspecified() {
			want.Src = netip.Addr{}
		}
		if f == rpdb.IPv4 && want.IIF != 0 || want.UID == rpdb.InvalidUID {
			want.UID = 0
		}
		if got != want || gotO != o {
			t.Fatalf("asked %+v %+v\nread  %+v %+v", want, o, got, gotO)
		}
	})
}

// TestMessages checks that messages laid one after the other come back.
func TestMessages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b []byte
		var want, got []netlink.Message
		for range rapid.IntRange(0, 5).Draw(t, "n") {
			m := netlink.Message{
				Header: netlink.Header{
					Type: netlink.HeaderType(u16(t)), Flags: netlink.HeaderFlags(u16(t)), Sequence: u32(t), PID: u32(t),
				},
				Data: genBytes(t),
			}
			m.Header.Length = uint32(nlmsgHeaderLen + len(m.Data))
			want = append(want, m)
			b = AppendMessage(b, m)
		}
		for m, err := range Messages(b) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, m)
		}
		if d := cmp.Diff(want, got, equal); d != "" {
			t.Fatal(d)
		}
	})
}

// TestGeneratorsCoverFields fails when a field is added to a type that no generator
// ever sets, so that its round trip would go untested.
func TestGeneratorsCoverFields(t *testing.T) {
	notTold := map[string]bool{"Link.Assumed": true, "Route.Siblings": true}
	for _, v := range []any{
		covered(genRule), covered(genRoute), covered(genLink), covered(genAddress), covered(genNeigh),
		covered(genNextHop), covered(genLabel),
	} {
		val := reflect.ValueOf(v)
		for i := range val.NumField() {
			name := val.Type().Name() + "." + val.Type().Field(i).Name
			if val.Field(i).IsZero() != notTold[name] {
				t.Errorf("field %s: generated %v, in messages %v", name, !val.Field(i).IsZero(), !notTold[name])
			}
		}
	}
}

// covered returns a value with every field set that any of many generated values has
// set.
func covered[T any](gen func(*rapid.T) T) T {
	var all T
	for seed := range 300 {
		v := reflect.ValueOf(rapid.Custom(gen).Example(seed))
		for i := range v.NumField() {
			if f := reflect.ValueOf(&all).Elem().Field(i); f.IsZero() {
				f.Set(v.Field(i))
			}
		}
	}
	return all
}

package snapshot

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// plainArchive is the archive in testdata without its compression.
func plainArchive(t testing.TB) []byte {
	t.Helper()
	z, err := gzip.NewReader(strings.NewReader(hostFile(t, "host.rulewalk")))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestArchiveRoundTrip(t *testing.T) {
	c, err := ReadCapture(bytes.NewReader(plainArchive(t)))
	if err != nil {
		t.Fatal(err)
	}
	c.Notes = []string{"a note"}
	c.Missing = rpdb.PartLabels
	var b bytes.Buffer
	if err := Write(&b, c); err != nil {
		t.Fatal(err)
	}
	p := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(p, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, p)
	want, err := c.State()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, s.State, comparing); d != "" {
		t.Error(d)
	}
	if s.Host != c.Host || !s.Time.Equal(c.Time) || s.Time.IsZero() {
		t.Errorf("host %q, time %v; want %q, %v", s.Host, s.Time, c.Host, c.Time)
	}
	again, err := (&Options{Stdin: &b}).Open("-")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(s.State, again.State, comparing); d != "" {
		t.Error(d)
	}
}

func TestArchiveOfNothing(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, &rtnl.Capture{}); err != nil {
		t.Fatal(err)
	}
	s, err := (&Options{Stdin: &b}).Open("-")
	if err != nil {
		t.Fatal(err)
	}
	if s.State.Missing == 0 || !s.Time.IsZero() {
		t.Errorf("missing %b, time %v", s.State.Missing, s.Time)
	}
}

func TestArchiveDamaged(t *testing.T) {
	good := plainArchive(t)
	end := bytes.IndexByte(good, '\n') + 1
	header := end + bytes.IndexByte(good[end:], '\n')
	changed := func(at int, b byte) []byte {
		c := bytes.Clone(good)
		c[at] ^= b
		return c
	}
	withHeader := func(change func(*archiveHeader)) []byte {
		var h archiveHeader
		if err := json.Unmarshal(good[end:header], &h); err != nil {
			t.Fatal(err)
		}
		change(&h)
		j, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		return append(append(bytes.Clone(good[:end]), j...), good[header:]...)
	}
	for _, tt := range []struct {
		name string
		data []byte
		want string
	}{
		{"flipped", changed(len(good)-100, 1), "checksum"},
		{"checksum flipped", changed(len(good)-1, 1), "checksum"},
		{"after the end", append(bytes.Clone(good), 'x'), "after its end"},
		{"newer", append([]byte("rulewalk snapshot 2\n"), good[end:]...), "schema 2"},
		{"no number", append([]byte("rulewalk snapshot x\n"), good[end:]...), "first line"},
		{"no line", []byte("rulewalk snapshot " + strings.Repeat("1", 100)), "longer than"},
		{"no header", good[:end], "header: unexpected EOF"},
		{"bad header", []byte("rulewalk snapshot 1\n{]\n"), "header"},
		{"negative", withHeader(func(h *archiveHeader) { h.Dumps[0].Bytes = -1 }), "-1 bytes"},
		{"lying", withHeader(func(h *archiveHeader) { h.Dumps[0].Bytes = 1 << 62 }), "ends after"},
		{"twice", withHeader(func(h *archiveHeader) { h.Dumps[0].Kind = h.Dumps[1].Kind }), "twice"},
		{"byte order", withHeader(func(h *archiveHeader) { h.ByteOrder = "middle" }), "middle-endian"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := (&Options{Stdin: bytes.NewReader(tt.data)}).Open("-")
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "standard input: ") {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
	for n := range good {
		if n%7 != 0 && n < len(good)-40 {
			continue
		}
		if _, err := ReadCapture(bytes.NewReader(good[:n])); err == nil {
			t.Fatalf("no error when %d of %d bytes are there", n, len(good))
		}
	}
}

// randomCapture makes a capture of routes, for sizes that no file should hold.
func randomCapture(t testing.TB, routes int) *rtnl.Capture {
	t.Helper()
	c := &rtnl.Capture{Dumps: map[rtnl.Kind][]byte{}, Time: time.Unix(1, 0), Kernel: rpdb.Kernel{Release: "6.18.0"}}
	add := func(k rtnl.Kind, typ netlink.HeaderType, body []byte, err error) {
		if err != nil {
			t.Fatal(err)
		}
		c.Dumps[k] = rtnl.AppendMessage(c.Dumps[k], netlink.Message{
			Header: netlink.Header{Type: typ, Flags: netlink.Multi}, Data: body,
		})
	}
	b, err := rtnl.EncodeLink(rpdb.Link{Index: 2, Name: "eth0", Flags: rpdb.IFFUp, MTU: 1500})
	add(rtnl.Links, rtnl.RTMNewLink, b, err)
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range routes {
		dst := randomPrefix(rnd, i)
		b, err := rtnl.EncodeRoute(rpdb.Route{
			Family: rpdb.IPv4, Table: rpdb.TableMain, Dst: dst, Type: rpdb.Unicast, Protocol: 186,
			NextHops: []rpdb.NextHop{{Dev: 2, Gateway: gateway(i)}},
		})
		add(rtnl.Routes4, rtnl.RTMNewRoute, b, err)
	}
	return c
}

func FuzzArchive(f *testing.F) {
	good := plainArchive(f)
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte("rulewalk snapshot 1\n{}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ReadCapture(bytes.NewReader(b))
		if err != nil {
			return
		}
		if _, err := c.State(); err != nil {
			return
		}
		var out bytes.Buffer
		if err := Write(&out, c); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzMessages puts bytes where an archive has messages, past the checksum.
func FuzzMessages(f *testing.F) {
	c, err := ReadCapture(bytes.NewReader(plainArchive(f)))
	if err != nil {
		f.Fatal(err)
	}
	for _, k := range rtnl.Kinds {
		f.Add(string(k), c.Dumps[k])
	}
	f.Fuzz(func(t *testing.T, kind string, b []byte) {
		c := &rtnl.Capture{Dumps: map[rtnl.Kind][]byte{rtnl.Kind(kind): b}}
		var out bytes.Buffer
		if err := Write(&out, c); err != nil {
			t.Fatal(err)
		}
		s, err := (&Options{Stdin: &out, MaxBytes: 1 << 20}).Open("-")
		if err == nil {
			_, _ = s.State.Build()
		}
	})
}

package snapshot

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// The archive's first line is archiveMagic, the schema number and a newline; see
// docs/snapshot-format.md.
const (
	archiveMagic  = "rulewalk snapshot "
	archiveSchema = 1
	// maxHeader bounds the header, which holds the sysctls: some 20 bytes for each of
	// about a hundred sysctls of each device.
	maxHeader = 64 << 20
)

// archiveHeader is the JSON document that the second line of an archive is.
type archiveHeader struct {
	Tool      string            `json:"tool"`
	ByteOrder string            `json:"byte_order"`
	Host      string            `json:"host,omitempty"`
	Time      *time.Time        `json:"time,omitempty"`
	Kernel    string            `json:"kernel,omitempty"`
	Facts     archiveFacts      `json:"facts"`
	Missing   []string          `json:"missing,omitempty"`
	Notes     []string          `json:"notes,omitempty"`
	Sysctls   map[string]string `json:"sysctls,omitempty"`
	Dumps     []archiveDump     `json:"dumps"`
}

type archiveFacts struct {
	CustomRules4 string `json:"custom_rules_ipv4"`
	CustomRules6 string `json:"custom_rules_ipv6"`
	CustomLocal4 string `json:"custom_local_ipv4"`
	// HomeAddrs is absent in archives without it: unknown.
	HomeAddrs string `json:"home_addresses,omitempty"`
}

// archiveDump is one dump: its bytes follow the header in the order of the list.
type archiveDump struct {
	Kind  rtnl.Kind `json:"kind"`
	Bytes int64     `json:"bytes"`
}

// partNames names the kinds of state in archives.
var partNames = []struct {
	part rpdb.Parts
	name string
}{
	{rpdb.PartRules4, "rules4"},
	{rpdb.PartRules6, "rules6"},
	{rpdb.PartRoutes4, "routes4"},
	{rpdb.PartRoutes6, "routes6"},
	{rpdb.PartNextHops, "nexthops"},
	{rpdb.PartBuckets, "buckets"},
	{rpdb.PartLinks, "links"},
	{rpdb.PartAddrs4, "addrs4"},
	{rpdb.PartAddrs6, "addrs6"},
	{rpdb.PartNeighs, "neighs"},
	{rpdb.PartSysctls, "sysctls"},
	{rpdb.PartLabels, "labels"},
}

// nativeByteOrder is that of the netlink messages of this host.
func nativeByteOrder() string {
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		return "little"
	}
	return "big"
}

// Write writes a capture as an archive, compressed with gzip. Nothing of the
// capture is lost: reading the archive gives the state that c.State gives.
func Write(w io.Writer, c *rtnl.Capture) error {
	z := gzip.NewWriter(w)
	sum := sha256.New()
	out := io.MultiWriter(z, sum)
	h := headerOf(c)
	head, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("archive header: %w", err)
	}
	if _, err := fmt.Fprintf(out, "%s%d\n%s\n", archiveMagic, archiveSchema, head); err != nil {
		return err
	}
	for _, d := range h.Dumps {
		if _, err := out.Write(c.Dumps[d.Kind]); err != nil {
			return err
		}
	}
	if _, err := z.Write(sum.Sum(nil)); err != nil {
		return err
	}
	return z.Close()
}

func headerOf(c *rtnl.Capture) archiveHeader {
	h := archiveHeader{
		Tool:      "rulewalk",
		ByteOrder: nativeByteOrder(),
		Host:      c.Host,
		Kernel:    c.Kernel.Release,
		Facts: archiveFacts{
			c.Facts.CustomRules4.String(), c.Facts.CustomRules6.String(), c.Facts.CustomLocal4.String(),
			c.Facts.HomeAddresses.String(),
		},
		Notes:   c.Notes,
		Sysctls: c.Sysctls,
	}
	if !c.Time.IsZero() {
		h.Time = &c.Time
	}
	for _, p := range partNames {
		if c.Missing&p.part != 0 {
			h.Missing = append(h.Missing, p.name)
		}
	}
	for k := range c.Dumps {
		h.Dumps = append(h.Dumps, archiveDump{k, int64(len(c.Dumps[k]))})
	}
	slices.SortFunc(h.Dumps, func(a, b archiveDump) int {
		return slices.Index(rtnl.Kinds, a.Kind) - slices.Index(rtnl.Kinds, b.Kind)
	})
	return h
}

// ReadCapture reads an archive, without its compression, back into a capture. The
// bytes of r are trusted in nothing: memory grows only with what is really there.
func ReadCapture(r io.Reader) (*rtnl.Capture, error) {
	in := &hashedReader{r: bufio.NewReader(r), sum: sha256.New()}
	h, err := readHeader(in)
	if err != nil {
		return nil, err
	}
	c, err := h.capture()
	if err != nil {
		return nil, err
	}
	for _, d := range h.Dumps {
		if _, ok := c.Dumps[d.Kind]; ok {
			return nil, fmt.Errorf("archive: header: %s is there twice", d.Kind)
		}
		if c.Dumps[d.Kind], err = readDump(in, d); err != nil {
			return nil, err
		}
	}
	want := in.sum.Sum(nil)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(in.r, got); err != nil {
		return nil, fmt.Errorf("archive: the checksum at the end: %w", unexpected(err))
	}
	if !slices.Equal(got, want) {
		return nil, errors.New("archive: damaged: the checksum at the end does not agree")
	}
	if n, err := in.r.Read(make([]byte, 1)); n > 0 || err != io.EOF {
		return nil, errors.New("archive: something stands after its end")
	}
	return c, nil
}

// hashedReader hashes what is read.
type hashedReader struct {
	r   *bufio.Reader
	sum hash.Hash
}

func (h *hashedReader) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	h.sum.Write(p[:n])
	return n, err
}

// line reads a line of at most limit bytes and returns it without its end.
func (h *hashedReader) line(limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := h.r.ReadSlice('\n')
		h.sum.Write(part)
		line = append(line, part...)
		switch {
		case len(line) > limit:
			return nil, fmt.Errorf("longer than %d bytes", limit)
		case err == nil:
			return line[:len(line)-1], nil
		case err != bufio.ErrBufferFull:
			return nil, unexpected(err)
		}
	}
}

// readHeader reads the first two lines.
func readHeader(in *hashedReader) (*archiveHeader, error) {
	first, err := in.line(len(archiveMagic) + 20)
	if err != nil {
		return nil, fmt.Errorf("archive: first line: %w", err)
	}
	number, ok := strings.CutPrefix(string(first), archiveMagic)
	schema, err := strconv.Atoi(number)
	if !ok || err != nil {
		return nil, fmt.Errorf("archive: first line %q is not %q and a number", first, archiveMagic)
	}
	if schema != archiveSchema {
		return nil, fmt.Errorf("archive: it has schema %d, this version of rulewalk reads schema %d", schema, archiveSchema)
	}
	second, err := in.line(maxHeader)
	if err != nil {
		return nil, fmt.Errorf("archive: header: %w", err)
	}
	h := new(archiveHeader)
	if err := json.Unmarshal(second, h); err != nil {
		return nil, fmt.Errorf("archive: header: %w", err)
	}
	return h, nil
}

// capture returns the header's part of a capture.
func (h *archiveHeader) capture() (*rtnl.Capture, error) {
	if h.ByteOrder != nativeByteOrder() {
		return nil, fmt.Errorf("archive: its messages are in %s-endian byte order, as its host has it; this host can read only %s-endian ones",
			h.ByteOrder, nativeByteOrder())
	}
	c := &rtnl.Capture{
		Dumps:   map[rtnl.Kind][]byte{},
		Sysctls: h.Sysctls,
		Kernel:  rpdb.Kernel{Release: h.Kernel},
		Facts: rpdb.Facts{
			CustomRules4: parseTri(h.Facts.CustomRules4),
			CustomRules6: parseTri(h.Facts.CustomRules6),
			CustomLocal4: parseTri(h.Facts.CustomLocal4),

			HomeAddresses: parseTri(h.Facts.HomeAddrs),
		},
		Host:  h.Host,
		Notes: h.Notes,
	}
	if h.Time != nil {
		c.Time = *h.Time
	}
	for _, name := range h.Missing {
		for _, p := range partNames {
			if p.name == name {
				c.Missing |= p.part
			}
		}
	}
	return c, nil
}

func parseTri(s string) rpdb.Tri {
	switch s {
	case "yes":
		return rpdb.Yes
	case "no":
		return rpdb.No
	}
	return rpdb.Unknown
}

// readDump reads the messages of one dump. The buffer grows with what comes, so
// that a length that lies costs nothing.
func readDump(r io.Reader, d archiveDump) ([]byte, error) {
	if d.Bytes < 0 {
		return nil, fmt.Errorf("archive: %s: a dump of %d bytes", d.Kind, d.Bytes)
	}
	const step = 1 << 20
	b := make([]byte, 0, min(d.Bytes, step))
	for int64(len(b)) < d.Bytes {
		n := int(min(d.Bytes-int64(len(b)), max(step, int64(len(b)))))
		b = slices.Grow(b, n)
		got, err := io.ReadFull(r, b[len(b):len(b)+n])
		b = b[:len(b)+got]
		if err != nil {
			return nil, fmt.Errorf("archive: %s: ends after %d of %d bytes: %w", d.Kind, len(b), d.Bytes, unexpected(err))
		}
	}
	return b, nil
}

// archive reads an archive into a piece.
func (l *loader) archive(r io.Reader, d document) error {
	c, err := ReadCapture(r)
	if err != nil {
		return err
	}
	s, err := c.State()
	if err != nil {
		return err
	}
	for k := range c.Dumps {
		if k.Parts() == 0 {
			l.warn.addf(Skipped, d.name, 0, "a dump %q that this version does not know", k)
		}
	}
	if l.snap.Host == "" {
		l.snap.Host = c.Host
	}
	if l.snap.Time.IsZero() {
		l.snap.Time = c.Time
	}
	l.pieces = append(l.pieces, piece{file: d.name, format: FormatArchive, state: *s, told: rpdb.AllParts &^ s.Missing})
	return nil
}

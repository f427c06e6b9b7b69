package snapshot

import (
	"bytes"
	"encoding/binary"
	"regexp"
)

// Format is what a file turned out to be.
type Format uint8

// The formats.
const (
	FormatUnknown       Format = iota
	FormatEmpty                // nothing but blanks
	FormatArchive              // our own
	FormatText                 // output of ip, as text or JSON, of sysctl -a and uname, in any mix
	FormatSupportconfig        // network.txt of supportconfig
	FormatSave                 // ip route save, ip rule save, ip addr save
	FormatTar
	FormatDirectory
	FormatBuiltIn // example, example-old

	formatGzip
	formatBzip2
	formatXz
	formatZstd
	formatZip
	formatUTF16
	formatBinary
)

var formatNames = [...]string{
	"unknown", "empty", "rulewalk archive", "text", "supportconfig", "ip save file", "tarball",
	"directory", "built in", "gzip", "bzip2", "xz", "zstd", "zip",
	"UTF-16 text", "binary data",
}

// String returns a few words for the format.
func (f Format) String() string { return formatNames[f] }

// recogniseLen is how much of a file is looked at.
const recogniseLen = 64 << 10

var magics = []struct {
	magic  string
	format Format
}{
	{archiveMagic, FormatArchive},
	{"\x1f\x8b", formatGzip},
	{"BZh", formatBzip2},
	{"\xfd7zXZ\x00", formatXz},
	{"\x28\xb5\x2f\xfd", formatZstd},
	{"PK\x03\x04", formatZip},
	{"PK\x05\x06", formatZip},
	{"\xff\xfe", formatUTF16},
	{"\xfe\xff", formatUTF16},
}

// recognise tells the format from the first bytes of a file, up to recogniseLen.
func recognise(head []byte) Format {
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			return m.format
		}
	}
	if len(head) >= 4 {
		if _, ok := saveMagic(head); ok {
			return FormatSave
		}
	}
	if isTar(head) {
		return FormatTar
	}
	if bytes.IndexByte(head, 0) >= 0 {
		return formatBinary
	}
	if len(bytes.TrimSpace(head)) == 0 {
		return FormatEmpty
	}
	if isSupportconfig(head) {
		return FormatSupportconfig
	}
	if looksLikeText(head) {
		return FormatText
	}
	return FormatUnknown
}

// isTar tells a tar header by its checksum, which ustar, GNU and the old format
// have in common.
func isTar(head []byte) bool {
	const size, at = 512, 148
	if len(head) < size {
		return false
	}
	sum := 0
	for i, b := range head[:size] {
		if i >= at && i < at+8 {
			b = ' '
		}
		sum += int(b)
	}
	field := bytes.Trim(head[at:at+8], " \x00")
	if len(field) == 0 || len(field) > 7 {
		return false
	}
	want := 0
	for _, c := range field {
		if c < '0' || c > '7' {
			return false
		}
		want = want<<3 | int(c-'0')
	}
	return want == sum && sum != 8*' '
}

// saveKind says which ip command wrote a save file.
type saveKind uint8

const (
	saveRoutes saveKind = iota + 1
	saveRules
	saveAddrs
)

// saveMagics are the magics that the save commands of ip write first, in the
// byte order of their host.
var saveMagics = map[uint32]saveKind{
	0x45311224: saveRoutes,
	0x71706986: saveRules,
	0x47361222: saveAddrs,
}

// saveMagic tells a save file and its kind; head has at least four bytes.
func saveMagic(head []byte) (saveKind, bool) {
	if k, ok := saveMagics[binary.LittleEndian.Uint32(head)]; ok {
		return k, true
	}
	k, ok := saveMagics[binary.BigEndian.Uint32(head)]
	return k, ok
}

// textLines are the shapes of lines of which one is enough to take a file for
// output of ip, sysctl or uname.
var textLines = regexp.MustCompile(`(?m)^[ \t]*(?:` +
	`\[[ \t\r]*$|\[[ \t]*[{\]]|\{[ \t]*["}]` + // JSON
	`|[0-9]+:[ \t]+(?:not[ \t]+)?from[ \t]` + // ip rule
	`|[0-9]+:[ \t]+[^ \t:]+:[ \t]+<` + // ip link, ip addr
	`|[0-9]+:[ \t]+[^ \t]+[ \t]+inet6?[ \t]` + // ip -o addr
	`|id[ \t]+[0-9]+[ \t]+(?:via|dev|group|blackhole)\b` + // ip nexthop
	`|prefix[ \t]+[0-9a-fA-F:./]+[ \t].*\blabel[ \t]` + // ip addrlabel
	`|(?:(?:unicast|local|broadcast|multicast|anycast|blackhole|unreachable|prohibit|throw|nat)[ \t]+)?` +
	`(?:default|[0-9a-fA-F.:]+(?:/[0-9]+)?)[ \t]+(?:nhid|via|dev|table|proto|scope|metric|src|from|tos|dsfield|nexthop|lladdr)\b` + // ip route, ip neigh
	`|(?:blackhole|unreachable|prohibit|throw)[ \t]+(?:default|[0-9a-fA-F.:]+(?:/[0-9]+)?)[ \t]*$` +
	`|[^ \t]+[ \t]+(?:UP|DOWN|UNKNOWN|LOWERLAYERDOWN)[ \t]` + // ip -br
	`|(?:net|kernel|fs|vm|dev|abi|user|debug|sunrpc|crypto)[./][^ \t=]+[ \t]*=` + // sysctl -a
	`|Linux[ \t]+[^ \t]+[ \t]+[0-9]+\.[0-9]` + // uname -a
	`|Linux version [0-9]+\.[0-9]` + // /proc/version
	`|[0-9]+\.[0-9]+\.[0-9][^ \t]*[ \t\r]*$` + // uname -r
	`)`)

// looksLikeText reports whether a line of head is one that ip, sysctl or uname
// print.
func looksLikeText(head []byte) bool {
	return textLines.Match(ansi.ReplaceAll(head, nil))
}

// ansi matches the escape sequences of coloured output (ECMA-48 CSI).
var ansi = regexp.MustCompile("\x1b\\[[0-9;:]*[A-Za-z]")

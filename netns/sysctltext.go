package netns

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

// sysctlText is a setting that is no list of numbers.
type sysctlText struct {
	name  string // the path below net
	mode  fs.FileMode
	fresh string
	parse func(text string) (string, error) // what is read back
}

// builtCC are the congestion controls of a kernel built with defaults, the last one
// chosen.
const builtCC = "reno cubic"

// ratemask6 is which types of ICMPv6 messages are limited in their rate.
const ratemask6 = "ipv6/icmp/ratemask"

// sysctlTexts are the settings that are texts.
var sysctlTexts = []sysctlText{
	{"ipv4/ip_local_reserved_ports", modeUsual, "", bitmap(65536)},
	{"ipv4/tcp_allowed_congestion_control", modeReads, builtCC, nil},
	{"ipv4/tcp_available_congestion_control", modeReads, builtCC, nil},
	{"ipv4/tcp_congestion_control", modeUsual, "cubic", congestionControl},
	{"ipv4/tcp_fastopen_key", modeSecret, "00000000-00000000-00000000-00000000", fastopenKeys},
	{ratemask6, modeUsual, "0-1,3-127", bitmap(256)},
}

func (t sysctlText) file(n *Namespace) *sysctlFile {
	return &sysctlFile{
		mode: t.mode,
		read: func() (string, error) { return n.text(t.name), nil },
		write: func(text string) error {
			s, err := t.parse(text)
			if errors.Is(err, errNothing) {
				return nil
			}
			if err != nil {
				return err
			}
			if n.texts == nil {
				n.texts = map[string]string{}
			}
			n.texts[t.name] = s
			return nil
		},
	}
}

// text returns a setting of sysctlTexts.
func (n *Namespace) text(name string) string {
	if s, ok := n.texts[name]; ok {
		return s
	}
	for _, t := range sysctlTexts {
		if t.name == name {
			return t.fresh
		}
	}
	return ""
}

// errNothing says that a write of nothing changes nothing.
var errNothing = errors.New("nothing written")

// firstLine is a text up to its first newline or NUL (proc_dostring).
func firstLine(s string) string {
	if i := strings.IndexAny(s, "\n\x00"); i >= 0 {
		return s[:i]
	}
	return s
}

// congestionControl is proc_tcp_congestion_control.
func congestionControl(text string) (string, error) {
	s := firstLine(text)
	if !slices.Contains(strings.Fields(builtCC), s) {
		return "", fail(rpdb.ENOENT, "")
	}
	return s, nil
}

var fastopenKey = regexp.MustCompile(`^([0-9a-fA-F]{1,8})-([0-9a-fA-F]{1,8})-([0-9a-fA-F]{1,8})-([0-9a-fA-F]{1,8})$`)

// fastopenKeys reads a key, or two with a comma between (proc_tcp_fastopen_key).
func fastopenKeys(text string) (string, error) {
	keys := strings.Split(strings.TrimSpace(firstLine(text)), ",")
	if len(keys) > 2 {
		return "", fail(rpdb.EINVAL, "")
	}
	for i, k := range keys {
		words := fastopenKey.FindStringSubmatch(k)
		if words == nil {
			return "", fail(rpdb.EINVAL, "")
		}
		for j, w := range words[1:] {
			words[j+1] = strings.ToLower(fmt.Sprintf("%08s", w))
		}
		keys[i] = strings.Join(words[1:], "-")
	}
	return strings.Join(keys, ","), nil
}

// bitmap reads ranges of numbers below a limit (proc_do_large_bitmap).
func bitmap(limit uint64) func(string) (string, error) {
	return func(text string) (string, error) {
		if text == "" {
			return "", errNothing
		}
		bits := make([]bool, limit+1) // and one that ends the last range
		text = strings.TrimLeft(text, "\n")
		for text != "" {
			from, neg, rest, ok := cutNumber(text, "-,\n")
			if !ok || neg || from >= limit {
				return "", fail(rpdb.EINVAL, "")
			}
			to := from
			if strings.HasPrefix(rest, "-") {
				to, neg, rest, ok = cutNumber(rest[1:], ",\n\x00")
				if !ok || neg || to >= limit || from > to {
					return "", fail(rpdb.EINVAL, "")
				}
			}
			for i := from; i <= to; i++ {
				bits[i] = true
			}
			if rest != "" {
				rest = rest[1:]
			}
			text = strings.TrimLeft(rest, "\n")
		}
		return ranges(bits), nil
	}
}

// ranges lists what is set, such as 0-1,3-127.
func ranges(bits []bool) string {
	var out []string
	begin := -1
	for i, set := range bits {
		switch {
		case set && begin < 0:
			begin = i
		case !set && begin == i-1 && begin >= 0:
			out = append(out, strconv.Itoa(begin))
			begin = -1
		case !set && begin >= 0:
			out = append(out, strconv.Itoa(begin)+"-"+strconv.Itoa(i-1))
			begin = -1
		}
	}
	return strings.Join(out, ",")
}

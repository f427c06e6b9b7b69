package iproute2

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

// ErrUnknownWord is wrapped by the error of a line that was read except for a word
// that this package does not know.
var ErrUnknownWord = errors.New("unknown word")

// ReadOptions say how printed text is to be understood. A nil *ReadOptions is the
// zero ReadOptions.
type ReadOptions struct {
	Names *Names // nil: DefaultNames

	// Links gives the indexes of the devices that are named. Nil: only the ifN form
	// and lo are known to the functions that read one line; ReadText finds and
	// invents devices itself.
	Links LinkNames

	// Family is taken where the text does not tell; Unspec: IPv4.
	Family rpdb.Family

	// Table is the table of routes that name none; 0: main.
	Table uint32

	// Command is the ip command whose output the text is, such as "ip -6 route show
	// table 100", if that is known. It tells ReadText the family, the table and the
	// fields that a selector hides. Lines in the text that show a command win.
	Command string
}

func (c *ReadOptions) names() *Names {
	if c == nil || c.Names == nil {
		return builtinNames
	}
	return c.Names
}

func (c *ReadOptions) family() rpdb.Family {
	if c == nil {
		return rpdb.Unspec
	}
	return c.Family
}

func (c *ReadOptions) table() uint32 {
	if c == nil || c.Table == 0 {
		return rpdb.TableMain
	}
	return c.Table
}

// linkIndex finds a device by name, by the literal form ifN, or lo.
func (c *ReadOptions) linkIndex(name string) (int, bool) {
	if c != nil && c.Links != nil {
		if i, ok := c.Links.LinkIndex(name); ok {
			return i, true
		}
	}
	if name == "lo" {
		return rpdb.Loopback, true
	}
	return ifN(name)
}

// ifN reads the name that ip gives a device that it knows only by index.
func ifN(name string) (int, bool) {
	if !strings.HasPrefix(name, "if") {
		return 0, false
	}
	i, ok := parseUint(name[2:], 10, 1<<31-1)
	return int(i), ok && i > 0 && name[2] != '0'
}

// lineParser walks the words of one record.
type lineParser struct {
	w       []string
	i       int
	c       *ReadOptions
	n       *Names
	dev     func(name string) (int, bool)
	table   func(name string) (uint32, bool)
	family  rpdb.Family // told by the text so far
	sawPref bool        // the text has an IPv6 router preference
	bad     []string    // words that are not known
	err     error       // first value that cannot be read
}

func newLineParser(words []string, c *ReadOptions) *lineParser {
	p := &lineParser{c: c, n: c.names()}
	p.dev = c.linkIndex
	p.table = p.n.TableID
	p.w = words
	return p
}

// more reports whether words are left; reading stops at the first bad value.
func (p *lineParser) more() bool { return p.i < len(p.w) && p.err == nil }

// peek returns the next word, empty at the end.
func (p *lineParser) peek() string {
	if p.i < len(p.w) {
		return p.w[p.i]
	}
	return ""
}

// next returns the next word and passes it, empty at the end.
func (p *lineParser) next() string {
	s := p.peek()
	p.i++
	return s
}

// accept passes the next word if it is s.
func (p *lineParser) accept(s string) bool {
	if p.peek() != s {
		return false
	}
	p.i++
	return true
}

// value returns the word after the keyword that was just read; at the end of the
// line it notes an error.
func (p *lineParser) value(key string) string {
	if p.i >= len(p.w) {
		p.fail("%q has no value", key)
		return ""
	}
	return p.next()
}

func (p *lineParser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
}

// need notes an error about the value of a keyword unless ok.
func (p *lineParser) need(ok bool, key, value string) {
	if !ok && p.err == nil {
		p.fail("%s: %q cannot be read", key, value)
	}
}

// proto reads a protocol. It takes no part in decisions: an unknown name is passed
// over as an unknown word.
func (p *lineParser) proto(key string) uint8 {
	s := p.value(key)
	v, ok := p.n.ProtoID(s)
	if !ok && s != "" {
		p.bad = append(p.bad, key, s)
	}
	return v
}

// realms reads a realm or two, of which the same holds.
func (p *lineParser) realms(key string) uint32 {
	s := p.value(key)
	v, ok := p.n.RealmsID(s)
	if !ok && s != "" {
		p.bad = append(p.bad, key, s)
	}
	return v
}

// tableID reads a table by name or number.
func (p *lineParser) tableID(s string) uint32 {
	t, ok := p.table(s)
	if !ok && p.err == nil {
		p.fail("table %q has no number here: its line in rt_tables is needed", s)
	}
	return t
}

func (p *lineParser) uint(key string) uint32 {
	s := p.value(key)
	v, ok := parseUint(s, 0, 1<<32-1)
	p.need(ok, key, s)
	return v
}

// sawFamily notes the family of an address in the text.
func (p *lineParser) sawFamily(f rpdb.Family) {
	if p.family == rpdb.Unspec {
		p.family = f
	}
}

// unknown returns the error for words that were passed over.
func (p *lineParser) unknown() error {
	if len(p.bad) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrUnknownWord, strings.Join(p.bad, " "))
}

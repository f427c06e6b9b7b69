package iproute2

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

// ArgError tells which word of a command is wrong and what is wanted there.
type ArgError struct {
	Key  string // the keyword whose value is wrong; empty if Word itself is
	Word string // empty: the word is missing
	Want string
}

// Error names the word and what is wanted.
func (e *ArgError) Error() string {
	switch {
	case e.Word == "" && e.Key == "":
		return e.Want
	case e.Word == "":
		return fmt.Sprintf("%s: the value is missing; want %s", e.Key, e.Want)
	case e.Key == "":
		return fmt.Sprintf("%q: %s", e.Word, e.Want)
	}
	return fmt.Sprintf("%s: %q is not %s", e.Key, e.Word, e.Want)
}

// matches is iproute2's keyword test: the typed word is a prefix of the keyword,
// and not empty.
func matches(word, keyword string) bool {
	return word != "" && strings.HasPrefix(keyword, word)
}

// args walks the words of a command.
type args struct {
	w     []string
	i     int
	names *Names
	links LinkNames
	err   error
}

func (a *args) more() bool { return a.i < len(a.w) && a.err == nil }

func (a *args) peek() string {
	if a.i < len(a.w) {
		return a.w[a.i]
	}
	return ""
}

func (a *args) next() string {
	s := a.peek()
	a.i++
	return s
}

func (a *args) fail(key, word, want string) {
	if a.err == nil {
		a.err = &ArgError{Key: key, Word: word, Want: want}
	}
}

// value returns the word after a keyword.
func (a *args) value(key, want string) string {
	if a.i >= len(a.w) {
		a.fail(key, "", want)
		return ""
	}
	return a.next()
}

// number reads an unsigned number up to limit.
func (a *args) number(key, want string, limit uint32) uint32 {
	s := a.value(key, want)
	v, ok := parseUint(s, 0, limit)
	if !ok {
		a.fail(key, s, want)
	}
	return v
}

// name reads a value with one of the lookups of Names.
func name[T any](a *args, key, want string, lookup func(string) (T, bool)) T {
	s := a.value(key, want)
	v, ok := lookup(s)
	if !ok {
		a.fail(key, s, want)
	}
	return v
}

// addr reads an address of the family.
func (a *args) addr(key string, f rpdb.Family) netip.Addr {
	want := "an " + familyWord(f) + "address"
	s := a.value(key, want)
	v, ok := parseAddr(s, f)
	if !ok {
		a.fail(key, s, want)
	}
	return v
}

// prefix reads a prefix of the family; word tells that it was default, any or all.
func (a *args) prefix(key string, f rpdb.Family) (p netip.Prefix, word bool) {
	want := "an " + familyWord(f) + "prefix"
	s := a.value(key, want)
	p, word, ok := parsePrefix(s, f)
	if !ok {
		a.fail(key, s, want)
	}
	return p, word
}

func familyWord(f rpdb.Family) string {
	switch f {
	case rpdb.IPv4:
		return "IPv4 "
	case rpdb.IPv6:
		return "IPv6 "
	}
	return "IP "
}

// device reads the name of a device and returns its index.
func (a *args) device(key string) int {
	s := a.value(key, "the name of a device")
	if a.links != nil {
		if i, ok := a.links.LinkIndex(s); ok {
			return i
		}
	}
	i, ok := ifN(s)
	if !ok {
		a.fail(key, s, "a device of this host")
	}
	return i
}

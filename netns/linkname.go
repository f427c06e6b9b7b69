package netns

import (
	"strconv"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

// isValidName reports whether a device can have the name (dev_valid_name).
func isValidName(s string) bool {
	if s == "" || len(s) >= ifNameSize || s == "." || s == ".." {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c == '/' || c == ':' || c == ' ' || '\t' <= c && c <= '\r' || c == 0xa0:
			return false
		}
	}
	return true
}

// validName returns the name that a device gets that wants name, which may hold %d
// (dev_get_valid_name).
func (n *Namespace) validName(name string) (string, error) {
	if !isValidName(name) {
		return "", fail(rpdb.EINVAL, "")
	}
	if strings.IndexByte(name, '%') >= 0 {
		return n.numbered(name)
	}
	if n.byName(name) != nil {
		return "", fail(rpdb.EEXIST, "")
	}
	return name, nil
}

const maxNumbered = 8 * 4096 // one page of bits

// numbered returns the pattern with the first number that is free (__dev_alloc_name).
func (n *Namespace) numbered(pattern string) (string, error) {
	at := strings.IndexByte(pattern, '%')
	if pattern[at:min(at+2, len(pattern))] != "%d" || strings.IndexByte(pattern[at+2:], '%') >= 0 {
		return "", fail(rpdb.EINVAL, "")
	}
	for i := range maxNumbered {
		s := pattern[:at] + strconv.Itoa(i) + pattern[at+2:]
		if len(s) < ifNameSize && n.byName(s) == nil {
			return s, nil
		}
	}
	return "", fail(rpdb.ENFILE, "")
}

// rename gives a device a new name (dev_change_name).
func (d *device) rename(name string) error {
	n := d.ns
	if d.Name == name {
		return nil
	}
	want, err := n.validName(name)
	if err != nil {
		return err
	}
	old := d.Name
	delete(n.devices.name, old)
	d.Name = want
	n.devices.name[want] = d
	n.deviceEvent(d, eventChangeName)
	return nil
}

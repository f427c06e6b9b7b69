package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rpdb"
)

// unknownFields are the selectors that take ? for a value that nobody knows.
var unknownFields = map[string]rpdb.Fields{
	"mark":      rpdb.FieldMark,
	"uid":       rpdb.FieldUID,
	"ipproto":   rpdb.FieldIPProto,
	"sport":     rpdb.FieldSPort,
	"dport":     rpdb.FieldDPort,
	"tos":       rpdb.FieldTOS,
	"dsfield":   rpdb.FieldTOS,
	"dscp":      rpdb.FieldTOS,
	"flowlabel": rpdb.FieldFlowLabel,
}

// takeUnknown takes the pairs like "mark ?" out of the selectors.
func takeUnknown(words []string) (rest []string, unknown rpdb.Fields, err error) {
	for i := 0; i < len(words); i++ {
		if i+1 >= len(words) || words[i+1] != "?" {
			rest = append(rest, words[i])
			continue
		}
		f, ok := unknownFields[words[i]]
		if !ok {
			return nil, 0, fmt.Errorf("%s ?: this selector cannot be unknown; mark, uid, ipproto, sport, dport, tos, dscp and flowlabel can", words[i])
		}
		unknown |= f
		i++
	}
	return rest, unknown, nil
}

// question is a flow that was asked about.
type question struct {
	flow  rpdb.Flow
	given rpdb.Fields // set or declared unknown by the asker
	notes []string
}

// parseFlow reads the selectors of a flow, and fills in what the kernel would where
// they are silent.
func (a *app) parseFlow(ctx context.Context, words []string, src *source) (*question, error) {
	words, unknown, err := takeUnknown(words)
	if err != nil {
		return nil, err
	}
	words, notes, err := a.resolve(ctx, words)
	if err != nil {
		return nil, err
	}
	get, err := iproute2.ParseGet(words, a.family(), src.words.Names, src.words.Links)
	if err != nil {
		return nil, flowError(err, src)
	}
	if get.FibMatch || get.Connected || get.Notify {
		return nil, errors.New("fibmatch, connected and notify are words of ip route get only: why always tells the route")
	}
	q := &question{flow: get.Flow, given: get.Given | unknown, notes: append(notes, get.Warnings...)}
	q.flow.Unknown = unknown
	q.fill(src)
	return q, nil
}

// fill sets what nobody gave as the kernel does for RTM_GETROUTE: the asker's user
// id, and UDP for IPv4.
func (q *question) fill(src *source) {
	f := &q.flow
	if q.given&rpdb.FieldIPProto == 0 && f.Family() == rpdb.IPv4 {
		f.IPProto = rpdb.ProtoUDP
	}
	if q.given&rpdb.FieldUID != 0 {
		return
	}
	switch {
	case f.IIF != 0 && f.Family() == rpdb.IPv6:
		f.UID = rpdb.InvalidUID
	case f.IIF != 0:
	case src.live():
		f.UID = uint32(max(os.Getuid(), 0))
	default:
		f.Unknown |= rpdb.FieldUID
	}
}

func (a *app) family() rpdb.Family {
	switch {
	case a.flags.v4:
		return rpdb.IPv4
	case a.flags.v6:
		return rpdb.IPv6
	}
	return rpdb.Unspec
}

// flowError makes an error about selectors helpful: a device that does not exist
// is told with those that do.
func flowError(err error, src *source) error {
	if !strings.Contains(err.Error(), "device") {
		return err
	}
	var names []string
	for i := range src.state.Links {
		names = append(names, src.state.Links[i].Name)
		if len(names) == 12 {
			names = append(names, "...")
			break
		}
	}
	return fmt.Errorf("%w (there are: %s)", err, strings.Join(names, ", "))
}

// selectorWords are the selectors with a value, in full.
var selectorWords = []string{
	"from", "iif", "oif", "dev", "mark", "tos", "dsfield", "dscp", "uid", "ipproto",
	"sport", "dport", "vrf", "flowlabel",
}

// resolve turns a destination that is a host name into its first address.
func (a *app) resolve(ctx context.Context, words []string) ([]string, []string, error) {
	at := destination(words)
	if at < 0 || !isHostName(words[at]) {
		return words, nil, nil
	}
	network := "ip"
	switch a.family() {
	case rpdb.IPv4:
		network = "ip4"
	case rpdb.IPv6:
		network = "ip6"
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, network, words[at])
	if err != nil {
		return nil, nil, fmt.Errorf("%s is no address, and as a name: %w", words[at], err)
	}
	i := max(slices.IndexFunc(addrs, func(a netip.Addr) bool { return a.Unmap().Is4() }), 0)
	out := slices.Clone(words)
	out[at] = addrs[i].Unmap().String()
	note := fmt.Sprintf("%s is %s", words[at], out[at])
	if len(addrs) > 1 {
		note += fmt.Sprintf(" (and has %d more addresses)", len(addrs)-1)
	}
	return out, []string{note}, nil
}

// destination returns the index of the destination among the words, -1 if there is
// none.
func destination(words []string) int {
	for i := 0; i < len(words); i++ {
		switch {
		case slices.Contains(selectorWords, words[i]):
			i++
		case words[i] == "to" && i+1 < len(words):
			return i + 1
		case words[i] != "to":
			return i
		}
	}
	return -1
}

// isHostName reports whether a word can be the name of a host: it has a letter and
// a dot, and is no address.
func isHostName(w string) bool {
	if _, err := netip.ParseAddr(w); err == nil || strings.ContainsAny(w, ":/") {
		return false
	}
	last := w[strings.LastIndexByte(w, '.')+1:]
	return w == "localhost" || strings.Contains(w, ".") && strings.ContainsFunc(last, func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	})
}

package cli

import (
	"net"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/rulewalk/rulewalk/rpdb"
)

// completeNetns offers the names under /run/netns.
func completeNetns(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	entries, err := os.ReadDir("/run/netns")
	if err != nil {
		return nil, cobra.ShellCompDirectiveDefault
	}
	var names []cobra.Completion
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, cobra.ShellCompDirectiveDefault
}

// completeFlow offers what can come next in the selectors of a flow: the values of
// the selector before, or the selectors that are not there yet.
func (a *app) completeFlow(_ *cobra.Command, words []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	const none = cobra.ShellCompDirectiveNoFileComp
	if len(words) > 0 && slices.Contains(selectorWords, words[len(words)-1]) && !isValue(words) {
		return a.completeValue(words[len(words)-1]), none
	}
	var next []cobra.Completion
	for _, s := range selectorHelp {
		if !slices.Contains(words, s[0]) {
			next = append(next, cobra.CompletionWithDesc(s[0], s[1]))
		}
	}
	if destination(words) < 0 {
		next = append(next, a.ownAddresses()...)
	}
	return next, none
}

// isValue reports whether the last word is the value of the selector before it.
func isValue(words []string) bool {
	n := 0
	for i := len(words) - 2; i >= 0 && slices.Contains(selectorWords, words[i]); i-- {
		n++
	}
	return n%2 == 1
}

var selectorHelp = [][2]string{
	{"from", "source address"},
	{"iif", "device that it arrives on"},
	{"oif", "device that the sender is bound to"},
	{"mark", "firewall mark, ? for unknown"},
	{"tos", "type of service"},
	{"dscp", "DSCP"},
	{"uid", "user id of the sender, ? for unknown"},
	{"ipproto", "protocol"},
	{"sport", "source port"},
	{"dport", "destination port"},
	{"vrf", "VRF that the sender is bound to"},
	{"flowlabel", "IPv6 flow label"},
}

func (a *app) completeValue(selector string) []cobra.Completion {
	switch selector {
	case "iif", "oif", "dev":
		return a.devices(func(*rpdb.Link) bool { return true })
	case "vrf":
		return a.devices((*rpdb.Link).IsVRF)
	case "from":
		return a.ownAddresses()
	case "ipproto":
		return []cobra.Completion{"tcp", "udp", "icmp", "ipv6-icmp", "?"}
	case "mark", "uid", "sport", "dport", "tos", "dscp", "flowlabel":
		return []cobra.Completion{cobra.CompletionWithDesc("?", "unknown")}
	}
	return nil
}

// devices offers the devices of the state that the flags name. On this host the
// names come without a reading of the whole state, which may be large.
func (a *app) devices(want func(*rpdb.Link) bool) []cobra.Completion {
	if len(a.flags.snapshots) > 0 || a.flags.netns != "" {
		src, err := a.open()
		if err != nil {
			return nil
		}
		defer src.close()
		var names []cobra.Completion
		for i := range src.state.Links {
			if l := &src.state.Links[i]; want(l) {
				names = append(names, l.Name)
			}
		}
		return names
	}
	ifs, err := net.Interfaces()
	if err != nil {
		return nil
	}
	var names []cobra.Completion
	for _, i := range ifs {
		names = append(names, i.Name)
	}
	return names
}

// ownAddresses offers the addresses of this host.
func (a *app) ownAddresses() []cobra.Completion {
	if len(a.flags.snapshots) > 0 || a.flags.netns != "" {
		return nil
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var out []cobra.Completion
	for _, ad := range addrs {
		if n, ok := ad.(*net.IPNet); ok {
			out = append(out, n.IP.String())
		}
	}
	return out
}

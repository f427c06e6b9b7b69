package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rulewalk/rulewalk/rpdb"
)

// ipCommands are the objects of ip with their commands.
var ipCommands = []struct {
	object, about string
	commands      []string
}{
	{"address", "addresses of devices", []string{"show", "add", "change", "replace", "del", "flush", "save", "restore", "help"}},
	{"addrlabel", "labels of IPv6 addresses", []string{"list", "add", "del", "flush", "help"}},
	{"link", "devices", []string{"show", "add", "set", "del", "property", "afstats", "help"}},
	{"maddress", "multicast addresses", []string{"show", "add", "del"}},
	{"monitor", "what changes", []string{"all", "address", "link", "neigh", "nexthop", "route", "rule", "label", "help"}},
	{"neigh", "neighbours", []string{"show", "add", "change", "replace", "del", "get", "flush", "help"}},
	{"netns", "network namespaces", []string{"list", "list-id", "identify", "pids", "set", "help"}},
	{"nexthop", "nexthop objects", []string{"show", "add", "replace", "del", "get", "flush", "bucket", "help"}},
	{"route", "routes", []string{"show", "get", "add", "change", "replace", "append", "del", "flush", "save", "restore", "help"}},
	{"rule", "rules", []string{"show", "add", "del", "flush", "save", "restore", "help"}},
	{"vrf", "VRFs", []string{"show", "identify", "pids", "help"}},
}

// completeIP offers what can come next: flags, objects, commands, devices.
func (a *app) completeIP(_ *cobra.Command, words []string, last string) ([]cobra.Completion, cobra.ShellCompDirective) {
	const none = cobra.ShellCompDirectiveNoFileComp
	if n := len(words); n > 0 && (words[n-1] == "--snapshot" || words[n-1] == "--netns") {
		if words[n-1] == "--netns" {
			return completeNetns(nil, nil, "")
		}
		return nil, cobra.ShellCompDirectiveDefault
	}
	f, err := a.ipFlags(words)
	if err != nil {
		return nil, none
	}
	args := slices.DeleteFunc(slices.Clone(f.args), func(w string) bool { return strings.HasPrefix(w, "-") })
	switch len(args) {
	case 0:
		return ipObjects(len(f.args) == 0 && strings.HasPrefix(last, "-")), none
	case 1:
		for _, c := range ipCommands {
			if strings.HasPrefix(c.object, args[0]) {
				return c.commands, none
			}
		}
	}
	switch args[len(args)-1] {
	case "dev", "oif", "iif", "link", "master":
		return a.devices(func(*rpdb.Link) bool { return true }), none
	case "vrf":
		return a.devices((*rpdb.Link).IsVRF), none
	}
	return nil, none
}

func ipObjects(flags bool) []cobra.Completion {
	if flags {
		return []cobra.Completion{
			cobra.CompletionWithDesc("--write", "allow changes of this host"),
			cobra.CompletionWithDesc("--snapshot", "ask a file"),
			cobra.CompletionWithDesc("--netns", "network namespace of this host"),
			"-4", "-6", "-json", "-details", "-brief", "-oneline", "-statistics",
		}
	}
	var next []cobra.Completion
	for _, c := range ipCommands {
		next = append(next, cobra.CompletionWithDesc(c.object, c.about))
	}
	return next
}

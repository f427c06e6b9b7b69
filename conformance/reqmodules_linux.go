package conformance

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/kernel"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// make tells how the running kernel was built and what it runs on, as far as answers
// hang on it.
func (r *running) make() netns.Config {
	return netns.Config{CPUs: possibleCPUs(), NoMPLS: lacksMPLS(r), NoHomeAddresses: homeAddresses() == rpdb.No}
}

// homeAddresses is read once.
var homeAddresses = sync.OnceValue(kernel.HomeAddresses)

// possibleCPUs is how many processors the running kernel counts on
// (num_possible_cpus), 1 where it does not tell.
func possibleCPUs() int {
	b, err := os.ReadFile("/sys/devices/system/cpu/possible")
	if err != nil {
		return 1
	}
	_, last, found := strings.Cut(strings.TrimSpace(string(b)), "-")
	n, err := strconv.Atoi(last)
	if !found || err != nil {
		return 1
	}
	return n + 1
}

// mpls is whether the running kernel lacks mpls_iptunnel, asked once: the kernel looks
// for the module each time.
var mpls struct {
	sync.Once
	lacks bool
}

// lacksMPLS reports whether the kernel refuses a route that pushes labels before it
// looks at anything else: this one, with a prefix of 33 bits, it never takes.
func lacksMPLS(r *running) bool {
	mpls.Do(func() {
		const wrongLength, encapMPLS = 33, 1
		data := []byte{byte(rpdb.IPv4), wrongLength, 11: 0, 12: 6, 14: nla.RTAEncapType, 16: encapMPLS, 19: 0}
		err := rtnl.Exec(r.lab.conn, netlink.Message{
			Header: netlink.Header{Type: rtnl.RTMNewRoute, Flags: netlink.Request | netlink.Acknowledge},
			Data:   data,
		})
		mpls.lacks = errors.Is(err, rpdb.EOPNOTSUPP)
	})
	return mpls.lacks
}

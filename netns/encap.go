package netns

import (
	"github.com/rulewalk/rulewalk/rpdb"
)

// Lightweight tunnels (LWTUNNEL_ENCAP_*).
const (
	encapMPLS      = 1
	encapIP        = 2
	encapIP6       = 4
	encapSeg6      = 5
	encapBPF       = 6
	encapSeg6Local = 7
	encapMax       = 10
)

// checkEncapType checks RTA_ENCAP_TYPE (lwtunnel_valid_encap_type).
func (r *request) checkEncapType(typ uint16) error {
	switch {
	case typ == 0 || typ > encapMax:
		return fail(rpdb.EINVAL, "Unknown lwt encapsulation type")
	case typ == encapMPLS && !r.ns.world.config.NoMPLS || typ == encapIP || typ == encapIP6 || typ == encapSeg6 || typ == encapBPF || typ == encapSeg6Local:
		return nil
	}
	return fail(rpdb.EOPNOTSUPP, "lwt encapsulation type not supported")
}

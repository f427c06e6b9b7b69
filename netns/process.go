package netns

import (
	"encoding/binary"

	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// locate asks where the processes are that a request names, and notes it for byPID. This
// comes before the request is recorded, so that it finds them there when it is made again.
func (r *request) locate() {
	if r.ns.world.config.Process == nil || r.sock.replay {
		return
	}
	switch r.head.Type {
	case rtmNewNSID, rtmGetNSID:
		r.locateIn(r.data[min(genHead, len(r.data)):], nla.NetNSAPID)
	case rtnl.RTMNewLink, rtmSetLink:
		b := r.data[min(linkHeaderLen, len(r.data)):]
		r.locateIn(b, nla.IFLANetNSPID)
		eachPayload(b, func(peer []byte) {
			r.locateIn(peer[min(linkHeaderLen, len(peer)):], nla.IFLANetNSPID)
		}, nla.IFLALinkInfo, nla.IFLAInfoData, vethInfoPeer)
	}
}

// locateIn notes where the processes are that attributes of a type name.
func (r *request) locateIn(b []byte, typ uint16) {
	w := r.ns.world
	eachPayload(b, func(p []byte) {
		if len(p) < 4 {
			return
		}
		pid := binary.NativeEndian.Uint32(p)
		fd := w.config.Process(pid)
		w.mu.Lock()
		n, noted := w.spaces[uint64(fd)], w.pids[pid]
		w.mu.Unlock()
		if n != noted {
			w.SetPID(pid, n)
		}
	}, typ)
}

// eachPayload calls a function with each attribute at the end of a path of nested ones.
func eachPayload(b []byte, do func([]byte), path ...uint16) {
	for {
		a, rest, ok := nextAttr(b)
		switch b = rest; {
		case !ok:
			return
		case a.typ != path[0]:
		case len(path) == 1:
			do(a.data)
		default:
			eachPayload(a.data, do, path[1:]...)
		}
	}
}

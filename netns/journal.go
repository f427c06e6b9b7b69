package netns

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rtnl"
)

// ChangeKind tells what a [Change] did.
type ChangeKind uint8

// The kinds of changes. Their numbers stay as they are: files hold them.
const (
	ChangeNew       ChangeKind = iota + 1 // a namespace was made
	ChangeClose                           // a namespace ended
	ChangeRequest                         // a request other than a question; Data is the message
	ChangeSysctl                          // a setting was written; Data is NAME=VALUE
	ChangeEthernet                        // a network card was added; Data is its address, name and perhaps ifindex
	ChangePID                             // a process was put into a namespace, or (0) forgotten
	ChangeTun                             // a tun or tap device was added
	ChangeTunDel                          // and removed
	ChangeCable                           // a cable was pulled out or plugged in
	ChangeDuplicate                       // an address was found to be somebody else's too; Data is it and the ifindex
	ChangeRouter                          // a router advertised itself; Data is its address, the ifindex and the message
)

// Change is one thing that was done to a world, for [Config.Journal] and
// [World.Replay].
type Change struct {
	Kind      ChangeKind
	At        time.Duration // since the world began, by its clock
	Namespace uint32        // see [Namespace.FD]
	Socket    SocketOptions // of a request, as far as answers hang on them
	PID       uint32
	Data      []byte
}

// record tells the journal of a change. The caller holds the locks under which the
// change is made, so that changes that depend on one another are told in their order.
func (w *World) record(c Change) {
	if w.config.Journal != nil {
		c.At = w.config.Clock().Sub(w.born)
		w.config.Journal(c)
	}
}

// record is [World.record] for a request.
func (r *request) record() {
	w := r.ns.world
	if w.config.Journal != nil {
		m := rtnl.AppendMessage(nil, netlink.Message{Header: r.head, Data: r.data})
		w.record(Change{Kind: ChangeRequest, Namespace: r.ns.FD(), Socket: r.sock.opts, Data: m})
	}
}

// Replay makes a change again, in a world that has gone through the same changes
// before it; made is the new namespace if it makes one. Requests that were refused are
// refused again, which is no error: an error is a change that this world cannot have
// gone through. What time alone brings about until then is done first, if the caller
// has set the clock of the world to the time of the change.
func (w *World) Replay(c Change) (made *Namespace, err error) {
	w.Work()
	if c.Kind == ChangeNew {
		n := w.New()
		if n.FD() != c.Namespace {
			return nil, fmt.Errorf("namespace %d is made again as number %d", c.Namespace, n.FD())
		}
		return n, nil
	}
	n, err := w.byFD(c.Namespace)
	if err != nil && (c.Kind != ChangePID || c.Namespace != 0) {
		return nil, fmt.Errorf("there is no namespace %d", c.Namespace)
	}
	switch c.Kind {
	case ChangeClose:
		return nil, n.Close()
	case ChangeRequest:
		return nil, n.replayRequest(c)
	case ChangeSysctl:
		name, value, ok := strings.Cut(string(c.Data), "=")
		if !ok {
			return nil, fmt.Errorf("a setting without a value: %q", c.Data)
		}
		_ = n.SetSysctl(name, value)
	case ChangeEthernet:
		index, name, address, ok := decodeEthernet(c.Data)
		if !ok {
			return nil, fmt.Errorf("a network card of %d bytes", len(c.Data))
		}
		_, _ = n.AddEthernetAt(index, name, address)
	case ChangePID:
		w.SetPID(c.PID, n)
	case ChangeCable:
		dev, plugged, ok := decodeCable(c.Data)
		if !ok {
			return nil, fmt.Errorf("a cable of %d bytes", len(c.Data))
		}
		_ = n.SetCable(dev, plugged)
	case ChangeDuplicate:
		if len(c.Data) < 17 {
			return nil, fmt.Errorf("a duplicate address of %d bytes", len(c.Data))
		}
		dev, _ := binary.Uvarint(c.Data[16:])
		n.DuplicateAddress(int(dev), addr6Of(c.Data))
	case ChangeRouter:
		if len(c.Data) < 17 {
			return nil, fmt.Errorf("a router of %d bytes", len(c.Data))
		}
		dev, size := binary.Uvarint(c.Data[16:])
		n.HeardRouter(int(dev), addr6Of(c.Data), c.Data[16+max(size, 0):])
	case ChangeTun, ChangeTunDel:
		t, ok := decodeTun(c.Data)
		switch {
		case !ok:
			return nil, fmt.Errorf("a tun device of %d bytes", len(c.Data))
		case c.Kind == ChangeTun:
			_, _ = n.AddTun(t)
		default:
			_ = n.DelTun(t)
		}
	default:
		return nil, fmt.Errorf("a change of unknown kind %d", c.Kind)
	}
	return nil, nil
}

func (n *Namespace) replayRequest(c Change) error {
	m, _, err := rtnl.SplitMessage(c.Data)
	if err != nil {
		return fmt.Errorf("a request: %w", err)
	}
	n.serve(&Socket{ns: n, opts: c.Socket, replay: true}, m, func(netlink.Message) {})
	return nil
}

package conformance

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/kernel"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// running is a fresh namespace of the running kernel. Its thread lives inside it.
type running struct {
	lab   *lab
	socks []*kernel.Socket
	do    chan func()
	early [][]byte // notifications that came while the kernel settled
	down  []int    // the devices that were down at the last look
	vague []int    // those whose state does not tell whether linkwatch has still to come
}

func newRunning() (*running, error) {
	r := &running{do: make(chan func())}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with its namespace
		for f := range r.do {
			f()
		}
	}()
	err := r.inside(r.open)
	if err != nil {
		close(r.do)
		return nil, err
	}
	return r, nil
}

// inside runs f on the thread of the namespace.
func (r *running) inside(f func() error) error {
	done := make(chan error)
	r.do <- func() { done <- f() }
	return <-done
}

func (r *running) open() (err error) {
	if r.lab, err = newLab(); err != nil {
		return err
	}
	if err := deafen(); err != nil {
		return errors.Join(err, r.lab.Close())
	}
	for i, o := range reqSockOptions {
		s, err := kernel.OpenSocket(kernel.SocketConfig{
			Port: uint32(i + 1), StrictCheck: o.StrictCheck, ExtendedAck: o.ExtendedAck, CapAck: o.CapAck,
		})
		if err != nil {
			return errors.Join(err, r.closeAll())
		}
		r.socks = append(r.socks, s)
	}
	for _, g := range reqGroups {
		if err := r.socks[sockMonitor].Join(uint32(g)); err != nil {
			return errors.Join(err, r.closeAll())
		}
	}
	return nil
}

func (r *running) closeAll() error {
	err := r.lab.Close()
	for _, s := range r.socks {
		err = errors.Join(err, s.Close())
	}
	return err
}

func (r *running) Close() error {
	err := r.inside(r.closeAll)
	close(r.do)
	return err
}

func (r *running) send(s reqSock, datagram []byte) ([][]byte, error) {
	if err := r.socks[s].Send(datagram); err != nil {
		return nil, err
	}
	return r.drain(s)
}

func (r *running) drain(s reqSock) ([][]byte, error) {
	var out [][]byte
	for {
		b, err := r.socks[s].Receive()
		if err != nil || b == nil {
			return out, err
		}
		if out, err = splitMessages(out, b); err != nil {
			return out, err
		}
	}
}

func (r *running) notes() ([][]byte, error) {
	out := r.early
	r.early = nil
	more, err := r.drain(sockMonitor)
	return append(out, more...), err
}

// noted reports whether the notification of a new address has come: that of its prefix
// route may come before.
func (r *running) noted() (bool, error) {
	more, err := r.drain(sockMonitor)
	r.early = append(r.early, more...)
	return slices.ContainsFunc(r.early, func(m []byte) bool {
		return netlink.HeaderType(binary.NativeEndian.Uint16(m[4:])) == rtnl.RTMNewAddr
	}), err
}

// patience is how long what ought to come is awaited: a notification of an address,
// a local route. A program may have deleted it, or it may be refused in silence.
const patience = 400 * time.Millisecond

func (r *running) sysctl(path, value string) error {
	return r.inside(func() error { return os.WriteFile("/proc/sys/"+path, []byte(value), 0) })
}

// settle waits for linkwatch and for duplicate address detection, which work on their
// own threads under the RTNL lock: until two looks in a row find everything at rest, with
// a turn of that lock between.
func (r *running) settle(note bool) error {
	calm := 0
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		late := time.Since(start) > patience
		at, err := r.calm(late)
		if err != nil {
			return err
		}
		if note && !late {
			came, err := r.noted()
			if err != nil {
				return err
			}
			at = at && came
		}
		if calm++; !at {
			calm = 0
		}
		if err := r.barrier(at); err != nil {
			return err
		}
		if calm == 2 {
			return nil
		}
		if time.Since(start) > settleTime {
			return errors.New("devices or addresses did not settle within ten seconds")
		}
	}
}

// barrier waits for whoever holds the RTNL lock: a request that takes it, and fails.
// Events of devices that are down, which linkwatch may put off for a second and which
// nobody is told of, are done at once: a question about a device does them
// (linkwatch_sync_dev). So are, if all else is calm, those of devices whose state nobody
// has set yet.
func (r *running) barrier(calm bool) error {
	ask := r.down
	if calm {
		ask = append(ask, r.vague...)
	}
	for _, i := range ask {
		head := make([]byte, 16)
		binary.NativeEndian.PutUint32(head[4:], uint32(i))
		if err := rtnl.Exec(r.lab.conn, netlink.Message{Header: netlink.Header{Type: rtnl.RTMGetLink}, Data: head}); err != nil {
			return fmt.Errorf("asking about device %d: %w", i, err)
		}
	}
	body := make([]byte, 16)
	binary.NativeEndian.PutUint32(body[4:], 0x7ffffff0)
	err := rtnl.Exec(r.lab.conn, netlink.Message{Header: netlink.Header{Type: rtnl.RTMDelLink}, Data: body})
	if !errors.Is(err, rpdb.ENODEV) {
		return fmt.Errorf("deleting a device that is not there: %w", err)
	}
	return nil
}

// calm tells whether the state of every device that is up has followed its carrier,
// and its addresses are not tentative and, unless late, have their local routes.
func (r *running) calm(late bool) (bool, error) {
	up := map[int]bool{}
	rest := true
	r.down, r.vague = r.down[:0], r.vague[:0]
	err := r.lab.dump(rtnl.RTMGetLink, make([]byte, 16), func(m netlink.Message) error {
		k, err := rtnl.ParseLink(m)
		if !k.Up() {
			r.down = append(r.down, k.Index)
			return err
		}
		carrier := false
		for _, a := range k.Extra {
			carrier = carrier || a.Type == nla.IFLACarrier && len(a.Data) > 0 && a.Data[0] != 0
		}
		if carrier && k.Operstate == operUnknown {
			r.vague = append(r.vague, k.Index)
		}
		isRunning := k.Flags&rpdb.IFFRunning != 0
		up[k.Index] = isRunning
		rest = rest && (isRunning == carrier || carrier && heldBack[k.Operstate])
		return err
	})
	if err != nil || !rest {
		return false, err
	}
	calm, routes, err := r.lab.calm6(up)
	return calm && (routes || late), err
}

// heldBack are the states in which a device does not run though it has a carrier, for
// the user said so (IF_OPER_TESTING, IF_OPER_DORMANT).
var heldBack = map[uint8]bool{4: true, 5: true}

const operUnknown = 0 // IF_OPER_UNKNOWN

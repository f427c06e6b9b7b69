package lab

import (
	"context"
	"fmt"
	"io"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Plug connects a network card of the host to something that carries Ethernet frames, one
// with each call of Read and Write, such as a tap device of this machine: until its Read
// fails or the context ends, whose end closes it. The error is that of Read.
func (h *Host) Plug(ctx context.Context, dev string, cable io.ReadWriteCloser) error {
	l, ok := h.host.Link(0, dev)
	if !ok {
		return fmt.Errorf("device %s: %w", dev, rpdb.ENODEV)
	}
	in, unplug, err := h.host.Plug(l.Index, func(frame []byte) { _, _ = cable.Write(frame) })
	if err != nil {
		return fmt.Errorf("device %s: %w", dev, err)
	}
	defer unplug()
	defer context.AfterFunc(ctx, func() { _ = cable.Close() })()
	buf := make([]byte, 65536)
	for {
		n, err := cable.Read(buf)
		if err != nil {
			return err
		}
		in(buf[:n])
	}
}

// plugArgs name a card of a host, and a tap device of this machine.
type plugArgs struct {
	NetNS ID     `json:"netns,omitempty"`
	Host  string `json:"host,omitempty"` // instead of NetNS
	Dev   string `json:"dev"`
	Tap   string `json:"tap"`
}

// OpenTap opens a tap device of this machine for [Client.Plug]; nil where it is not
// supported. The program sets it, so that this package does not depend on the kernel.
var OpenTap func(name string) (io.ReadWriteCloser, error)

// plug connects a network card of a host with a tap device of the machine that the world
// runs on.
func (s *session) plug(a plugArgs) (nothing, error) {
	if OpenTap == nil {
		return nothing{}, refuse(rpdb.EOPNOTSUPP, "tap devices of this machine")
	}
	sp, release, err := s.server.spaces.hold(a.NetNS, a.Host)
	if err != nil {
		return nothing{}, err
	}
	h := &Host{server: s.server, space: sp, host: s.server.host(sp)}
	if _, ok := h.host.Link(0, a.Dev); !ok {
		release()
		return nothing{}, refuse(rpdb.ENODEV, "device %q", a.Dev)
	}
	tap, err := OpenTap(a.Tap)
	if err != nil {
		release()
		return nothing{}, &Error{Text: err.Error()}
	}
	go func() {
		defer release()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		go func() {
			select {
			case <-s.server.done:
				cancel()
			case <-ctx.Done():
			}
		}()
		_ = h.Plug(ctx, a.Dev, tap)
		_ = tap.Close()
	}()
	return nothing{}, nil
}

// Plug connects a network card of a host, named or else by its namespace, with a tap device
// of the machine that the world runs on, in the network namespace of the world's process:
// the device is made if it is not there, for as long as the world lives.
func (c *Client) Plug(id ID, host, dev, tap string) error {
	return c.call("plug", plugArgs{NetNS: id, Host: host, Dev: dev, Tap: tap}, nil)
}

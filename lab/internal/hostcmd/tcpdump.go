package hostcmd

import (
	"context"

	"github.com/rulewalk/rulewalk/lab/internal/capture"
	"github.com/rulewalk/rulewalk/lab/internal/datapath"
	"github.com/rulewalk/rulewalk/lab/internal/tcpdump"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
)

func init() { register(tcpdumpCommand, "tcpdump") }

// tapQueue is how many packets may wait for tcpdump; more are lost, and counted.
const tapQueue = 1 << 16

// tcpdumpCommand shows the packets of the host's interfaces.
func tcpdumpCommand(ctx context.Context, env *Env, args []string) int {
	return tcpdump.Main(ctx, args, taps{env.Host}, tcpdump.IO{
		Stdin: env.Stdin, Stdout: env.Stdout, Stderr: env.Stderr, Open: env.Open, Create: env.Create,
	})
}

// taps are the interfaces of a host as tcpdump listens on them.
type taps struct{ host *Host }

// Interfaces implements tcpdump.Source.
func (t taps) Interfaces() []tcpdump.Interface {
	var out []tcpdump.Interface
	for _, d := range t.host.Namespace().View().Devices {
		out = append(out, tcpdump.Interface{
			Interface: interfaceOf(d), LinkType: linkTypeOf(d),
			Up: d.Flags&rpdb.IFFUp != 0, Running: d.Flags&rpdb.IFFRunning != 0, Loopback: d.IsLoopback(),
		})
	}
	return out
}

// Open implements tcpdump.Source.
func (t taps) Open(ctx context.Context, name string) (tcpdump.Packets, error) {
	index := 0
	if name != tcpdump.Any {
		l, ok := t.host.Link(0, name)
		if !ok {
			return nil, verbatim("No such device exists")
		}
		index = l.Index
	}
	var untap func()
	q := tcpdump.NewQueue(ctx, tapQueue, func() { untap() })
	untap = t.host.Tap(index, func(f datapath.Frame) { q.Put(packetOf(&f)) })
	return q, nil
}

// packetOf is a frame of the datapath as captures keep it.
func packetOf(f *datapath.Frame) capture.Packet {
	p := capture.Packet{
		Time: f.Time, LinkType: capture.Raw, Data: f.Data, Length: len(f.Data), Interface: interfaceOf(f.Device),
		Direction: capture.Out, Comment: f.Comment,
	}
	if f.LinkType == datapath.Ethernet {
		p.LinkType = capture.Ethernet
	}
	if f.Direction == datapath.In {
		p.Direction = capture.In + capture.Direction(f.Kind)
	}
	return p
}

// interfaceOf is what captures tell of a device.
func interfaceOf(d *netns.Device) capture.Interface {
	i := capture.Interface{Name: d.Name, Index: d.Index, Hardware: capture.HardwareEthernet}
	switch {
	case d.IsLoopback():
		i.Hardware = capture.HardwareLoopback
	case linkTypeOf(d) == capture.Raw:
		i.Hardware = capture.HardwareNone
	}
	return i
}

// linkTypeOf is how the frames of a device begin.
func linkTypeOf(d *netns.Device) capture.LinkType {
	if h := uint16(d.Type); h == capture.HardwareEthernet || h == capture.HardwareLoopback {
		return capture.Ethernet
	}
	return capture.Raw
}

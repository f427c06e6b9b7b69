package ipcmd

import (
	"encoding/binary"
	"errors"
	"io"
	"slices"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// flushAddrs deletes the selected addresses (ipaddr_flush).
func (c *call) flushAddrs() int {
	if !c.more() {
		c.errorf("Flush requires arguments.\n")
		return 1
	}
	if c.family == afPacket {
		c.errorf("Cannot flush link addresses.\n")
		return 1
	}
	f := c.linkFilter(false)
	if !f.resolve(c) {
		return 1
	}
	for round := 0; c.opt.loops == 0 || round < c.opt.loops; {
		n, status := c.flushRound(f)
		if status != 0 {
			return status
		}
		if n > 0 {
			round++
			if c.opt.stats > 0 {
				c.printf("\n*** Round %d, deleting %d addresses ***\n", round, n)
			}
		}
		// Of primary addresses one round is enough: another one would delete the
		// secondary ones that took their place.
		if n == 0 || f.flags&rpdb.IFASecondary == 0 && f.flagMask&rpdb.IFASecondary != 0 {
			c.flushDone(round)
			return 0
		}
	}
	c.errorf("*** Flush remains incomplete after %d rounds. ***\n", c.opt.loops)
	return 1
}

func (c *call) flushDone(rounds int) {
	switch {
	case c.opt.stats == 0:
	case rounds == 0:
		c.print("Nothing to flush.\n")
	case rounds == 1:
		c.print("*** Flush is complete after 1 round ***\n")
	default:
		c.printf("*** Flush is complete after %d rounds ***\n", rounds)
	}
}

// flushRound deletes what is listed now and returns how many addresses that were.
func (c *call) flushRound(f *linkFilter) (n, status int) {
	var found []netlink.Message
	status = c.dump(addrDump(f.family, f.index), nil, func(m netlink.Message) {
		if m.Header.Type != rtnl.RTMNewAddr || !f.matchesAddr(c, m) {
			return
		}
		m.Data = slices.Clone(m.Data)
		found = append(found, m)
		if c.opt.stats > 1 {
			r := c.record()
			iproute2.PrintAddr(r, m, true)
			c.print(r.Text())
		}
	})
	if status != 0 {
		return 0, status
	}
	for _, m := range found {
		_, err := c.ask(&request{typ: rtnl.RTMDelAddr, flags: netlink.Acknowledge, body: m.Data})
		if err != nil && !errors.Is(err, rpdb.EADDRNOTAVAIL) {
			c.errorf("Failed to send flush request: %s\n", errnoText(err))
			return 0, 1
		}
	}
	return len(found), 0
}

// errnoText is the text of a refusal's errno (perror).
func errnoText(err error) string {
	var e *rtnl.Error
	if errors.As(err, &e) {
		return e.Errno.Error()
	}
	return strerror(err)
}

const addrDumpMagic = 0x47361222

// saveAddrs writes the messages of the list of addresses (IPADD_SAVE).
func (c *call) saveAddrs() int {
	f := c.linkFilter(false)
	if !f.resolve(c) {
		return 1
	}
	if c.Terminal {
		c.errorf("Not sending a binary stream to stdout\n")
		return 1
	}
	c.print(string(binary.NativeEndian.AppendUint32(nil, addrDumpMagic)))
	status := c.dump(addrDump(c.family, 0), nil, func(m netlink.Message) { c.writeMessage(m) })
	if status != 0 {
		c.errorf("Save terminated\n")
		return 1
	}
	return 0
}

// writeMessage writes a message with its header.
func (s *session) writeMessage(m netlink.Message) {
	b := binary.NativeEndian.AppendUint32(nil, uint32(16+len(m.Data)))
	b = binary.NativeEndian.AppendUint16(b, uint16(m.Header.Type))
	b = binary.NativeEndian.AppendUint16(b, uint16(m.Header.Flags))
	b = binary.NativeEndian.AppendUint32(b, m.Header.Sequence)
	b = binary.NativeEndian.AppendUint32(b, m.Header.PID)
	s.print(string(b))
	s.print(string(m.Data))
}

// readAddrDump checks the beginning of a saved list; without it the tool ends.
func (c *call) readAddrDump() {
	var b [4]byte
	n, _ := io.ReadFull(c.In, b[:])
	if magic := binary.NativeEndian.Uint32(b[:]); n < 4 || magic != addrDumpMagic {
		if n < 4 {
			magic = 0
		}
		c.errorf("Magic mismatch (%d elems, %x magic)\n", n/4, magic)
		panic(exit(255))
	}
}

// readMessages passes on the messages of a file until one is refused
// (rtnl_from_file), and returns the exit status.
func (s *session) readMessages(in io.Reader, each func(netlink.Message) int) int {
	for {
		var h [16]byte
		switch _, err := io.ReadFull(in, h[:]); {
		case errors.Is(err, io.EOF):
			return 0
		case err != nil:
			s.errorf("rtnl-from_file: truncated message\n")
			return 255
		}
		n := int(binary.NativeEndian.Uint32(h[:]))
		if n < 16 || n > 1<<20 {
			s.errorf("!!!malformed message: len=%d @0\n", n)
			return 255
		}
		data := make([]byte, (n-16+3)&^3)
		if _, err := io.ReadFull(in, data); err != nil {
			s.errorf("rtnl-from_file: truncated message\n")
			return 255
		}
		m := netlink.Message{Header: netlink.Header{
			Length: uint32(n), Type: netlink.HeaderType(binary.NativeEndian.Uint16(h[4:])),
			Flags:    netlink.HeaderFlags(binary.NativeEndian.Uint16(h[6:])),
			Sequence: binary.NativeEndian.Uint32(h[8:]), PID: binary.NativeEndian.Uint32(h[12:]),
		}, Data: data[:n-16]}
		if status := each(m); status != 0 {
			return status
		}
	}
}

// showAddrDump prints a saved list.
func (c *call) showAddrDump() int {
	c.readAddrDump()
	panic(exit(c.readMessages(c.In, func(m netlink.Message) int {
		r := iproute2.NewRecord(c.printOptions(), false)
		iproute2.PrintAddr(r, m, false)
		c.printf("if%d:\n%s", messageIndex(m), r.Text())
		return 0
	})))
}

// restoreAddrs adds the addresses of a saved list; those that are there already stay.
func (c *call) restoreAddrs() int {
	c.readAddrDump()
	panic(exit(c.readMessages(c.In, func(m netlink.Message) int {
		_, err := c.ask(&request{
			typ: m.Header.Type, flags: m.Header.Flags&^netlink.Multi | netlink.Create | netlink.Acknowledge, body: m.Data,
		})
		if err == nil {
			return 0
		}
		status := c.refused(err)
		if errors.Is(err, rpdb.EEXIST) {
			return 0
		}
		_ = status
		return 255
	})))
}

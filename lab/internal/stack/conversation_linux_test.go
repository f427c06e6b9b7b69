package stack

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rulewalk/rulewalk/rpdb"
)

// stream is a TCP connection, the kernel's or ours.
type stream interface {
	net.Conn
	CloseWrite() error
}

// pause lets delayed acknowledgments go.
func pause() { time.Sleep(60 * time.Millisecond) }

// conversations are what the two ends of a connection do.
var conversations = map[string]func(client, server stream){
	"half-close": func(c, s stream) {
		io.WriteString(c, "hello\n")
		pause()
		s.Read(make([]byte, 100))
		io.WriteString(s, "world\n")
		pause()
		c.Read(make([]byte, 100))
		c.CloseWrite()
		pause()
		s.Close()
		pause()
		c.Close()
	},
	"unread data": func(c, s stream) {
		io.WriteString(c, "hello\n")
		pause()
		s.Close() // a reset
		pause()
		c.Close()
	},
	"writing to a closed end": func(c, s stream) {
		s.Close()
		pause()
		io.WriteString(c, "hello\n") // answered by a reset
		pause()
		io.WriteString(c, "hello\n")
		c.Close()
	},
	"both close": func(c, s stream) {
		io.WriteString(c, strings.Repeat("x", 1000))
		pause()
		io.ReadFull(s, make([]byte, 1000))
		s.Close()
		pause()
		c.Close()
	},
}

// trace is a segment without what differs between two runs, and without windows,
// which differ by a unit or two, and identifications of acknowledgments, which the
// kernel leaves out in TIME-WAIT.
func trace(p []byte) string {
	_, n := upper(p)
	seg := p[n:]
	h := int(seg[12]>>4) * 4
	from := "client"
	if be.Uint16(seg) == 1234 {
		from = "server"
	}
	id := fmt.Sprint(be.Uint16(p[4:]) != 0)
	if flagsOf(seg) == flagACK {
		id = "any"
	}
	return fmt.Sprintf("%s flags %02x, %d bytes, %d of options, id %s, tos %d, ttl %d",
		from, flagsOf(seg), len(p)-n-h, h-tcpHeader, id, p[1], p[8])
}

// The segments of short conversations are the kernel's, one by one.
func TestConversationAsTheKernel(t *testing.T) {
	for name, talk := range conversations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ra, rb := realPair(t, 1500)
			fd := capture(t, ra, "eth0")
			defer unix.Close(fd)
			var l net.Listener
			check(t, rb.Do(func() (err error) {
				l, err = net.Listen("tcp", "10.0.0.2:1234")
				return err
			}))
			defer l.Close()
			check(t, ra.Do(func() error {
				c, err := net.Dial("tcp", "10.0.0.2:1234")
				if err != nil {
					return err
				}
				s, err := l.Accept()
				if err != nil {
					return err
				}
				talk(c.(*net.TCPConn), s.(*net.TCPConn))
				return nil
			}))
			pause()
			var want []string
			buf := make([]byte, 65600)
			unix.SetNonblock(fd, true)
			for {
				n, _, err := unix.Recvfrom(fd, buf, 0)
				if err != nil {
					break
				}
				if n >= ipv4Header+tcpHeader && buf[0]>>4 == 4 && buf[9] == rpdb.ProtoTCP {
					want = append(want, trace(buf[:n]))
				}
			}

			w := newWorld(t, false)
			a, b := w.host("10.0.0.1"), w.host("10.0.0.2")
			c, s := pair(t, a, listen(t, b, "tcp", "10.0.0.2:1234", Options{}), "10.0.0.2:1234")
			talk(c, s)
			pause()
			var got []string
			for _, p := range w.packets(segments(0, 0)) {
				got = append(got, trace(p))
			}
			if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
				t.Errorf("got\n%s\nwant\n%s", g, w)
			}
		})
	}
}

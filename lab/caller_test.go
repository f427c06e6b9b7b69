package lab_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/rulewalk/rulewalk/lab/internal/wire"
	"github.com/rulewalk/rulewalk/rpdb"
)

// calling begins a command as its process would, by hand.
func calling(t *testing.T, c served, line string) net.Conn {
	t.Helper()
	info, err := c.Info()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("unix", info.Socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	b := wire.Append(nil, wire.Hello, []byte(wire.Greeting))
	b = wire.Append(b, wire.Run, wire.CommandLine{Args: strings.Fields(line)}.Append(nil))
	if _, err := conn.Write(b); err != nil {
		t.Fatal(err)
	}
	return conn
}

// want reads a frame and wants its kind and a part of its body.
func want(t *testing.T, conn io.Reader, k wire.Kind, part string) []byte {
	t.Helper()
	got, b, err := wire.Read(conn, nil)
	if err != nil || got != k || !strings.Contains(string(b), part) {
		t.Fatalf("frame %c %q, %v, want %c with %q", got, b, err, k, part)
	}
	return b
}

// wantBoth wants that nc asks for its input and writes what has arrived; it does both at
// once, so either may come first.
func wantBoth(t *testing.T, conn io.Reader) {
	t.Helper()
	seen := map[wire.Kind]string{}
	for range 2 {
		k, b, err := wire.Read(conn, nil)
		if err != nil {
			t.Fatal(err)
		}
		seen[k] = string(b)
	}
	if !strings.Contains(seen[wire.Ask], string(wire.AskRead)) {
		t.Errorf("frames %q ask for no input", seen)
	}
	if !strings.Contains(seen[wire.Write], "\x00\x00\x00\x00\x00") {
		t.Errorf("frames %q write nothing", seen)
	}
}

// TestCaller plays the process that a command was called in.
func TestCaller(t *testing.T) {
	c := world(t, rpdb.Kernel{})

	conn := calling(t, c, "ip -br link show lo")
	want(t, conn, wire.Write, "lo ")
	want(t, conn, wire.Exit, "\x00\x00\x00\x00")

	// It reads what the process gives it, and no question is answered twice.
	conn = calling(t, c, "ip -batch -")
	number := want(t, conn, wire.Ask, string(wire.AskRead))[:4]
	for _, text := range []string{"link add d9 type dummy\n", "link add d8 type dummy\n"} {
		_, _ = conn.Write(wire.Append(nil, wire.Answer, append(number, text...)))
	}
	number = want(t, conn, wire.Ask, string(wire.AskRead))[:4]
	_, _ = conn.Write(wire.Append(nil, wire.Refusal, append(number, 0, 0, 0, 0)))
	want(t, conn, wire.Exit, "")
	if out, status := run(t, c, 0, "ip link show d9"); status != 0 {
		t.Error(out)
	}
	if _, status := run(t, c, 0, "ip link show d8"); status == 0 {
		t.Error("the second answer counts")
	}

	for line, text := range map[string]string{
		"nosuch 127.0.0.1": "nosuch: no command of rulewalk lab\n",
		"":                 "",
	} {
		conn = calling(t, c, line)
		if text != "" {
			want(t, conn, wire.Write, text)
		}
		want(t, conn, wire.Exit, "")
	}
}

// TestCallerLeaves checks that a command ends with the process that it was called in, or
// with one that does not answer as it should.
func TestCallerLeaves(t *testing.T) {
	c := world(t, rpdb.Kernel{})
	for name, leave := range map[string]func(net.Conn){
		"closes":         func(c net.Conn) { _ = c.Close() },
		"sends nonsense": func(c net.Conn) { _, _ = c.Write(wire.Append(nil, wire.Run, nil)) },
		"sends too much": func(c net.Conn) { _, _ = c.Write([]byte("\xff\xff\xff\xffy")) },
	} {
		for _, line := range []string{"ip monitor", "ip -batch -", "ip netns exec sleeping sleep 1"} {
			run(t, c, 0, "ip netns add sleeping")
			conn := calling(t, c, line)
			time.Sleep(10 * time.Millisecond)
			leave(conn)
			for i := 0; ; i++ {
				info, err := c.Info()
				if err != nil {
					t.Fatal(err)
				}
				if info.Clients == 1 {
					break
				}
				if time.Sleep(10 * time.Millisecond); i == 500 {
					t.Fatalf("%s goes on when its process %s", line, name)
				}
			}
		}
	}
}

// TestKilled ends the process of a server in the middle of a connection: the client reads
// the end, or a reset if data was left unread, as when the kernel closes the files of a process.
func TestKilled(t *testing.T) {
	for _, unread := range []bool{false, true} {
		c := world(t, rpdb.Kernel{})
		process := calling(t, c, "nc -l 127.0.0.2 1234")
		host, err := c.server.Host("")
		if err != nil {
			t.Fatal(err)
		}
		var conn net.Conn
		for range 100 {
			if conn, err = host.Dial("tcp", "127.0.0.2:1234"); err == nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if err != nil {
			t.Fatal(err)
		}
		n := 5
		if unread { // more than the process and its cable take: it reads nothing
			n = 8 << 20
		}
		_ = conn.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
		_, _ = conn.Write(make([]byte, n))
		if !unread {
			wantBoth(t, process)
		}
		_ = process.Close()
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		_, err = conn.Read(make([]byte, 1))
		if unread && !errors.Is(err, rpdb.ECONNRESET) || !unread && err != io.EOF {
			t.Errorf("unread data %v: %v", unread, err)
		}
		_ = conn.Close()
	}
}

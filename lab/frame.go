package lab

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// kind says what a frame carries.
type kind byte

const (
	kindHello    kind = 'h' // client: greeting, the first frame of a connection
	kindOpen     kind = 'o' // client: be a netlink socket from now on (openCall)
	kindCall     kind = 'c' // client: a control call (call)
	kindJoin     kind = 'j' // client: join multicast groups (joinCall)
	kindDatagram kind = 'd' // both: netlink messages
	kindReply    kind = 'r' // server: the result of an open, a call or a join
	kindError    kind = 'e' // server: a refusal (Error)
	kindBulk     kind = 'b' // server: the beginning of the result that follows
)

const (
	// greeting names the protocol and its version.
	greeting = "rulewalk lab 1"

	frameHeader = 5
	// maxFrame bounds the body of a frame. It is what the kernel takes as one datagram
	// (net.core.wmem_max), rounded up.
	maxFrame = 256 << 10
	// readStep is how much of a body is made room for before it has arrived.
	readStep = 16 << 10
)

var errFrameTooLong = fmt.Errorf("a frame is longer than %d bytes", maxFrame)

// writeFrame writes a frame: the length of its body (32 bits, little endian), its
// kind, its body.
func writeFrame(w *bufio.Writer, k kind, body []byte) error {
	if len(body) > maxFrame {
		return errFrameTooLong
	}
	var head [frameHeader]byte
	binary.LittleEndian.PutUint32(head[:], uint32(len(body)))
	head[4] = byte(k)
	if _, err := w.Write(head[:]); err != nil {
		return err
	}
	_, err := w.Write(body)
	return err
}

// writeJSON writes a frame whose body is a JSON document. The beginning of a long one
// goes before it in bulk frames.
func writeJSON(w *bufio.Writer, k kind, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	for ; len(body) > maxFrame; body = body[maxFrame:] {
		if err := writeFrame(w, kindBulk, body[:maxFrame]); err != nil {
			return err
		}
	}
	return writeFrame(w, k, body)
}

// readFrame reads a frame into buf, which it grows as the body arrives, never for a
// length that was only announced. It returns io.EOF only between frames.
func readFrame(r io.Reader, buf []byte) (kind, []byte, error) {
	var head [frameHeader]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, buf, err
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n > maxFrame {
		return 0, buf, errFrameTooLong
	}
	buf = buf[:0]
	for left := int(n); left > 0; {
		step := min(left, readStep)
		at := len(buf)
		buf = append(buf, make([]byte, step)...)
		if _, err := io.ReadFull(r, buf[at:]); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return 0, buf, err
		}
		left -= step
	}
	return kind(head[4]), buf, nil
}

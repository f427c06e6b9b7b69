package rtnl

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Transport answers rtnetlink requests: the running kernel, an emulated one, or a
// file.
type Transport interface {
	// Do sends one request and yields its answers in order. The request's type,
	// flags and body are set; length, sequence and port id are filled in. The
	// message that closes the answers (an acknowledgement or the end of a dump) is
	// not yielded.
	//
	// A refusal ends the sequence with an *Error, a dump that the kernel marked as
	// inconsistent with ErrDumpInterrupted after all its messages; any other error
	// says that the exchange itself failed. The Data of a message is valid until
	// the next one is asked for. One sequence at a time can be under way, and a
	// sequence can be left early.
	Do(netlink.Message) iter.Seq2[netlink.Message, error]
}

// ErrDumpInterrupted says that the state changed while it was dumped
// (NLM_F_DUMP_INTR), so that entries may be missing or listed twice.
var ErrDumpInterrupted = errors.New("the state changed while it was dumped")

// Error is a refusal by the kernel.
type Error struct {
	Errno rpdb.Errno
	Msg   string // extended acknowledgement (NLMSGERR_ATTR_MSG), often empty
}

// Error returns the kernel's own text after that of the errno.
func (e *Error) Error() string {
	if e.Msg == "" {
		return e.Errno.Error()
	}
	return e.Errno.Error() + ": " + strings.TrimSuffix(e.Msg, ".")
}

// Unwrap returns the errno, so that errors.Is(err, rpdb.EEXIST) works.
func (e *Error) Unwrap() error { return e.Errno }

const (
	nlmsgHeaderLen  = 16
	nlmsgerrAttrMsg = 1
)

// ParseError reads the outcome that a message of type netlink.Error or netlink.Done
// carries: nil for success, an *Error for a refusal, another error for a malformed
// message.
func ParseError(m netlink.Message) error {
	if m.Header.Type == netlink.Done && len(m.Data) == 0 {
		return nil
	}
	if len(m.Data) < 4 {
		return fmt.Errorf("netlink outcome: %d bytes are too short", len(m.Data))
	}
	code := int32(binary.NativeEndian.Uint32(m.Data))
	if code == 0 {
		return nil
	}
	e := &Error{Errno: rpdb.Errno(-code)}
	if m.Header.Flags&netlink.AcknowledgeTLVs == 0 {
		return e
	}
	rest := m.Data[4:]
	if m.Header.Type == netlink.Error {
		if len(rest) < nlmsgHeaderLen {
			return e
		}
		skip := nlmsgHeaderLen
		if m.Header.Flags&netlink.Capped == 0 {
			skip = align4(int(min(binary.NativeEndian.Uint32(rest), 1<<30)))
		}
		if skip < nlmsgHeaderLen || skip > len(rest) {
			return e
		}
		rest = rest[skip:]
	}
	for r := (reader{rest: rest}); r.next(); {
		if r.typ == nlmsgerrAttrMsg {
			e.Msg = r.str()
		}
	}
	return e
}

// drain runs a request whose answers do not matter.
func drain(t Transport, m netlink.Message) error {
	for _, err := range t.Do(m) {
		if err != nil {
			return err
		}
	}
	return nil
}

// Exec sends a request that changes something and waits for its acknowledgement.
func Exec(t Transport, m netlink.Message) error {
	m.Header.Flags |= netlink.Request | netlink.Acknowledge
	return drain(t, m)
}

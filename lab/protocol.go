package lab

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
)

// Root is the id of the namespace that a world begins with.
const Root ID = 1

// ID names a namespace of a world for as long as the world lives: unlike a name it is
// never given twice. Zero stands for [Root].
type ID uint64

// Error is a refusal by the server.
type Error struct {
	Errno rpdb.Errno `json:"errno,omitempty"`
	Text  string     `json:"text"`
}

// Error returns the text.
func (e *Error) Error() string { return e.Text }

// Unwrap returns the errno, so that errors.Is(err, rpdb.ENOENT) works.
func (e *Error) Unwrap() error {
	if e.Errno == rpdb.OK {
		return nil
	}
	return e.Errno
}

// refuse makes a refusal whose text names what was refused.
func refuse(errno rpdb.Errno, format string, args ...any) *Error {
	return &Error{errno, fmt.Sprintf(format, args...) + ": " + errno.Error()}
}

// asError makes any error one that can be sent.
func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	var errno rpdb.Errno
	if errors.As(err, &errno) {
		return &Error{errno, err.Error()}
	}
	return &Error{Text: err.Error()}
}

// openCall is the body of an open frame.
type openCall struct {
	NetNS   ID                  `json:"netns,omitempty"`
	Name    string              `json:"name,omitempty"` // instead of NetNS
	Options netns.SocketOptions `json:"options"`
}

// opened is the reply to it.
type opened struct {
	NetNS ID `json:"netns"`
}

// joinCall is the body of a join frame.
type joinCall struct {
	Groups []netns.Group `json:"groups"`
}

// call is the body of a call frame.
type call struct {
	Op   string          `json:"op"`
	Args json.RawMessage `json:"args,omitempty"`
}

// decode reads a JSON body.
func decode(body []byte, v any) error {
	if err := json.Unmarshal(body, v); err != nil {
		return &Error{rpdb.EINVAL, "a body that cannot be read: " + err.Error()}
	}
	return nil
}

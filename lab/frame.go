package lab

import (
	"bufio"
	"encoding/json"

	"github.com/rulewalk/rulewalk/lab/internal/wire"
)

// writeFrame writes a frame whose body is not long.
func writeFrame(w *bufio.Writer, k wire.Kind, body []byte) error {
	if len(body) > wire.MaxBody {
		return wire.ErrTooLong
	}
	var head [wire.HeaderLen]byte
	if _, err := w.Write(wire.AppendHeader(head[:0], k, len(body))); err != nil {
		return err
	}
	_, err := w.Write(body)
	return err
}

// writeLong writes a frame. The beginning of a long body goes before it in bulk frames.
func writeLong(w *bufio.Writer, k wire.Kind, body []byte) error {
	for ; len(body) > wire.MaxBody; body = body[wire.MaxBody:] {
		if err := writeFrame(w, wire.Bulk, body[:wire.MaxBody]); err != nil {
			return err
		}
	}
	return writeFrame(w, k, body)
}

// writeJSON writes a frame whose body is a JSON document.
func writeJSON(w *bufio.Writer, k wire.Kind, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return writeLong(w, k, body)
}

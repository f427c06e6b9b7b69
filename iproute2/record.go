package iproute2

import (
	"fmt"
	"strings"
)

// Record is what ip prints about one object, either as text or as a JSON object. It
// is filled once for both: a key without a format appears in JSON only, a format
// without a key in text only (print_string and its like). The zero Record is empty
// text; a Record is for one goroutine.
type Record struct {
	o    *Options
	json bool
	text []byte
	open []frame // JSON: the object being filled, and those around it
}

// frame is an object that is not complete.
type frame struct {
	key  string
	obj  Object
	list []Object // the elements of the array that is open in obj
}

// NewRecord returns an empty record that prints as text or as JSON.
func NewRecord(o *Options, json bool) *Record {
	return &Record{o: o, json: json, open: make([]frame, 1)}
}

// JSON reports whether the record is a JSON object.
func (r *Record) JSON() bool { return r.json }

// Options returns how the record prints.
func (r *Record) Options() *Options { return r.o }

// Text returns the text so far.
func (r *Record) Text() string { return string(r.text) }

// Object returns the JSON object.
func (r *Record) Object() Object { return r.open[0].obj }

// Raw adds text that JSON does not have.
func (r *Record) Raw(s string) {
	if !r.json {
		r.text = append(r.text, s...)
	}
}

// Newline separates two lines of the record.
func (r *Record) Newline() { r.Raw(r.o.nl()) }

// Add adds a value: under key in JSON, by format (of package fmt) in text.
func (r *Record) Add(key, format string, value any) { r.Paint(ColorNone, key, format, value) }

// Paint is Add with a colour for the text.
func (r *Record) Paint(c Color, key, format string, value any) {
	switch {
	case r.json && key != "":
		r.top().obj.add(key, value)
	case r.json || format == "":
	default:
		s := format
		if strings.IndexByte(format, '%') >= 0 {
			s = fmt.Sprintf(format, value)
		}
		r.text = append(r.text, r.o.Paint(c, s)...)
	}
}

// Flag adds a word that stands for itself: true in JSON.
func (r *Record) Flag(key, text string) { r.Add(key, text, true) }

// Null adds a word that is null in JSON.
func (r *Record) Null(key, text string) { r.Add(key, text, nil) }

// OnOff adds on or off after a word; a boolean in JSON.
func (r *Record) OnOff(key, word string, on bool) {
	if r.json {
		r.top().obj.add(key, on)
		return
	}
	r.Raw(word + " " + onOff(on) + " ")
}

// Hex adds a number as %#x: a string in JSON.
func (r *Record) Hex(key, format string, v uint64) { r.Add(key, format, hexC(v)) }

// Begin opens an object inside the JSON object; End closes it.
func (r *Record) Begin(key string) {
	if r.json {
		r.open = append(r.open, frame{key: key})
	}
}

// End closes the object that the last Begin opened.
func (r *Record) End() {
	if !r.json {
		return
	}
	last := r.open[len(r.open)-1]
	r.open = r.open[:len(r.open)-1]
	if last.key == "" {
		r.top().list = append(r.top().list, last.obj)
		return
	}
	r.top().obj.add(last.key, last.obj)
}

// Element opens an object that is an element of an array; End closes it.
func (r *Record) Element() { r.Begin("") }

// Elements adds the elements so far as an array.
func (r *Record) Elements(key string) {
	if r.json {
		list := r.top().list
		r.top().list = nil
		r.top().obj.add(key, list)
	}
}

func (r *Record) top() *frame { return &r.open[len(r.open)-1] }

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

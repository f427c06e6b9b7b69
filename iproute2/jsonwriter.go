package iproute2

import (
	"io"
	"strconv"
)

// Object is a JSON object that keeps the order of its keys, as ip -j prints them.
type Object []Member

// Member is a key of an Object. Its value is nil (null), a bool, a string, an int
// or uint of any size, an Object, []string or []Object.
type Member struct {
	Key   string
	Value any
}

// Get returns the value of a key, and whether there is one.
func (o Object) Get(key string) (any, bool) {
	for _, m := range o {
		if m.Key == key {
			return m.Value, true
		}
	}
	return nil, false
}

func (o *Object) add(key string, value any) { *o = append(*o, Member{key, value}) }

// addIf adds a member if the condition holds.
func (o *Object) addIf(cond bool, key string, value any) {
	if cond {
		o.add(key, value)
	}
}

// MarshalJSON implements json.Marshaler.
func (o Object) MarshalJSON() ([]byte, error) {
	w := jsonWriter{}
	w.object(o)
	return w.b, nil
}

// WriteJSON writes a list as ip -j does, or with pretty as ip -j -p, and a newline.
func WriteJSON(w io.Writer, list []Object, pretty bool) error {
	j := jsonWriter{pretty: pretty}
	j.objects(list)
	j.b = append(j.b, '\n')
	_, err := w.Write(j.b)
	return err
}

// jsonNumber is a number with the digits to print.
type jsonNumber string

// jsonWriter writes as iproute2's json_writer.c does, whose pretty form keeps the
// elements of an array on one line.
type jsonWriter struct {
	b      []byte
	pretty bool
	depth  int
	sep    byte
}

func (w *jsonWriter) separate() {
	if w.sep != 0 {
		w.b = append(w.b, w.sep)
	}
	w.sep = ','
}

func (w *jsonWriter) newline() {
	if !w.pretty {
		return
	}
	w.b = append(w.b, '\n')
	for range w.depth {
		w.b = append(w.b, "    "...)
	}
}

func (w *jsonWriter) begin(c byte) {
	w.separate()
	w.b = append(w.b, c)
	w.depth++
	w.sep = 0
}

func (w *jsonWriter) end(c byte) {
	w.depth--
	if w.sep != 0 {
		w.newline()
	}
	w.b = append(w.b, c)
	w.sep = ','
}

func (w *jsonWriter) object(o Object) {
	w.begin('{')
	for _, m := range o {
		w.separate()
		w.newline()
		w.sep = 0
		w.string(m.Key)
		w.b = append(w.b, ':')
		if w.pretty {
			w.b = append(w.b, ' ')
		}
		w.value(m.Value)
	}
	w.end('}')
}

func (w *jsonWriter) array(n int, element func(i int)) {
	w.begin('[')
	if w.pretty {
		w.b = append(w.b, ' ')
	}
	for i := range n {
		element(i)
	}
	if w.pretty && w.sep != 0 {
		w.b = append(w.b, ' ')
	}
	w.sep = 0
	w.end(']')
}

func (w *jsonWriter) objects(list []Object) {
	w.array(len(list), func(i int) { w.object(list[i]) })
}

func (w *jsonWriter) value(v any) {
	switch v := v.(type) {
	case Object:
		w.object(v)
		return
	case []Object:
		w.objects(v)
		return
	case []string:
		w.array(len(v), func(i int) { w.separate(); w.string(v[i]) })
		return
	}
	w.separate()
	switch v := v.(type) {
	case nil:
		w.b = append(w.b, "null"...)
	case bool:
		w.b = strconv.AppendBool(w.b, v)
	case string:
		w.string(v)
	case int:
		w.b = strconv.AppendInt(w.b, int64(v), 10)
	case int32:
		w.b = strconv.AppendInt(w.b, int64(v), 10)
	case int64:
		w.b = strconv.AppendInt(w.b, v, 10)
	case uint8:
		w.b = strconv.AppendUint(w.b, uint64(v), 10)
	case uint16:
		w.b = strconv.AppendUint(w.b, uint64(v), 10)
	case uint32:
		w.b = strconv.AppendUint(w.b, uint64(v), 10)
	case uint64:
		w.b = strconv.AppendUint(w.b, v, 10)
	case jsonNumber:
		w.b = append(w.b, v...)
	case float64:
		w.b = append(w.b, formatG(v)...)
	}
}

// string writes a quoted string (jsonw_puts).
func (w *jsonWriter) string(s string) {
	w.b = append(w.b, '"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '\t':
			w.b = append(w.b, `\t`...)
		case '\n':
			w.b = append(w.b, `\n`...)
		case '\r':
			w.b = append(w.b, `\r`...)
		case '\f':
			w.b = append(w.b, `\f`...)
		case '\b':
			w.b = append(w.b, `\b`...)
		case '\\', '"':
			w.b = append(w.b, '\\', c)
		default:
			if c < 0x20 {
				w.b = append(append(w.b, `\u00`...), pad2(c)...)
			} else {
				w.b = append(w.b, c)
			}
		}
	}
	w.b = append(w.b, '"')
}

package iproute2

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
)

// maxJSONEntry bounds the bytes of one entry of a JSON document.
const maxJSONEntry = 16 << 20

// ErrEntrySize ends the reading of a JSON document.
var ErrEntrySize = fmt.Errorf("an entry is longer than %d bytes", maxJSONEntry)

// ReadJSON reads a document that ip -j printed, with or without -d and -p: rules,
// routes, devices with their addresses, nexthops, buckets, neighbours or VRFs, in
// one or several arrays. The Line of a problem is the number of the entry. An error
// means that the document is no JSON, or too big; what was before it is kept.
func (t *TextReader) ReadJSON(r io.Reader, c *ReadOptions) error {
	t.c, t.n, t.line = c, c.names(), 0
	t.startBlock(hint{})
	if c != nil && c.Command != "" {
		t.startBlock(t.parseHint(commandWords(c.Command)))
	}
	return t.readJSON(r)
}

// readJSON reads a document whose command, if known, is the block's.
func (t *TextReader) readJSON(r io.Reader) error {
	limited := &entryReader{r: r}
	dec := json.NewDecoder(limited)
	dec.UseNumber()
	err := t.documents(dec, limited, t.block.hint)
	t.endBlock()
	return err
}

// jsonLine reads a document inside a text.
func (t *TextReader) jsonLine(line string) {
	at := t.line
	h := t.block.hint
	err := t.readJSON(strings.NewReader(line))
	t.line, t.current = at, line
	if err != nil {
		t.problem("a JSON document that cannot be read: " + err.Error())
	}
	t.startBlock(h)
}

// entryReader fails when one entry takes too many bytes.
type entryReader struct {
	r    io.Reader
	read int // since the last entry
}

func (e *entryReader) Read(p []byte) (int, error) {
	if e.read > maxJSONEntry {
		return 0, ErrEntrySize
	}
	n, err := e.r.Read(p)
	e.read += n
	return n, err
}

// documents reads arrays of entries, or single ones, to the end.
func (t *TextReader) documents(dec *json.Decoder, e *entryReader, h hint) error {
	for {
		tok, err := dec.Token()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return t.jsonError(err)
		}
		t.startBlock(h)
		switch tok {
		case json.Delim('['):
			err = t.entryArray(dec, e)
		case json.Delim('{'):
			err = t.openEntry(dec)
		default:
			t.line++
			t.current = fmt.Sprint(tok)
			t.problem("not an object that ip prints")
		}
		if err != nil {
			return t.jsonError(err)
		}
	}
}

func (t *TextReader) jsonError(err error) error {
	return fmt.Errorf("after entry %d: %w", t.line, err)
}

func (t *TextReader) entryArray(dec *json.Decoder, e *entryReader) error {
	for dec.More() {
		e.read = 0
		v, err := decodeJSON(dec, 0)
		if err != nil {
			return err
		}
		t.line++
		o, ok := v.(map[string]any)
		if !ok {
			t.current = fmt.Sprint(v)
			t.problem("not an object that ip prints")
			continue
		}
		t.entry(o)
		if t.entries() > MaxEntries {
			return ErrTooMany
		}
	}
	_, err := dec.Token() // the closing bracket
	return err
}

// openEntry reads an object outside an array, whose brace is passed.
func (t *TextReader) openEntry(dec *json.Decoder) error {
	o, err := decodeObject(dec, 0)
	if err != nil {
		return err
	}
	t.line++
	t.entry(o)
	return nil
}

// entry reads one object by the keys that it has.
func (t *TextReader) entry(o jsonObject) {
	if len(o) == 0 {
		return // ip leaves {} for a device that a selector hides
	}
	t.current = o.text()
	switch {
	case o.has("deleted"):
		t.problem("a notification of ip monitor, not an entry")
	case o.has("priority"):
		t.ruleEntry(o)
	case o.has("ifindex") || o.has("ifname"):
		t.linkEntry(o)
	case o.has("bucket"):
		t.bucketEntry(o)
	case o.has("dst") && o.has("flags"):
		t.routeEntry(o)
	case o.has("dst"):
		t.neighEntry(o)
	case o.has("id"):
		t.nextHopEntry(o)
	case o.has("name") && o.has("table"):
		t.enter(kindVRF)
		t.vrfRow([]string{o.string("name"), o.string("table")})
	default:
		t.problem("not an object that ip prints")
		return
	}
	t.leftOver(o)
}

// leftOver reports keys that nobody took, each once.
func (t *TextReader) leftOver(o jsonObject) {
	keys := make([]string, 0, len(o))
	for k := range o {
		if !t.unknownKeys[k] {
			keys = append(keys, k)
		}
	}
	sort.Strings(keys)
	for _, k := range keys {
		if t.unknownKeys == nil {
			t.unknownKeys = map[string]bool{}
		}
		if len(t.unknownKeys) < MaxProblems {
			t.unknownKeys[k] = true
		}
		t.problem("a key that is not known (said once): " + k)
	}
}

// jsonObject is an object whose keys are removed as they are read.
type jsonObject map[string]any

func (o jsonObject) has(key string) bool {
	_, ok := o[key]
	return ok
}

// text returns the object for the text of a problem.
func (o jsonObject) text() string {
	b, err := json.Marshal(map[string]any(o))
	if err != nil {
		return "{...}"
	}
	return string(b)
}

// take removes a key and returns its value.
func (o jsonObject) take(key string) (any, bool) {
	v, ok := o[key]
	delete(o, key)
	return v, ok
}

// string removes a key and returns its value as a word.
func (o jsonObject) string(key string) string {
	v, ok := o.take(key)
	if !ok {
		return ""
	}
	return jsonWord(v)
}

// drop removes keys that tell nothing here.
func (o jsonObject) drop(keys ...string) {
	for _, k := range keys {
		delete(o, k)
	}
}

// object removes a key and returns its value as an object, nil if it is none.
func (o jsonObject) object(key string) jsonObject {
	v, _ := o.take(key)
	m, _ := v.(map[string]any)
	return m
}

// list removes a key and returns the elements of its array.
func (o jsonObject) list(key string) []any {
	v, _ := o.take(key)
	l, _ := v.([]any)
	return l
}

func jsonWord(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return fmt.Sprint(v)
	}
	return ""
}

// wordList builds the words that the text of an entry would have.
type wordList struct {
	o jsonObject
	w []string
}

// pair adds a keyword and the value of a key, if it is there.
func (l *wordList) pair(key, word string) {
	if v, ok := l.o.take(key); ok {
		l.w = append(l.w, word, jsonWord(v))
	}
}

// flag adds a word if the key is there.
func (l *wordList) flag(key, word string) {
	if _, ok := l.o.take(key); ok {
		l.w = append(l.w, word)
	}
}

// masked adds a keyword and VALUE, or VALUE joined to the value of another key.
func (l *wordList) masked(key, other, sep, word string) {
	v, ok := l.o.take(key)
	m, hasMask := l.o.take(other)
	if !ok {
		return
	}
	s := jsonWord(v)
	if hasMask {
		s += sep + jsonWord(m)
	}
	l.w = append(l.w, word, s)
}

// words adds each string of an array.
func (l *wordList) words(key string) {
	for _, v := range l.o.list(key) {
		l.w = append(l.w, jsonWord(v))
	}
}

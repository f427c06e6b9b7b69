package wire

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
)

func TestBodies(t *testing.T) {
	for _, c := range []CommandLine{
		{},
		{Terminals: 5, Args: []string{"ip", "", "route"}, Env: []string{"A=b", "C="}},
		{Args: []string{"ip"}},
		{Env: []string{"A=b"}},
	} {
		if got := ParseCommandLine(c.Append(nil)); !reflect.DeepEqual(got, c) {
			t.Errorf("%+v, want %+v", got, c)
		}
	}
	for _, p := range []Program{
		{Replace: true, Args: []string{"sh", "-c", ""}, Env: []string{"N=7"}},
		{Args: []string{"true"}},
	} {
		if got := ParseProgram(p.Append(nil)); !reflect.DeepEqual(got, p) {
			t.Errorf("%+v, want %+v", got, p)
		}
	}
}

func TestFrames(t *testing.T) {
	long := []byte(strings.Repeat("x", MaxBody+1))
	in := bytes.NewReader(Append(Append(nil, Run, long), Exit, []byte{1}))
	for _, want := range []struct {
		kind Kind
		n    int
	}{{Bulk, MaxBody}, {Run, 1}, {Exit, 1}} {
		k, b, err := Read(in, nil)
		if k != want.kind || len(b) != want.n || err != nil {
			t.Errorf("%c, %d bytes, %v, want %c, %d", k, len(b), err, want.kind, want.n)
		}
	}
	if _, _, err := Read(in, nil); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	if _, _, err := Read(bytes.NewReader([]byte("\xff\xff\xff\xffx")), nil); !errors.Is(err, ErrTooLong) {
		t.Errorf("a long frame: %v", err)
	}
	if _, _, err := Read(bytes.NewReader(Append(nil, Run, long)[:99]), nil); err != io.ErrUnexpectedEOF {
		t.Errorf("a cut frame: %v", err)
	}
}

// FuzzBodies feeds the parsers with anything.
func FuzzBodies(f *testing.F) {
	f.Add(CommandLine{Args: []string{"ip"}, Env: []string{"A=b"}}.Append(nil))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := ParseCommandLine(b)
		if again := ParseCommandLine(c.Append(nil)); !reflect.DeepEqual(again, c) {
			t.Errorf("%+v, again %+v", c, again)
		}
		ParseProgram(b)
	})
}

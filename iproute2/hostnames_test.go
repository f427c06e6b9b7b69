package iproute2

import (
	"os"
	"path/filepath"
	"testing"
)

// TestHostNames changes name files between questions.
func TestHostNames(t *testing.T) {
	etc := filepath.Join(t.TempDir(), "etc")
	vendor := t.TempDir()
	write := func(file, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err == nil {
			_, err = f.WriteString(text)
		}
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
	var h HostNames
	for _, step := range []struct {
		about, want string
		do          func()
	}{
		{"no folder", "100", func() {}},
		{"a folder with a file", "one", func() { write(etc+"/rt_tables", "100 one\n") }},
		{"a line more", "two", func() { write(etc+"/rt_tables", "100 two\n") }},
		{"a folder of files", "two", func() { write(vendor+"/rt_tables.d/README", "") }},
		{"a file in that", "three", func() { write(vendor+"/rt_tables.d/x.conf", "100 three\n") }},
		{"a file less", "two", func() { _ = os.Remove(vendor + "/rt_tables.d/x.conf") }},
	} {
		step.do()
		if h.names != nil && step.want != h.names.Table(100) && h.fresh() {
			t.Errorf("%s: nothing is noticed", step.about)
		}
		h.load(os.DirFS(etc), os.DirFS(vendor))
		if got := h.names.Table(100); got != step.want {
			t.Errorf("%s: %q, want %q", step.about, got, step.want)
		}
		if !h.fresh() {
			t.Errorf("%s: a change is noticed where there is none", step.about)
		}
	}
}

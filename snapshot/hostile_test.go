package snapshot

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"
)

// zeros is an endless file of zero bytes.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// lines repeats a line for ever.
type lines struct{ rest, line string }

func (l *lines) Read(p []byte) (int, error) {
	if l.rest == "" {
		l.rest = l.line
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

func xzOf(t testing.TB, dict int, data []byte) []byte {
	t.Helper()
	return compressed(t, func(w io.Writer) (io.WriteCloser, error) {
		return xz.WriterConfig{DictCap: dict}.NewWriter(w)
	}, data)
}

func TestHostile(t *testing.T) {
	small := []byte("0:\tfrom all lookup local\n")
	nested := small
	for range 5 {
		nested = compressed(t, gzipWriter, nested)
	}
	sos := tarOf(t, "sos/", sosFiles(t))
	zip := compressed(t, gzipWriter, bytes.Repeat(small, 1<<20))
	save := []byte(hostFile(t, "route.save"))
	for _, tt := range []struct {
		name string
		in   io.Reader
		want string
	}{
		{"nothing", strings.NewReader(""), "holds nothing"},
		{"blanks", strings.NewReader(" \n\t\n"), "holds nothing"},
		{"prose", strings.NewReader("Dear all,\nmy router is broken.\n"), "not recognised"},
		{"binary", strings.NewReader("\x7fELF\x02\x00\x00"), "not recognised (binary data)"},
		{"endless zeros", zeros{}, "not recognised"},
		{"zip", strings.NewReader("PK\x03\x04"), "zip"},
		{"utf-16", strings.NewReader("\xff\xfed\x00e\x00"), "UTF-16"},
		{"endless text", &lines{line: "10.0.0.0/8 dev eth0 \n"}, "MaxBytes"},
		{"endless garbage", io.MultiReader(bytes.NewReader(small), &lines{line: "garbage\n"}), "MaxBytes"},
		{"endless line", io.MultiReader(bytes.NewReader(small), &lines{line: "x"}), "longer than"},
		{"endless json", &lines{line: "[{"}, ""},
		{"endless sysctl", &lines{line: "net.ipv4.x = 1\n"}, "MaxBytes"},
		{"zip bomb", bytes.NewReader(zip), "MaxBytes"},
		{"nested", bytes.NewReader(nested), "more than 3 times"},
		{"gzip cut", bytes.NewReader(zip[:100]), "gzip"},
		{"gzip broken", strings.NewReader("\x1f\x8bnonsense"), "gzip"},
		{"xz broken", strings.NewReader("\xfd7zXZ\x00nonsense"), "xz"},
		{"xz cut", bytes.NewReader(xzOf(t, 1<<20, sos)[:1000]), "xz"},
		{"xz dictionary", bytes.NewReader(xzOf(t, 1<<29, small)), "dictionary"},
		{"zstd broken", strings.NewReader("\x28\xb5\x2f\xfdnonsense"), "zstd"},
		{"bzip2 broken", strings.NewReader("BZh9nonsense"), "bzip2"},
		{"tar cut", bytes.NewReader(sos[:len(sos)/2+100]), "unexpected EOF"},
		{"save cut", bytes.NewReader(save[:len(save)-4]), "message"},
		{"save of nothing", bytes.NewReader(save[:4]), ""},
		{"zero byte", io.MultiReader(bytes.NewReader(small), bytes.NewReader(bytes.Repeat([]byte("\n"), 70000)), strings.NewReader("\x00")), "zero byte"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			s, err := (&Options{Stdin: tt.in, MaxBytes: 4 << 20, MaxScan: 4 << 20}).Open("-")
			runtime.ReadMemStats(&after)
			switch {
			case tt.want == "" && err == nil:
				_, _ = s.State.Build()
			case err == nil || !strings.Contains(err.Error(), tt.want):
				t.Errorf("error %v, want one with %q", err, tt.want)
			case !strings.HasPrefix(err.Error(), "standard input: "):
				t.Errorf("error %v does not name the file", err)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 512<<20 {
				t.Errorf("%d MiB allocated", used>>20)
			}
		})
	}
}

func TestTarTricks(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	put := func(h tar.Header, text string) {
		h.Size, h.Mode = int64(len(text)), 0o600
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(w, text)
	}
	const rule = "0:\tfrom all lookup local\n"
	put(tar.Header{Name: "../../etc/passwd"}, "x")
	put(tar.Header{Name: "/sos/sos_commands/networking/ip_-4_rule_list"}, rule)
	put(tar.Header{Name: "sos/sos_commands/networking/ip_-6_rule_list", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, "")
	put(tar.Header{Name: "sos/sos_commands/networking/ip_route_show_table_all", Typeflag: tar.TypeFifo}, "")
	put(tar.Header{Name: "sos/../sos/sos_commands/networking/ip_neigh"}, rule)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := (&Options{Stdin: &b}).Open("-")
	if err != nil {
		t.Fatal(err)
	}
	got := warningTexts(s)
	for _, want := range []string{
		`"../../etc/passwd" leads out of the tarball`, "ip_-6_rule_list: a link or special file",
		"ip_route_show_table_all: a link or special file", `"sos/../sos/sos_commands/networking/ip_neigh" leads out`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no warning with %q in\n%s", want, got)
		}
	}
}

func TestTreeTricks(t *testing.T) {
	dir := t.TempDir()
	secret := write(t, dir, "secret", "0:\tfrom all lookup 666\n")
	write(t, dir, "sos/sos_commands/networking/ip_-4_rule_list", "0:\tfrom all lookup local\n")
	link := filepath.Join(dir, "sos", "sos_commands", "networking", "ip_-6_rule_list")
	if err := os.Symlink(secret, link); err != nil {
		t.Skipf("symbolic links: %v", err)
	}
	if mkfifo, err := exec.LookPath("mkfifo"); err == nil {
		_ = exec.Command(mkfifo, filepath.Join(dir, "sos", "sos_commands", "networking", "ip_neigh")).Run()
	}
	s := mustOpen(t, filepath.Join(dir, "sos"))
	for _, r := range s.State.Rules {
		if r.Table == 666 {
			t.Error("a link out of the tree was followed")
		}
	}
	if w := warningTexts(s); !strings.Contains(w, "ip_-6_rule_list: not a regular file of the report") {
		t.Errorf("warnings:\n%s", w)
	}
}

func TestLimitError(t *testing.T) {
	_, err := (&Options{Stdin: &lines{line: "10.0.0.0/8 dev eth0 \n"}, MaxBytes: 1000}).Open("-")
	var limit *LimitError
	if !errors.As(err, &limit) || limit.Limit != 1000 || limit.File != "standard input" {
		t.Errorf("error %v", err)
	}
}

// TestXzGuard follows streams of several chunks and kinds of chunks.
func TestXzGuard(t *testing.T) {
	var data bytes.Buffer
	for i := range 200000 {
		fmt.Fprintf(&data, "%d.%d.0.0/16 dev eth%d\n", i%251, i*7919%253, i%3)
	}
	data.Write(compressed(t, gzipWriter, data.Bytes())) // not compressible
	b := xzOf(t, 1<<20, data.Bytes())
	for _, step := range []int{1, 7, 4096} {
		g := &xzGuard{r: bytes.NewReader(b)}
		r, err := xz.NewReader(struct{ io.Reader }{io.MultiReader(chunked(g, step))})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, data.Bytes()) {
			t.Fatalf("%d bytes of %d, error %v", len(got), data.Len(), err)
		}
		if !g.finished {
			t.Error("the guard lost its way")
		}
	}
}

// chunked reads in small steps.
func chunked(r io.Reader, step int) io.Reader { return &stepReader{r, step} }

type stepReader struct {
	r    io.Reader
	step int
}

func (s *stepReader) Read(p []byte) (int, error) { return s.r.Read(p[:min(s.step, len(p))]) }

func FuzzOpen(f *testing.F) {
	for _, name := range []string{"route.save", "rule.save", "addr.save", "host.rulewalk", "network.txt", "j_addr", "ip_-d_address"} {
		f.Add([]byte(hostFile(f, name)))
	}
	f.Add(tarOf(f, "sos/", map[string]string{
		"sos_commands/networking/ip_-4_rule_list":                              "0:\tfrom all lookup local\n",
		"sos_commands/networking/namespaces/a/ip_netns_exec_a_ip_-4_rule_list": "0:\tfrom all lookup local\n",
		"etc/iproute2/rt_tables":                                               "100 vpn\n",
	}))
	f.Add(xzOf(f, 1<<16, []byte("default via 10.0.0.1 dev eth0\n")))
	f.Add(compressed(f, zstdWriter, []byte("default via 10.0.0.1 dev eth0\n")))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := (&Options{Stdin: bytes.NewReader(b), MaxBytes: 1 << 20, MaxScan: 1 << 20}).Open("-")
		if err == nil {
			_, _ = s.State.Build()
		} else if !strings.Contains(err.Error(), "standard input") {
			t.Errorf("error %v does not name the file", err)
		}
	})
}

// FuzzReport puts bytes into the files of a report.
func FuzzReport(f *testing.F) {
	f.Add("sos_commands/networking/ip_-4_rule_list", []byte("0:\tfrom all lookup local\n"))
	f.Add("sos_commands/networking/namespaces/a/ip_netns_exec_a_ip_route_show_table_all", []byte("default dev x\n"))
	f.Add("etc/iproute2/rt_tables", []byte("100 x\n"))
	f.Add("network.txt", []byte("#==[ Command ]==#\n# /sbin/ip route\n10.0.0.0/8 dev x\n"))
	f.Fuzz(func(t *testing.T, name string, b []byte) {
		if name == "" || len(name) > 200 || strings.HasSuffix(name, "/") || strings.ContainsRune(name, 0) {
			return
		}
		ball := tarOf(t, "sos/", map[string]string{name: string(b), "sos_commands/networking/ip_-6_rule_list": "0:\tfrom all lookup local\n"})
		s, err := (&Options{Stdin: bytes.NewReader(ball), MaxBytes: 1 << 20}).Open("-")
		if err == nil {
			_, _ = s.State.Build()
		}
	})
}

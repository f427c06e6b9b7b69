package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rulewalk/rulewalk/lab"
	"github.com/rulewalk/rulewalk/netns"
)

// BenchmarkLabCall measures a command of a lab's shell as a script pays for it: the
// built program starts as ip, asks the world and ends. The kernel's ip, asked the same,
// is beside it.
func BenchmarkLabCall(b *testing.B) {
	words := []string{"route", "get", "127.0.0.2"}
	b.Run("lab", func(b *testing.B) {
		dir := b.TempDir()
		program := filepath.Join(dir, "rulewalk")
		build := exec.Command("go", "build", "-o", program, "github.com/rulewalk/rulewalk/cmd/rulewalk")
		if out, err := build.CombinedOutput(); err != nil {
			b.Skipf("the program cannot be built here: %v\n%s", err, out)
		}
		shims := b.TempDir()
		if err := lab.MakeShims(shims, program); err != nil {
			b.Skip(err) // no symbolic links
		}
		benchmarkCall(b, filepath.Join(shims, "ip"), lab.Environ(os.Environ(), serveExample(b), lab.Root, shims), words)
	})
	b.Run("kernel", func(b *testing.B) {
		ip, err := exec.LookPath("ip")
		if err != nil {
			b.Skip("install iproute2 to compare with its ip")
		}
		benchmarkCall(b, ip, os.Environ(), words)
	})
}

// serveExample serves a world with the example host and returns its socket.
func serveExample(b *testing.B) string {
	b.Setenv("XDG_RUNTIME_DIR", b.TempDir())
	l, err := lab.Listen("bench")
	if err != nil {
		b.Fatal(err)
	}
	s, err := lab.NewServer("bench", netns.Config{})
	if err != nil {
		b.Fatal(err)
	}
	if err := lab.SetUpExample(s.Root()); err != nil {
		b.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	b.Cleanup(func() {
		s.Close()
		<-ended
	})
	return l.Addr().String()
}

func benchmarkCall(b *testing.B, program string, env, words []string) {
	for b.Loop() {
		cmd := exec.Command(program, words...)
		cmd.Env = env
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
	}
}

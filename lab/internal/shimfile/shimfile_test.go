package shimfile

import (
	"bytes"
	"compress/gzip"
	"debug/buildinfo"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

var update = flag.Bool("update", false, "build the packed programs anew")

// TestIsItsSource builds the programs from their source and compares every byte.
func TestIsItsSource(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		t.Run(arch, func(t *testing.T) {
			file := "linux_" + arch + ".gz"
			if *update {
				if err := os.WriteFile(file, pack(t, build(t, arch)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			program, err := unpack(b)
			if err != nil {
				t.Fatal(err)
			}
			info, err := buildinfo.Read(bytes.NewReader(program))
			if err != nil {
				t.Fatal(err)
			}
			if info.GoVersion != runtime.Version() {
				t.Skipf("the program was built by %s; to compare it with its source use that", info.GoVersion)
			}
			if !bytes.Equal(program, build(t, arch)) {
				t.Errorf("%s is not what its source makes; run: go generate ./lab/internal/shimfile", file)
			}
		})
	}
}

// build builds the program so that the result depends on its source and on the Go version alone.
func build(t *testing.T, arch string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "program")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", out, "../../shim/program")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=", "GOEXPERIMENT=")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("the program cannot be built here: %v\n%s", err, text)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func pack(t *testing.T, program []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(program); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "program")
	ok, err := Write(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := len(packed) > 0; ok != want {
		t.Errorf("can be run: %v, want %v", ok, want)
	}
}

// Package fulltable reads the prefixes of a full Internet table for tests and
// benchmarks. The module of bart, which package rpdb needs anyway, brings them.
package fulltable

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// Prefixes returns the 901,899 IPv4 and 160,147 IPv6 prefixes, masked, in the order
// of the file. It needs the go command and the source of bart; the first call takes a
// second. The result is shared: it must not be changed.
var Prefixes = sync.OnceValues(func() ([]netip.Prefix, error) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/gaissmai/bart").Output()
	if err != nil {
		return nil, fmt.Errorf("the go command finds no module of bart: %w", err)
	}
	f, err := os.Open(filepath.Join(strings.TrimSpace(string(dir)), "internal/tests/testdata/prefixes.txt.gz"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	var out []netip.Prefix
	lines := bufio.NewScanner(z)
	for lines.Scan() {
		p, err := netip.ParsePrefix(lines.Text())
		if err != nil {
			return nil, err
		}
		out = append(out, p.Masked())
	}
	return out, lines.Err()
})

// Of returns the prefixes of one family.
func Of(is4 bool) ([]netip.Prefix, error) {
	all, err := Prefixes()
	var out []netip.Prefix
	for _, p := range all {
		if p.Addr().Is4() == is4 {
			out = append(out, p)
		}
	}
	return out, err
}

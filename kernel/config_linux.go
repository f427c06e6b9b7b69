package kernel

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"

	"github.com/rulewalk/rulewalk/rpdb"
)

// maxConfig bounds the size of a kernel configuration.
const maxConfig = 4 << 20

// HomeAddresses tells whether the running kernel prefers mobile IPv6 home addresses as
// sources, as far as its configuration can be read. It costs some milliseconds.
func HomeAddresses() rpdb.Tri {
	k, _ := release()
	return homeAddresses(k.Release)
}

// homeAddresses tells whether the running kernel was built with CONFIG_IPV6_MIP6,
// as far as its configuration can be read: /proc/config.gz, or the file that
// distributions put into /boot.
func homeAddresses(release string) rpdb.Tri {
	b := readConfig(release)
	switch {
	case b == nil:
		return rpdb.Unknown
	case bytes.Contains(b, []byte("\nCONFIG_IPV6_MIP6=")):
		return rpdb.Yes
	}
	return rpdb.No
}

func readConfig(release string) []byte {
	if f, err := os.Open("/proc/config.gz"); err == nil {
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			return nil
		}
		b, err := io.ReadAll(io.LimitReader(z, maxConfig))
		if err != nil {
			return nil
		}
		return b
	}
	b, err := os.ReadFile("/boot/config-" + release)
	if err != nil || len(b) > maxConfig {
		return nil
	}
	return b
}

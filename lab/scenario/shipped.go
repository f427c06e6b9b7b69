package scenario

import (
	"embed"
	"io/fs"
	"path"
	"strings"

	"github.com/rulewalk/rulewalk/lab/topology"
)

//go:embed shipped/*.txtar
var shipped embed.FS

const shippedDir = "shipped"

// Shipped returns the names of the scenarios that are built in, sorted.
func Shipped() []string {
	entries, _ := fs.ReadDir(shipped, shippedDir) // the folder is there
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = strings.TrimSuffix(e.Name(), ".txtar")
	}
	return names
}

// ReadShipped returns a scenario that is built in, and its file. The error of a name that
// there is not is an fs.ErrNotExist.
func ReadShipped(name string) (*topology.Topology, []byte, error) {
	data, err := shipped.ReadFile(path.Join(shippedDir, name+".txtar"))
	if err != nil {
		return nil, nil, err
	}
	t, err := topology.Read(name, data)
	return t, data, err
}

package iproute2

import (
	"io/fs"
	"os"
	"sync"
	"time"
)

// HostNames are the names of this host's name files for a program that lives long: they
// are read again when a file has changed. The zero value is ready; it is safe for
// concurrent use.
type HostNames struct {
	mu    sync.Mutex
	dirs  [2]nameDir // etc and vendor, as LoadNames has them
	names *Names
}

// Names returns what [SystemNames] does without its error: what could not be read has no
// names. It is the caller's only to read. It costs a stat of each file and folder.
func (h *HostNames) Names() *Names {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.fresh() {
		h.load(os.DirFS(etcDir), os.DirFS(vendorDir))
	}
	return h.names
}

func (h *HostNames) load(etc, vendor fs.FS) {
	h.dirs = [2]nameDir{newNameDir(etc), newNameDir(vendor)}
	h.names, _ = LoadNames(h.dirs[0], h.dirs[1])
}

func (h *HostNames) fresh() bool {
	return h.names != nil && h.dirs[0].unchanged() && h.dirs[1].unchanged()
}

// nameDir is a folder that notes of what was looked at in it how it was then.
type nameDir struct {
	fs.FS
	seen map[string]fileState
}

// fileState tells one content of a file or folder from another.
type fileState struct {
	size    int64
	changed time.Time // zero: there is none
}

func newNameDir(files fs.FS) nameDir {
	d := nameDir{files, map[string]fileState{}}
	d.seen["."] = d.state(".") // tells of files that come later
	return d
}

func (d nameDir) state(name string) fileState {
	st, err := fs.Stat(d.FS, name)
	if err != nil {
		return fileState{}
	}
	return fileState{st.Size(), st.ModTime()}
}

// Open implements fs.FS.
func (d nameDir) Open(name string) (fs.File, error) {
	before := d.state(name)
	f, err := d.FS.Open(name)
	if err == nil {
		d.seen[name] = before
	}
	return f, err
}

// unchanged tells whether all that was looked at is as it was.
func (d nameDir) unchanged() bool {
	for name, was := range d.seen {
		if d.state(name) != was {
			return false
		}
	}
	return true
}

package lab

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
)

// A file of a world is a line with worldMagic, a line with a worldHeader, and, by gzip,
// everything that was ever done to the world: what is made again that way is the same
// world, whatever its state hangs on, also by a later version that knows more of the
// kernel.
const worldMagic = "rulewalk world 1\n"

// worldHeader is the second line of a file.
type worldHeader struct {
	Kernel  string        `json:"kernel"`
	CPUs    int           `json:"cpus,omitempty"`
	NoMPLS  bool          `json:"noMPLS,omitempty"`
	NoHome  bool          `json:"noHomeAddresses,omitempty"`
	Seed    uint64        `json:"seed,omitempty"`
	DAD     bool          `json:"dad,omitempty"`
	Saved   time.Time     `json:"saved"`
	Elapsed time.Duration `json:"elapsed"` // nanoseconds from the world's beginning
	Changes int           `json:"changes"`
	Names   []NetNS       `json:"names"`           // of namespaces, newest first
	Hosts   []string      `json:"hosts,omitempty"` // see [Server.AddHost]
}

// Saved tells what was written.
type Saved struct {
	Path    string `json:"path"`
	Changes int    `json:"changes"`
	Bytes   int64  `json:"bytes"`
}

// Save writes the world to a file that only its user can read, in place of one that is
// there. The world goes on; what is changed meanwhile may be in the file or not.
func (s *Server) Save(path string) (Saved, error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return Saved{}, err
	}
	defer func() { _ = os.Remove(f.Name()) }() // is gone if all went well
	n, err := s.write(f)
	if err == nil {
		err = f.Sync()
	}
	size, _ := f.Seek(0, io.SeekCurrent)
	if err = errors.Join(err, f.Close()); err != nil {
		return Saved{}, fmt.Errorf("%s: %w", path, err)
	}
	return Saved{Path: path, Changes: n, Bytes: size}, os.Rename(f.Name(), path)
}

func (s *Server) write(w io.Writer) (changes int, err error) {
	h := worldHeader{
		Kernel: s.config.Kernel.Release, CPUs: s.config.CPUs, NoMPLS: s.config.NoMPLS, NoHome: s.config.NoHomeAddresses, Seed: s.config.Seed, DAD: s.config.DAD,
		Saved: time.Now(),
	}
	s.spaces.mu.Lock() // names and namespaces come and go together
	all, n, err := s.journal.bytes()
	h.Elapsed = s.clock.Now().Sub(s.clock.born)
	h.Hosts = slices.Clone(s.hosts)
	for _, x := range s.spaces.names {
		h.Names = append(h.Names, NetNS{Name: x.text, ID: x.of.id})
	}
	s.spaces.mu.Unlock()
	if err != nil {
		return 0, err
	}
	h.Changes = n
	line, err := json.Marshal(h)
	if err != nil {
		return 0, err
	}
	if _, err := fmt.Fprintf(w, "%s%s\n", worldMagic, line); err != nil {
		return 0, err
	}
	z := gzip.NewWriter(w)
	if _, err := io.Copy(z, all); err != nil {
		return 0, err
	}
	return n, z.Close()
}

// LoadServer returns a server for a world that [Server.Save] wrote. Its time goes on
// where it stood. progress, if not nil, is called now and then with the number of
// changes made again and of all.
func LoadServer(name string, r io.Reader, progress func(done, all int)) (*Server, error) {
	in := bufio.NewReader(r)
	h, err := readWorldHeader(in)
	if err != nil {
		return nil, err
	}
	s, err := newServer(name, netns.Config{
		Kernel: rpdb.Kernel{Release: h.Kernel}, CPUs: h.CPUs, NoMPLS: h.NoMPLS, NoHomeAddresses: h.NoHome, Seed: h.Seed, DAD: h.DAD,
	})
	if err != nil {
		return nil, err
	}
	if err := s.load(h, in, progress); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// maxWorldHeader bounds the second line of a file, in bytes.
const maxWorldHeader = 16 << 20

func readWorldHeader(in *bufio.Reader) (h worldHeader, err error) {
	magic := make([]byte, len(worldMagic))
	if _, err := io.ReadFull(in, magic); err != nil || string(magic) != worldMagic {
		if strings.HasPrefix(string(magic), "rulewalk world ") {
			return h, fmt.Errorf("written by a newer rulewalk: it begins with %q", magic)
		}
		return h, errors.New("no world that rulewalk lab save has written")
	}
	var line []byte
	for {
		part, more, err := in.ReadLine()
		if err != nil {
			return h, fmt.Errorf("line 2: %w", err)
		}
		if line = append(line, part...); len(line) > maxWorldHeader {
			return h, fmt.Errorf("line 2 is longer than %d bytes", maxWorldHeader)
		}
		if !more {
			break
		}
	}
	if err := json.Unmarshal(line, &h); err != nil {
		return h, fmt.Errorf("line 2: %w", err)
	}
	if _, _, ok := (rpdb.Kernel{Release: h.Kernel}).Version(); h.Kernel != "" && !ok {
		return h, fmt.Errorf("line 2: kernel %q is not a release of Linux", h.Kernel)
	}
	return h, nil
}

// load makes the changes again.
func (s *Server) load(h worldHeader, in io.Reader, progress func(done, all int)) error {
	z, err := gzip.NewReader(in)
	if err != nil {
		return fmt.Errorf("the changes: %w", err)
	}
	changes := changeReader{in: bufio.NewReaderSize(z, 64<<10)}
	for n := 0; ; n++ {
		c, err := changes.next()
		if errors.Is(err, io.EOF) {
			if n != h.Changes {
				return fmt.Errorf("%d changes, where %d were saved", n, h.Changes)
			}
			break
		}
		if err == nil {
			err = s.remake(c)
		}
		if err != nil {
			return fmt.Errorf("change %d of %d: %w", n+1, h.Changes, err)
		}
		if progress != nil && n%1024 == 0 {
			progress(n, h.Changes)
		}
	}
	for i := len(h.Names) - 1; i >= 0; i-- {
		sp := s.spaces.byID[h.Names[i].ID]
		if err := checkName(h.Names[i].Name); err != nil || sp == nil {
			return fmt.Errorf("line 2: name %q of namespace %d, which is not there", h.Names[i].Name, h.Names[i].ID)
		}
		s.spaces.link(h.Names[i].Name, sp)
	}
	s.hosts = h.Hosts
	if s.spaces.byID[Root] == nil {
		return errors.New("the world has no first namespace")
	}
	s.clock.elapse(max(h.Elapsed, changes.last))
	s.spaces.world.Work()
	s.spaces.sweep(nil) // what only processes and sockets kept; none is known yet
	s.clock.run()
	s.carry()
	return nil
}

// remake makes one change again, at its time.
func (s *Server) remake(c netns.Change) error {
	if c.At < 0 {
		return fmt.Errorf("it lies before the beginning of the world: %v", c.At)
	}
	s.clock.elapse(c.At)
	made, err := s.spaces.world.Replay(c)
	switch {
	case err != nil:
		return err
	case made != nil:
		s.spaces.keep(made)
	case c.Kind == netns.ChangeClose:
		delete(s.spaces.byID, ID(c.Namespace))
	}
	return nil
}

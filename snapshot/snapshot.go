package snapshot

import (
	"fmt"
	"time"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rpdb"
)

// Snapshot is the routing state that files tell.
type Snapshot struct {
	State    *rpdb.State
	Warnings []Warning
	Sources  []Source // the files that took part, in the order given

	Host string    // host name, where a source tells it
	Time time.Time // when the state was taken; zero: not told

	// Names are the names of tables, protocols and so on that the sources bring; nil:
	// none, the built-in ones hold.
	Names *iproute2.Names

	// Namespace is the network namespace that was chosen in sources that hold
	// several, Namespaces the others that they hold.
	Namespace  string
	Namespaces []string
}

// Source is a file that took part.
type Source struct {
	Name   string
	Format Format
}

// Open reads files into one state. A path is a file in any of the formats of the
// package, a directory, "-" for standard input, or "example" or "example-old", the
// hosts that are built in (./example is a file). A path that ends in #ns=NAME is
// read for that network namespace. A file named rt_tables (or like another file of
// /etc/iproute2) names the tables of the others.
//
// It fails when a file cannot be read, is not recognised, is damaged, or passes a
// limit. What a file does not tell, and lines that are not understood, are
// warnings.
func Open(paths ...string) (*Snapshot, error) {
	return new(Options).Open(paths...)
}

// Open is the function Open with options.
func (o *Options) Open(paths ...string) (*Snapshot, error) {
	if len(paths) == 0 {
		return nil, fmt.Errorf("no snapshot given")
	}
	l := newLoader(o.withDefaults())
	paths, err := l.nameFiles(paths)
	if err != nil {
		return nil, err
	}
	for _, p := range paths {
		if err := l.path(p); err != nil {
			return nil, err
		}
	}
	return l.finish()
}

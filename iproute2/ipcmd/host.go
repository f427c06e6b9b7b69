package ipcmd

import (
	"context"
	"errors"
	"io"
)

// Host is the machine that the command runs on: its named network namespaces and its
// processes. Errors are told with the text of their errno.
type Host interface {
	// Namespaces lists the names of the namespaces in the order of the directory that
	// holds them.
	Namespaces() ([]string, error)
	// Create makes a namespace and gives it a name.
	Create(name string) error
	// Attach gives a name to the namespace of a process; fs.ErrNotExist: there is no such
	// process.
	Attach(name string, pid int) error
	// Delete takes the name away.
	Delete(name string) error

	// Open returns the number by which requests name the namespace of a name or path
	// (IFLA_NET_NS_FD, NETNSA_FD), which is good until close is called.
	Open(name string) (fd int, close func(), err error)
	// NameOf returns the name of the namespace that a process is in, empty if it has
	// none; 0 is the process of the command itself.
	NameOf(pid int) (string, error)
	// Processes lists the processes that are in a namespace.
	Processes(name string) ([]int, error)
	// Run runs a program and returns its exit status. The error says that it could not
	// be run.
	Run(context.Context, Program) (status int, err error)
}

// Program is a program to run.
type Program struct {
	Args     []string
	NetNS    string // the name of the namespace; empty: that of the command
	VRF      string // the VRF that its sockets are bound to; empty: none
	Replace  bool   // the command ends with it: it may take the place of the command's process
	In       io.Reader
	Out, Err io.Writer
}

// noHost is the Host of a Tool that has none: it has no names.
type noHost struct{}

var errNoHost = errors.New("operation not supported")

func (noHost) Namespaces() ([]string, error)             { return nil, nil }
func (noHost) Create(string) error                       { return errNoHost }
func (noHost) Attach(string, int) error                  { return errNoHost }
func (noHost) Delete(string) error                       { return errNoHost }
func (noHost) Open(string) (int, func(), error)          { return 0, nil, errNoHost }
func (noHost) NameOf(int) (string, error)                { return "", nil }
func (noHost) Processes(string) ([]int, error)           { return nil, errNoHost }
func (noHost) Run(context.Context, Program) (int, error) { return 0, errNoHost }

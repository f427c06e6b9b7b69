package cli

import (
	"context"
	"errors"
	"os"

	"github.com/rulewalk/rulewalk/iproute2/ipcmd"
	"github.com/rulewalk/rulewalk/kernel"
)

var (
	errNoPrograms = errors.New("rulewalk ip starts no programs, ip itself does")
	errNoNaming   = errors.New("rulewalk ip neither makes nor removes namespaces, ip itself does")
	errNoHost     = errors.New("a snapshot has no processes and no files")
)

// ipHost is this host: the names of its namespaces can be read, no more.
type ipHost struct{}

func (ipHost) Namespaces() ([]string, error)                   { return kernel.NetNSNames() }
func (ipHost) Create(string) error                             { return errNoNaming }
func (ipHost) Attach(string, int) error                        { return errNoNaming }
func (ipHost) Delete(string) error                             { return errNoNaming }
func (ipHost) NameOf(pid int) (string, error)                  { return kernel.NetNSOf(pid) }
func (ipHost) Processes(ns string) ([]int, error)              { return kernel.NetNSProcesses(ns) }
func (ipHost) Open(name string) (int, func(), error)           { return kernel.OpenNetNS(name) }
func (ipHost) Run(context.Context, ipcmd.Program) (int, error) { return 0, errNoPrograms }

// ipFilesHost is a snapshot, which has names of namespaces only.
type ipFilesHost struct{ names []string }

func (h ipFilesHost) Namespaces() ([]string, error)  { return h.names, nil }
func (ipFilesHost) Create(string) error              { return errNoHost }
func (ipFilesHost) Attach(string, int) error         { return errNoHost }
func (ipFilesHost) Delete(string) error              { return errNoHost }
func (ipFilesHost) Open(string) (int, func(), error) { return 0, nil, os.ErrNotExist }
func (ipFilesHost) NameOf(int) (string, error)       { return "", nil }
func (ipFilesHost) Processes(string) ([]int, error)  { return nil, errNoHost }
func (ipFilesHost) Run(context.Context, ipcmd.Program) (int, error) {
	return 0, errNoHost
}

package lab

import (
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
)

// settings are the sysctls of a namespace, by their path below /proc/sys
// (net/ipv4/ip_forward).
type settings interface {
	Sysctl(path string) (string, error)
	SetSysctl(path, value string) error
	Sysctls() []string
}

func settingsOf(n *netns.Namespace) (settings, error) {
	if s, ok := any(n).(settings); ok {
		return s, nil
	}
	return nil, refuse(rpdb.EOPNOTSUPP, "sysctls")
}

// removeNamespace ends a namespace with all its devices.
func removeNamespace(n *netns.Namespace) {
	if c, ok := any(n).(interface{ Close() error }); ok {
		_ = c.Close()
	}
}

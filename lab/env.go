package lab

import (
	"strconv"
)

// The environment of a process in a lab.
const (
	EnvSocket = "RULEWALK_LAB"   // the socket of its world
	EnvNetNS  = "RULEWALK_NETNS" // the ID of its namespace; unset: Root
)

// FromEnv reads what the environment says: the socket of the world, empty outside of
// one, and the namespace.
func FromEnv(getenv func(string) string) (socket string, id ID) {
	id = Root
	if n, err := strconv.ParseUint(getenv(EnvNetNS), 10, 64); err == nil && n > 0 {
		id = ID(n)
	}
	return getenv(EnvSocket), id
}

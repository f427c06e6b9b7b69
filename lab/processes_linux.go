package lab

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// processes tells in which namespace of a world each process is. A process is in the
// one that its environment names ([EnvSocket], [EnvNetNS]), as it was when its program
// began; so are the processes that it forks. Those of other users are not seen.
func processes(socket string) map[int]ID {
	in := map[int]ID{}
	if socket == "" {
		return in
	}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		env, err := os.ReadFile(dir + "/environ")
		if err != nil || len(env) == 0 {
			continue
		}
		if id, ok := whereIs(env, socket); ok {
			in[pid] = id
		}
	}
	return in
}

// whereIs reads an environment as /proc shows it.
func whereIs(env []byte, socket string) (ID, bool) {
	id, here := Root, false
	for v := range bytes.SplitSeq(env, []byte{0}) {
		key, value, _ := bytes.Cut(v, []byte{'='})
		switch string(key) {
		case EnvSocket:
			here = string(value) == socket
		case EnvNetNS:
			if n, err := strconv.ParseUint(string(value), 10, 64); err == nil && n > 0 {
				id = ID(n)
			}
		}
	}
	return id, here
}

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
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		if id, ok := processOf(socket, pid); ok {
			in[pid] = id
		}
	}
	return in
}

// processOf tells in which namespace of a world a process is; ok is false if it is in
// none, or not alive.
func processOf(socket string, pid int) (id ID, ok bool) {
	env, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil || socket == "" {
		return 0, false
	}
	id = Root
	for v := range bytes.SplitSeq(env, []byte{0}) {
		key, value, _ := bytes.Cut(v, []byte{'='})
		switch string(key) {
		case EnvSocket:
			ok = string(value) == socket
		case EnvNetNS:
			if n, err := strconv.ParseUint(string(value), 10, 64); err == nil && n > 0 {
				id = ID(n)
			}
		}
	}
	return id, ok
}

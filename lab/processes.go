package lab

import (
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
)

// initPID is the first process of a machine, which is where the world began.
const initPID = 1

// namespaceOf tells in which namespace a process is: ESRCH if in none of this world.
func (s *Server) namespaceOf(pid int) (ID, error) {
	if pid == initPID {
		return Root, nil
	}
	if id, ok := processOf(s.path, pid); ok {
		return id, nil
	}
	return 0, refuse(rpdb.ESRCH, "process %d", pid)
}

// locate is netns.Config.Process.
func (s *Server) locate(pid uint32) (fd uint32) {
	id, _ := s.namespaceOf(int(pid))
	return uint32(id)
}

// processesIn tells the processes that are in a namespace, in their order. There are
// none where the system does not tell the environment of processes (other than Linux).
func (s *Server) processesIn(id ID) (pids []int) {
	for pid, in := range processes(s.path) {
		if in == id {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}

// busy tells the namespaces that processes of this machine are in.
func (s *Server) busy() map[ID]bool {
	in := map[ID]bool{}
	for _, id := range processes(s.path) {
		in[id] = true
	}
	return in
}

package kernel

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

const (
	// maxReadings and maxRereading bound how often the state is read anew because it
	// changed meanwhile, and for how long.
	maxReadings  = 3
	maxRereading = 2 * time.Second
)

// State reads the whole routing state of the namespace: what netlink tells, the
// sysctls, the kernel's release and the hidden facts. When the state changes
// meanwhile it is read again, up to three times; if it does not come to rest,
// State.Notes says so. The progress function may be nil.
func (c *Conn) State(progress func(rtnl.Progress)) (*rpdb.State, error) {
	var s *rpdb.State
	changed, err := c.atRest(func() (err error) {
		if s, err = rtnl.CollectState(c, progress); err != nil {
			return err
		}
		s.Sysctls, err = c.sysctls(s.Links)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(s.Sysctls) > 0 {
		s.Missing &^= rpdb.PartSysctls
	}
	s.Kernel, _ = release()
	s.Facts.HomeAddresses = homeAddresses(s.Kernel.Release)
	s.Notes = append(s.Notes, changed...)
	return s, nil
}

// Capture is State with the messages themselves, for a file.
func (c *Conn) Capture(progress func(rtnl.Progress)) (*rtnl.Capture, error) {
	var cap *rtnl.Capture
	changed, err := c.atRest(func() (err error) {
		if cap, err = rtnl.Collect(c, progress); err != nil {
			return err
		}
		links, err := cap.Links()
		if err != nil {
			return err
		}
		cap.Sysctls, err = c.sysctls(links)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(cap.Sysctls) > 0 {
		cap.Missing &^= rpdb.PartSysctls
	}
	cap.Kernel, cap.Host = release()
	cap.Facts.HomeAddresses = homeAddresses(cap.Kernel.Release)
	cap.Notes = append(cap.Notes, changed...)
	return cap, nil
}

// atRest runs read until nothing changes while it runs, and otherwise returns a
// note.
func (c *Conn) atRest(read func() error) ([]string, error) {
	start := time.Now()
	for n := 1; ; n++ {
		w, blind := c.watch(changeGroups)
		err := read()
		changed := w.changed()
		switch {
		case err != nil:
			return nil, err
		case blind != nil:
			return []string{fmt.Sprintf("whether the state changed while it was read is not known: %v", blind)}, nil
		case !changed:
			return nil, nil
		case n == maxReadings || time.Since(start) > maxRereading:
			return []string{fmt.Sprintf("the routing state changed while it was read "+
				"(%d readings in %s): parts of it may not fit together",
				n, time.Since(start).Round(time.Millisecond))}, nil
		}
	}
}

// release returns the kernel's release and the host's name.
func release() (rpdb.Kernel, string) {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return rpdb.Kernel{}, ""
	}
	return rpdb.Kernel{Release: unix.ByteSliceToString(u.Release[:])}, unix.ByteSliceToString(u.Nodename[:])
}

package ipcmd

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// netnsDir is where iproute2 keeps the names of namespaces.
const netnsDir = "/run/netns"

const usageNetNS = `Usage: ip netns list
       ip netns add NAME
       ip netns attach NAME PID
       ip netns set NAME NETNSID
       ip [-all] netns delete [NAME]
       ip netns identify [PID]
       ip netns pids NAME
       ip [-all] netns exec [NAME] cmd ...
       ip netns list-id [target-nsid POSITIVE-INT] [nsid POSITIVE-INT]
NETNSID := auto | POSITIVE-INT
`

// netnsObject is ip netns (do_netns).
func (c *call) netnsObject() int {
	if name, ok := c.peek(); ok && !c.opt.all && !validNetNS(name) {
		c.errorf("Invalid netns name \"%s\"\n", name)
		panic(exit(255))
	}
	return c.choose("netns", (*call).listNetNS, []verb{
		{"list", false, (*call).listNetNS},
		{"show", false, (*call).listNetNS},
		{"lst", false, (*call).listNetNS},
		{"list-id", false, (*call).listNSIDs},
		{"help", false, func(c *call) int { c.usage(usageNetNS); return 0 }},
		{"add", false, (*call).addNetNS},
		{"set", false, (*call).setNSID},
		{"delete", false, (*call).deleteNetNS},
		{"identify", false, (*call).identifyNetNS},
		{"pids", false, (*call).netnsPids},
		{"exec", false, (*call).execNetNS},
		{"attach", false, (*call).attachNetNS},
	})
}

func validNetNS(name string) bool {
	return name != "" && len(name) <= 255 && !strings.Contains(name, "/") && name != "." && name != ".."
}

func (c *call) listNetNS() int {
	names, err := c.host().Namespaces()
	if err != nil {
		return 0
	}
	var list []iproute2.Object
	for _, name := range names {
		r := c.record()
		r.Add("name", "%s", name)
		if id := c.nsidOf(name); id >= 0 {
			r.Add("id", " (id: %d)", id)
		}
		r.Raw("\n")
		c.emit(r, &list)
	}
	if c.opt.json {
		c.list(list)
	}
	return 0
}

func (c *call) noName() int {
	c.errorf("No netns name specified\n")
	return 1
}

func (c *call) addNetNS() int {
	if !c.more() {
		return c.noName()
	}
	return c.named(c.word(), c.host().Create(c.word()))
}

func (c *call) attachNetNS() int {
	if len(c.args) < 2 {
		c.errorf("No netns name and PID specified\n")
		return 1
	}
	pid, ok := parseInteger(c.args[1], 0)
	if !ok || pid == 0 {
		c.errorf("Invalid PID: %s\n", c.args[1])
		return 1
	}
	name := c.word()
	err := c.host().Attach(name, int(pid))
	if errors.Is(err, fs.ErrNotExist) {
		c.errorf("Bind /proc/%d/ns/net -> %s/%s failed: %s\n", pid, netnsDir, name, strerror(err))
		return 1
	}
	return c.named(name, err)
}

// named says whether a namespace has got its name.
func (c *call) named(name string, err error) int {
	if err != nil {
		c.errorf("Cannot create namespace file \"%s/%s\": %s\n", netnsDir, name, strerror(err))
		return 1
	}
	return 0
}

func (c *call) deleteNetNS() int {
	if c.opt.all {
		return c.eachNetNS(c.deleteOne)
	}
	if !c.more() {
		return c.noName()
	}
	return c.deleteOne(c.word())
}

func (c *call) deleteOne(name string) int {
	if err := c.host().Delete(name); err != nil {
		c.errorf("Cannot remove namespace file \"%s/%s\": %s\n", netnsDir, name, strerror(err))
		return 1
	}
	return 0
}

func (c *call) eachNetNS(do func(string) int) int {
	names, err := c.host().Namespaces()
	if err != nil {
		return 1
	}
	for _, name := range names {
		if do(name) != 0 {
			break
		}
	}
	return 0
}

func (c *call) cannotOpen(name string, err error) {
	c.errorf("Cannot open network namespace \"%s\": %s\n", name, strerror(err))
}

func isPid(s string) bool { return strings.Trim(s, "0123456789") == "" }

func (c *call) identifyNetNS() int {
	pid := 0
	switch {
	case !c.more():
	case len(c.args) > 1:
		c.errorf("extra arguments specified\n")
		return 1
	case !isPid(c.word()):
		c.errorf("Specified string '%s' is not a pid\n", c.word())
		return 1
	default:
		pid, _ = strconv.Atoi(c.word())
	}
	name, err := c.host().NameOf(pid)
	if err != nil {
		c.errorf("Cannot open network namespace: %s\n", strerror(err))
		return 1
	}
	c.print(name + "\n")
	return 0
}

func (c *call) netnsPids() int {
	if !c.more() {
		return c.noName()
	}
	if len(c.args) > 1 {
		c.errorf("extra arguments specified\n")
		return 1
	}
	pids, err := c.host().Processes(c.word())
	if err != nil {
		c.errorf("Cannot open network namespace: %s\n", strerror(err))
		return 1
	}
	for _, p := range pids {
		c.printf("%d\n", p)
	}
	return 0
}

func (c *call) execNetNS() int {
	switch {
	case !c.more() && !c.opt.all:
		return c.noName()
	case !c.more(), len(c.args) < 2 && !c.opt.all:
		c.errorf("No command specified\n")
		return 1
	case c.opt.all:
		return c.eachNetNS(func(name string) int {
			c.printf("\nnetns: %s\n", name)
			c.runProgram(Program{NetNS: name, Args: c.args})
			return 0
		})
	}
	name := c.word()
	_, done, err := c.host().Open(name)
	if err != nil {
		c.cannotOpen(name, err)
		return 255
	}
	done()
	return c.runProgram(Program{NetNS: name, Args: c.args[1:], Replace: !c.batch})
}

// runProgram runs a program with the streams of the tool and returns its status
// (cmd_exec).
func (s *session) runProgram(p Program) int {
	_ = s.out.Flush()
	p.In, p.Out, p.Err = s.In, s.Out, s.Err
	status, err := s.host().Run(s.ctx, p)
	if err != nil {
		s.errorf("exec of \"%s\" failed: %s\n", p.Args[0], strerror(err))
		return 1
	}
	return status
}

func (s *session) host() Host {
	if s.Host == nil {
		return noHost{}
	}
	return s.Host
}

// openNetNS returns the number of a namespace, which stays open until the tool ends.
func (s *session) openNetNS(name string) (int, bool) {
	fd, done, err := s.host().Open(name)
	if err != nil {
		return 0, false
	}
	s.closers = append(s.closers, done)
	return fd, true
}

// setNSID is ip netns set: the id that a namespace has in this one.
func (c *call) setNSID() int {
	switch len(c.args) {
	case 0:
		return c.noName()
	case 1:
		c.errorf("No nsid specified\n")
		return 1
	}
	name, id := c.args[0], int32(-1)
	if w := c.args[1]; w != "auto" {
		v, ok := parseInteger(w, 0)
		if !ok {
			c.invarg("Invalid \"netnsid\" value", w)
		}
		if v < 0 {
			c.invarg("\"netnsid\" value should be >= 0", w)
		}
		id = v
	}
	fd, done, err := c.host().Open(name)
	if err != nil {
		c.cannotOpen(name, err)
		return 1
	}
	defer done()
	r := &request{typ: rtmNewNSID, body: make([]byte, 4)}
	r.u32(nla.NetNSAFD, uint32(fd))
	r.u32(nla.NetNSANSID, uint32(id))
	return c.exec(r, nil)
}

package ipcmd

import (
	"strconv"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rtnl"
)

// EnvVRF is the environment variable that holds the name of the VRF that ip vrf exec
// bound a process to, in place of a control group.
const EnvVRF = "RULEWALK_VRF"

const usageVRF = `Usage:	ip vrf show [NAME] ...
	ip vrf exec [NAME] cmd ...
	ip vrf identify [PID]
	ip vrf pids [NAME]
`

// vrf is the object vrf (do_ipvrf).
func (c *call) vrf() int {
	return c.choose("vrf", (*call).vrfShow, []verb{
		{"identify", false, (*call).vrfIdentify},
		{"pids", false, (*call).vrfPids},
		{"exec", false, (*call).vrfExec},
		{"show", false, (*call).vrfShow},
		{"lst", false, (*call).vrfShow},
		{"list", false, (*call).vrfShow},
		{"help", false, func(c *call) int { c.usage(usageVRF); return 0 }},
	})
}

// vrfShow lists the VRF devices with their tables, or tells the table of one
// (ipvrf_show).
func (c *call) vrfShow() int {
	switch {
	case len(c.args) > 1:
		c.usage(usageVRF)
	case c.more():
		t := c.vrfTable(c.word())
		if t == 0 {
			c.errorf("Invalid VRF\n")
			return 255
		}
		c.printf("%s %d\n", c.word(), t)
		return 0
	}
	list := []iproute2.Object{}
	links := request{typ: rtnl.RTMGetLink, body: make([]byte, linkHeaderLen)}
	if !c.opt.json {
		c.print("Name              Table\n-----------------------\n")
	}
	found := false
	status := c.dump(&links, nil, func(m netlink.Message) {
		k, err := rtnl.ParseLink(m)
		if err != nil || k.Kind != "vrf" {
			return
		}
		found = true
		r := c.record()
		r.Add("name", "%-16s", k.Name)
		r.Add("table", "  %5d", k.VRFTable)
		r.Raw("\n")
		c.emit(r, &list)
	})
	switch {
	case c.opt.json:
		c.list(list)
	case !found:
		c.print("No VRF has been configured\n")
	}
	return status
}

// vrfIdentify tells the VRF of the process (ipvrf_identify).
func (c *call) vrfIdentify() int {
	if len(c.args) > 1 {
		c.invarg("Extra arguments specified\n", c.args[1])
	}
	if c.more() {
		if _, err := strconv.ParseUint(c.word(), 0, 32); err != nil {
			c.invarg("Invalid pid\n", c.word())
		}
		c.errorf("ip vrf identify: the VRF of other processes is not known here\n")
		return 1
	}
	if name := c.Env(EnvVRF); name != "" {
		c.print(name + "\n")
	}
	return 0
}

// vrfPids would list the processes of a VRF (ipvrf_pids).
func (c *call) vrfPids() int {
	switch {
	case len(c.args) != 1:
		c.errorf("Invalid arguments\n")
	case c.vrfTable(c.word()) == 0:
		c.errorf("Invalid VRF name\n")
	default:
		c.errorf("ip vrf pids: the processes of a VRF are not known here\n")
	}
	return 1
}

// vrfExec runs a program whose sockets are bound to a VRF (ipvrf_exec).
func (c *call) vrfExec() int {
	switch {
	case !c.more():
		c.errorf("No VRF name specified\n")
		return 1
	case len(c.args) < 2:
		c.errorf("No command specified\n")
		return 1
	case c.vrfTable(c.word()) == 0:
		c.errorf("Invalid VRF name\n")
		return 255
	}
	name := c.word()
	if name == "default" {
		name = ""
	}
	return c.runProgram(Program{VRF: name, Args: c.args[1:], Replace: !c.batch})
}

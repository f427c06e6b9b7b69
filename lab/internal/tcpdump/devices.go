package tcpdump

import (
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/rulewalk/rulewalk/lab/internal/capture"
)

// device finds the interface to listen on.
func (c *command) device() (capture.LinkType, string, error) {
	all := c.sorted()
	name := c.iface
	if name == "" {
		if len(all) == 0 {
			return 0, "", errors.New("no interfaces available")
		}
		name = all[0].Name
	}
	if name == Any {
		return capture.LinuxSLL2, Any, nil
	}
	for _, i := range all {
		if i.Name == name {
			if !i.Up {
				return 0, "", fmt.Errorf("%s: That device is not up", name)
			}
			return i.LinkType, name, nil
		}
	}
	if n, err := strconv.Atoi(name); err == nil {
		if n < 1 || n > len(all) {
			//lint:ignore ST1005 tcpdump's words
			return 0, "", errors.New("Invalid adapter index")
		}
		c.iface = all[n-1].Name
		return c.device()
	}
	return 0, "", fmt.Errorf("%s: No such device exists\n(No such device exists)", name)
}

// sorted returns the interfaces in the order of -D: first those that carry packets,
// then all of them as one, then loopback, then the others.
func (c *command) sorted() []Interface {
	all := append([]Interface(nil), c.src.Interfaces()...)
	all = append(all, Interface{
		Interface: capture.Interface{Name: Any}, LinkType: capture.LinuxSLL2, Up: true, Running: true,
		Description: "Pseudo-device that captures on all interfaces",
	})
	merit := func(i *Interface) int {
		switch {
		case !i.Up:
			return 4
		case !i.Running:
			return 3
		case i.Loopback:
			return 2
		case i.Name == Any:
			return 1
		}
		return 0
	}
	sort.SliceStable(all, func(a, b int) bool { return merit(&all[a]) < merit(&all[b]) })
	return all
}

func (c *command) listInterfaces() error {
	for n, i := range c.sorted() {
		line := fmt.Sprintf("%d.%s", n+1, i.Name)
		if i.Description != "" {
			line += " (" + i.Description + ")"
		}
		if _, err := fmt.Fprintf(c.Stdout, "%s [%s]\n", line, i.state()); err != nil {
			return err
		}
	}
	return nil
}

func (i *Interface) state() string {
	var words []string
	if i.Up {
		words = append(words, "Up")
		if i.Running {
			words = append(words, "Running")
		}
	}
	if i.Loopback {
		words = append(words, "Loopback")
	}
	if len(words) == 0 {
		words = append(words, "none")
	}
	if i.Name != Any && !i.Loopback {
		if i.Running {
			words = append(words, "Connected")
		} else {
			words = append(words, "Disconnected")
		}
	}
	return strings.Join(words, ", ")
}

func (c *command) listLinkTypes(name string, link capture.LinkType) error {
	_, err := fmt.Fprintf(c.Stdout, "Data link types for %s (use option -y to set):\n  %s (%s)\n", name, link, link.Description())
	return err
}

//go:build linux

package conformance

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rulewalk/rulewalk/rpdb"
)

// KernelCommander runs cases on the running kernel, with the ip command, each case
// in network namespaces of its own: the host's, and one for the other ends of its
// links. It needs no root where user namespaces are allowed.
type KernelCommander struct{}

// Name returns "kernel".
func (KernelCommander) Name() string { return "kernel" }

// NewHost makes the namespaces and devices of a case.
func (KernelCommander) NewHost(c *Case) (Host, error) { return newKernelHost(c) }

// kernelHost is a shell inside the host's namespace, fed command by command.
type kernelHost struct {
	c     *Case
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *bufio.Reader
	alive *os.File // held open: the keeper of the neighbour's namespace lives as long

	customRules4, customRules6, customLocal4 bool
}

// endMark ends the output of each command of the shell.
const endMark = "@@status "

func newKernelHost(c *Case) (*kernelHost, error) {
	for _, tool := range []string{"ip", "sh", "unshare", "nsenter"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, fmt.Errorf("%w: install %s (iproute2 and util-linux)", ErrSkip, tool)
		}
	}
	if (os.Geteuid() != 0 || oneUser()) && c.namesUsers() {
		return nil, fmt.Errorf("%w: run as root: a user namespace has no other user ids", ErrSkip)
	}
	h := &kernelHost{c: c, cmd: exec.Command("sh")}
	attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	h.cmd.SysProcAttr = attr
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	h.alive = w
	h.cmd.ExtraFiles = []*os.File{r} // fd 3
	h.stdin, err = h.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := h.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	h.out = bufio.NewReader(stdout)
	if err := h.cmd.Start(); err != nil {
		w.Close()
		return nil, fmt.Errorf("%w: network namespaces (as root, or allow unprivileged user namespaces): %v", ErrSkip, err)
	}
	if err := h.setUp(); err != nil {
		h.Close()
		return nil, err
	}
	return h, nil
}

// namesUsers reports whether the case asks about users.
func (c *Case) namesUsers() bool {
	for i := range c.Steps {
		words := strings.Fields(c.Steps[i].Text)
		if slices.Contains(words, "uid") || slices.Contains(words, "uidrange") {
			return true
		}
	}
	return false
}

// Close ends the shell; its namespaces go with it.
func (h *kernelHost) Close() error {
	h.stdin.Close()
	h.alive.Close()
	return h.cmd.Wait()
}

// shell runs a line of shell and returns its output and status.
func (h *kernelHost) shell(line string) (Result, error) {
	if _, err := fmt.Fprintf(h.stdin, "{ %s\n} 2>&1 </dev/null; printf '\\n%s%%d\\n' $?\n", line, endMark); err != nil {
		return Result{}, err
	}
	var b strings.Builder
	for {
		l, err := h.out.ReadString('\n')
		if err != nil {
			return Result{}, fmt.Errorf("shell: %w", err)
		}
		if n, ok := strings.CutPrefix(l, endMark); ok {
			status, err := strconv.Atoi(strings.TrimSpace(n))
			return Result{Output: trimLines(b.String()), Exit: status}, err
		}
		b.WriteString(l)
	}
}

// must runs lines of shell that cannot fail on a working machine.
func (h *kernelHost) must(lines ...string) error {
	for _, l := range lines {
		r, err := h.shell(l)
		if err == nil && r.Exit != 0 {
			err = fmt.Errorf("%s: %s", l, r.Output)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// setUp brings the namespaces into the state that docs/corpus.md promises.
func (h *kernelHost) setUp() error {
	if h.must("test -w /proc/sys/net/ipv4/ip_forward") != nil {
		return fmt.Errorf("%w: mount /proc/sys writable, as in a privileged container", ErrSkip)
	}
	if err := h.must(
		`unshare -n sh -c 'read x' <&3 & peer=$!`,
		`while [ "$(readlink /proc/$peer/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done`,
		`for d in all default; do cd /proc/sys/net/ipv4/conf/$d; echo 1 >send_redirects; echo 1 >shared_media
for f in rp_filter accept_local route_localnet src_valid_mark ignore_routes_with_linkdown promote_secondaries; do echo 0 >$f; done; done; cd /`,
		`echo 0 >/proc/sys/net/ipv4/ip_forward`,
		`nsenter -t $peer -n sh -c 'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6'`,
	); err != nil {
		return err
	}
	v6 := `for d in all default; do cd /proc/sys/net/ipv6/conf/$d; echo 0 >accept_dad; echo 0 >accept_ra; echo 0 >forwarding; done
echo 1 >/proc/sys/net/ipv6/conf/default/addr_gen_mode; cd /`
	if h.c.Family == 4 {
		v6 = `for d in all default lo; do echo 1 >/proc/sys/net/ipv6/conf/$d/disable_ipv6; done`
	}
	if err := h.must(v6, "ip link set lo up"); err != nil {
		return err
	}
	for i, d := range h.c.Devices {
		if err := h.must(
			fmt.Sprintf("ip link add %s address 02:00:00:00:00:%02x type veth peer name %s address 02:00:00:00:01:%02x netns $peer", d, i+1, d, i+1),
			fmt.Sprintf("nsenter -t $peer -n ip link set %s up", d),
			fmt.Sprintf("ip link set %s up", d),
			fmt.Sprintf(`until ip link show dev %s | grep -q "state UP"; do sleep 0.01; done`, d),
		); err != nil {
			return err
		}
	}
	return nil
}

// Event implements [Host].
func (h *kernelHost) Event(text string) error {
	words := strings.Fields(text)
	switch {
	case len(words) == 3 && words[0] == "carrier" && (words[2] == "on" || words[2] == "off"):
		end, state := "up", "state UP"
		if words[2] == "off" {
			end, state = "down", "NO-CARRIER.* state"
		}
		return h.must(
			fmt.Sprintf("nsenter -t $peer -n ip link set %s %s", words[1], end),
			fmt.Sprintf(`until ip link show dev %s | grep -q "%s"; do sleep 0.02; done`, words[1], state),
			"sleep 1.2") // linkwatch may hold the event back for a second
	case len(words) == 2 && words[0] == "wait":
		d, err := time.ParseDuration(words[1])
		time.Sleep(d)
		return err
	case len(words) == 3 && words[0] == "send":
		return h.send(words[1], words[2])
	case len(words) > 1 && words[0] == "neighbour":
		return h.must("nsenter -t $peer -n " + strings.Join(words[1:], " "))
	}
	return fmt.Errorf("event %q: want carrier DEV on|off, wait DURATION, send ADDRESS BYTES, neighbour COMMAND", text)
}

// send sends one UDP datagram to the discard port, and gives answers to it some
// time. bash can do it without another tool.
func (h *kernelHost) send(addr, size string) error {
	if _, err := exec.LookPath("bash"); err != nil {
		return fmt.Errorf("%w: install bash", ErrSkip)
	}
	n, err := strconv.ParseUint(size, 10, 16)
	if err != nil {
		return err
	}
	return h.must(fmt.Sprintf("bash -c 'printf %%%ds x >/dev/udp/%s/9'", n, addr), "sleep 0.3")
}

var safeWord = regexp.MustCompile(`^[A-Za-z0-9_./:@%=+-]+$`)

// Exec implements [Host] for ip and "sysctl -qw NAME=VALUE".
func (h *kernelHost) Exec(command string) (Result, error) {
	words := strings.Fields(command)
	for i, w := range words {
		if !safeWord.MatchString(w) {
			words[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	line := strings.Join(words, " ")
	if len(words) == 3 && words[0] == "sysctl" && words[1] == "-qw" {
		name, value, _ := strings.Cut(words[2], "=")
		return h.shell(fmt.Sprintf("echo %s >/proc/sys/%s", value, rpdb.SysctlPath(name)))
	}
	if len(words) == 0 || words[0] != "ip" {
		return Result{}, fmt.Errorf("command %q: want ip or sysctl -qw NAME=VALUE", command)
	}
	if _, ok := QueryArgs(command); ok {
		if h.c.KeepCache {
			line = "taskset -c 0 " + line // the cache is per processor
		} else if err := h.must("echo 1 >/proc/sys/net/ipv4/route/flush"); err != nil {
			return Result{}, err
		}
	}
	r, err := h.shell(line)
	if err == nil && r.Exit == 0 {
		h.noteFacts(words[1:])
		err = h.settle(words)
	}
	return r, err
}

// settle waits for what the kernel does later: the local route of a new IPv6
// address, unless duplicate address detection holds it back.
func (h *kernelHost) settle(words []string) error {
	for i := 1; i+2 < len(words); i++ {
		addr, _, _ := strings.Cut(words[i+2], "/")
		if strings.HasPrefix(words[i], "addr") && words[i+1] == "add" && strings.Contains(addr, ":") {
			return h.must(fmt.Sprintf(`n=0; until [ $n = 40 ] || ip -6 route show table all | grep -q "^local %s "; do n=$((n+1)); sleep 0.01; done`, addr))
		}
	}
	return nil
}

// noteFacts keeps account of what no dump shows (rpdb.Facts).
func (h *kernelHost) noteFacts(words []string) {
	six := false
	for len(words) > 0 && strings.HasPrefix(words[0], "-") {
		six = six || words[0] == "-6"
		words = words[1:]
	}
	if len(words) < 3 {
		return
	}
	for _, w := range words[2:] {
		six = six || strings.Contains(w, ":")
	}
	switch words[0] + " " + words[1] {
	case "rule add":
		h.customRules6 = h.customRules6 || six
		h.customRules4 = h.customRules4 || !six
	case "rule del":
		h.customRules4 = h.customRules4 || !six
	case "route add", "route append", "route prepend", "route replace":
		h.customLocal4 = h.customLocal4 || !six && words[2] == "local"
	}
}

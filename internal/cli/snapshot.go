package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rulewalk/rulewalk/explain"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/snapshot"
)

func (a *app) snapshot() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "snapshot",
		Short: "Save this host's routing state to a file",
		Long: `Save everything that a routing decision of this host can depend on to one file:
the kernel's own messages (rules, routes, nexthops, links, addresses, neighbours),
the settings, the kernel's release and the host's name. It can be asked anywhere
with --snapshot FILE.`,
		Example: `  rulewalk snapshot                       to HOST-TIME.rulewalk
  rulewalk snapshot -o - | ssh admin rulewalk why 8.8.8.8 --snapshot -
  rulewalk snapshot --netns blue -o blue.rulewalk`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(*cobra.Command, []string) error { return a.runSnapshot(out) },
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "write to `FILE`, - for standard output (default HOST-TIME.rulewalk)")
	return cmd
}

func (a *app) runSnapshot(out string) error {
	switch {
	case len(a.flags.snapshots) > 0:
		return errors.New("snapshot saves the running kernel's state: it takes no --snapshot")
	case out == "-" && terminal(a.env.Stdout) != nil:
		return errors.New("standard output is a terminal and the file is binary: give -o FILE")
	}
	c, err := a.capture()
	if err != nil {
		return err
	}
	var file bytes.Buffer
	if err := snapshot.Write(&file, c); err != nil {
		return err
	}
	for _, n := range c.Notes {
		fmt.Fprintln(a.env.Stderr, "rulewalk: note:", n)
	}
	if out == "-" {
		_, err := a.env.Stdout.Write(file.Bytes())
		return err
	}
	if out == "" {
		out = snapshotName(c)
	}
	if err := writeFile(out, file.Bytes()); err != nil {
		return err
	}
	if a.flags.json {
		return a.writeJSON(explain.Document(map[string]any{"file": out, "bytes": file.Len()}))
	}
	_, err = fmt.Fprintf(a.env.Stdout, "%s: %d bytes, kernel %s\n", out, file.Len(), c.Kernel)
	return err
}

func (a *app) capture() (*rtnl.Capture, error) {
	conn, err := a.dial()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	p := a.newProgress("reading the kernel's state", 0)
	defer p.end()
	c, err := conn.Capture(p.collect)
	if err != nil {
		return nil, unreadable(fmt.Errorf("reading the state of the kernel: %w", err))
	}
	return c, nil
}

// snapshotName is the default name of a file: host and time, which sort and do not
// clash.
func snapshotName(c *rtnl.Capture) string {
	host, _, _ := strings.Cut(c.Host, ".")
	if host = filepath.Base(host); host == "." || host == "/" {
		host = "host"
	}
	when := c.Time
	if when.IsZero() {
		when = time.Now()
	}
	return fmt.Sprintf("%s-%s.rulewalk", host, when.UTC().Format("20060102T150405Z"))
}

// writeFile writes a whole file or none: an interrupted run leaves no half of it.
func writeFile(name string, data []byte) error {
	if fi, err := os.Stat(name); err == nil && !fi.Mode().IsRegular() {
		return os.WriteFile(name, data, 0o644) // a device or a pipe
	}
	tmp, err := os.CreateTemp(filepath.Dir(name), ".rulewalk-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // fails when it was renamed
	_, err = tmp.Write(data)
	if err == nil {
		err = tmp.Chmod(0o644)
	}
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return os.Rename(tmp.Name(), name)
}

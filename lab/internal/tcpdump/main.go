package tcpdump

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/rulewalk/rulewalk/lab/internal/capture"
	"github.com/rulewalk/rulewalk/lab/internal/dissect"
	"github.com/rulewalk/rulewalk/lab/internal/filter"
	"github.com/rulewalk/rulewalk/lab/internal/netdb"
)

const usage = `Usage: tcpdump [-AeDhKLlnOpqStUvxX#] [ -c count ] [ --count ] [ -F file ]
		[ -i interface ] [ --nano ] [ --number ] [ --print ] [ -Q in|out|inout ]
		[ -r file ] [ -s snaplen ] [ --version ] [ -w file ] [ expression ]
`

const version = "tcpdump of Rulewalk, with the text of version 4.99\n"

// Main runs tcpdump with arguments (without the command's name) on the interfaces of
// a source, until the context ends, which is tcpdump's interrupt, the count of -c is
// reached or a file of -r ends. It returns the exit status: 0, or 1 after an error.
func Main(ctx context.Context, args []string, src Source, e IO) int {
	c := command{IO: e, src: src}
	err := c.main(ctx, args)
	var wrong usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &wrong):
		fmt.Fprintf(e.Stderr, "tcpdump: %s\n%s%s", err, version, usage)
	default:
		fmt.Fprintf(e.Stderr, "tcpdump: %s\n", err)
	}
	return 1
}

// command is one run.
type command struct {
	IO
	*options
	src     Source
	compile func(link capture.LinkType) (*filter.Program, error)
	// programs are the filters for the link types that came so far; a pcapng file may
	// have several.
	programs map[capture.LinkType]*filter.Program
	printer  *dissect.Printer
	writer   *capture.Writer
	out      io.Closer // of the file that is written
	known    *netdb.Names

	captured, received int
}

func (c *command) main(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	c.options = o
	switch {
	case o.help:
		_, err = io.WriteString(c.Stderr, version+usage)
		return err
	case o.version:
		_, err = io.WriteString(c.Stdout, version)
		return err
	case o.list:
		return c.listInterfaces()
	}
	if err := c.readFilter(); err != nil {
		return err
	}
	c.known = c.names()
	if !o.numeric {
		o.text.Names = c.known
	}
	o.text.InterfaceOf = func(index int) string {
		for _, i := range c.src.Interfaces() {
			if i.Index == index {
				return i.Name
			}
		}
		return ""
	}
	if o.read != "" {
		err = c.file()
	} else {
		err = c.live(ctx)
	}
	if c.out != nil {
		if closed := c.out.Close(); err == nil && closed != nil {
			err = fmt.Errorf("%s: %s", c.write, reason(closed))
		}
	}
	return err
}

// readFilter takes the expression from a file, if -F names one.
func (c *command) readFilter() error {
	if c.filterFile == "" {
		return nil
	}
	f, err := c.open(c.filterFile)
	if err != nil {
		return fmt.Errorf("can't open %s: %s", c.filterFile, reason(err))
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		return fmt.Errorf("can't read %s: %s", c.filterFile, reason(err))
	}
	var lines []string
	for _, line := range strings.Split(string(text), "\n") {
		line, _, _ = strings.Cut(line, "#")
		lines = append(lines, line)
	}
	c.expression = []string{strings.Join(lines, "\n")}
	return nil
}

// prepare makes what packets of a link type go through.
func (c *command) prepare(link capture.LinkType, savefile bool) error {
	text := strings.Join(c.expression, " ")
	c.programs = make(map[capture.LinkType]*filter.Program)
	c.compile = func(link capture.LinkType) (*filter.Program, error) {
		return filter.Compile(text, filter.Options{LinkType: link, Savefile: savefile, Names: c.known})
	}
	if _, err := c.filter(link); err != nil {
		return err
	}
	c.printer = dissect.New(c.text)
	if c.write == "" {
		return nil
	}
	out, err := c.create(c.write)
	if err != nil {
		return fmt.Errorf("%s: %s", c.write, reason(err))
	}
	c.out = out
	c.writer = capture.NewWriter(out, capture.WriterOptions{Application: "rulewalk", Filter: text, SnapLength: c.snap})
	return nil
}

// filter returns the program for packets of a link type.
func (c *command) filter(link capture.LinkType) (*filter.Program, error) {
	if p, ok := c.programs[link]; ok {
		return p, nil
	}
	p, err := c.compile(link)
	if err == nil {
		c.programs[link] = p
	}
	return p, err
}

// file shows the packets of a file.
func (c *command) file() error {
	in, err := c.open(c.read)
	if err != nil {
		return fmt.Errorf("%s: %s", c.read, reason(err))
	}
	defer in.Close()
	r, err := capture.NewReader(in)
	if err != nil {
		return err
	}
	link := r.LinkType()
	if link.Description() == "" {
		return fmt.Errorf("packet printing is not supported for link type %s", link)
	}
	snap := r.SnapLength()
	if snap == 0 {
		snap = maxSnap
	}
	fmt.Fprintf(c.Stderr, "reading from file %s, link-type %s (%s), snapshot length %d\n", c.read, link, link.Description(), snap)
	if err := c.prepare(link, true); err != nil {
		return err
	}
	for c.count == 0 || c.captured < c.count {
		p, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := c.packet(&p); err != nil {
			return err
		}
	}
	if c.countOnly {
		fmt.Fprintf(c.Stdout, "%s\n", packetCount(c.captured))
	}
	return nil
}

// live shows packets as they come.
func (c *command) live(ctx context.Context) error {
	link, name, err := c.device()
	if err != nil {
		return err
	}
	if c.linkTypes {
		return c.listLinkTypes(name, link)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	packets, err := c.src.Open(ctx, name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer packets.Close()
	if err := c.prepare(link, false); err != nil {
		return err
	}
	c.listening(name, link)
	if c.writer != nil && name != Any {
		if err := c.writer.Describe(name, link); err != nil {
			return err
		}
	}
	interrupted, err := c.follow(packets, name == Any)
	if c.writer != nil && name == Any && c.captured == 0 && err == nil { // a file without packets is one too
		err = c.writer.Describe(name, link)
	}
	if interrupted && (c.writer == nil || c.print) {
		fmt.Fprintln(c.Stdout)
	}
	fmt.Fprintf(c.Stderr, "%s captured\n%s received by filter\n%s dropped by kernel\n",
		packetCount(c.captured), packetCount(c.received), packetCount(packets.Dropped()))
	return err
}

// follow takes packets until the count is reached or they end, and says whether it
// was interrupted.
func (c *command) follow(packets Packets, cook bool) (interrupted bool, err error) {
	for c.count == 0 || c.captured < c.count {
		p, err := packets.Next()
		switch {
		case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
			return true, nil
		case errors.Is(err, io.EOF):
			return false, nil
		case err != nil:
			return false, err
		}
		if cook {
			p = p.Cook()
		}
		if err := c.packet(&p); err != nil {
			return false, err
		}
	}
	return false, nil
}

// packet filters a packet, and writes or prints it.
func (c *command) packet(p *capture.Packet) error {
	program, err := c.filter(p.LinkType)
	if err != nil {
		return err
	}
	if !c.wants(p.Direction) || !program.Match(p) {
		return nil
	}
	c.received++
	c.captured++
	p.Truncate(c.snap)
	if c.writer != nil {
		if err := c.writer.Write(p); err != nil {
			return err
		}
	}
	if c.countOnly || c.writer != nil && !c.print {
		return nil
	}
	_, err = c.Stdout.Write(c.printer.Append(nil, p))
	return err
}

// listening tells what is listened on.
func (c *command) listening(name string, link capture.LinkType) {
	if name == Any {
		fmt.Fprintf(c.Stderr, "tcpdump: data link type %s\n", link)
	}
	if c.verbose == 0 && c.writer == nil {
		io.WriteString(c.Stderr, "tcpdump: verbose output suppressed, use -v[v]... for full protocol decode\n")
	} else {
		io.WriteString(c.Stderr, "tcpdump: ")
	}
	fmt.Fprintf(c.Stderr, "listening on %s, link-type %s (%s), snapshot length %d bytes\n", name, link, link.Description(), c.snap)
}

func packetCount(n int) string {
	if n == 1 {
		return "1 packet"
	}
	return fmt.Sprintf("%d packets", n)
}

package topology

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/rulewalk/rulewalk/rpdb"
)

// topologyKeys are the keys of a document.
var topologyKeys = map[string]bool{
	"title": true, "about": true, "kernel": true, "clock": true, "seed": true,
	"hosts": true, "links": true, "captures": true, "run": true,
}

// decode reads the document.
func (t *Topology) decode(r *reader, n *yaml.Node) {
	r.object(n, "a topology", fields{
		"title":  r.text(&t.Title, "title"),
		"about":  r.text(&t.About, "about"),
		"kernel": parsed(r, &t.Kernel, "kernel", parseKernel),
		"clock":  parsed(r, &t.Clock, "clock", parseClock),
		"seed":   parsed(r, &t.Seed, "seed", parseSeed),
		"hosts":  func(n *yaml.Node) { t.decodeHosts(r, n) },
		"links": func(n *yaml.Node) {
			r.list(n, "links", func(n *yaml.Node) { t.decodeLink(r, n) })
		},
		"captures": func(n *yaml.Node) {
			r.list(n, "captures", func(n *yaml.Node) { t.decodeCapture(r, n) })
		},
		"run": func(n *yaml.Node) { t.placeRun(r, n) },
	})
}

// placeRun notes where the transcript stands, which is read when the hosts are known.
func (t *Topology) placeRun(r *reader, n *yaml.Node) {
	text, ok := r.scalar(n, "run")
	switch {
	case !ok || text == "":
	case n.Style&yaml.LiteralStyle == 0:
		r.fail(n, "write run: | and the commands below it, indented", "run is a text of several lines")
	case t.run.to > 0:
		r.fail(n, "", "the archive has a file run too")
	default:
		at := r.textPos(n)
		t.run = span{at.pos.Line, at.pos.Line + strings.Count(strings.TrimRight(text, "\n"), "\n") + 1}
	}
}

func parseKernel(s string) (string, error) {
	if _, _, ok := (rpdb.Kernel{Release: s}).Version(); !ok {
		return "", fmt.Errorf("%q is not a release of Linux, such as 5.10", s)
	}
	return s, nil
}

func (t *Topology) decodeHosts(r *reader, n *yaml.Node) {
	list, _ := r.entries(n, "hosts")
	for _, e := range list {
		name := e.key.Value
		if err := checkHostName(name); err != nil {
			r.fail(e.key, "", "%v", err)
			continue
		}
		h := Host{Name: name, Pos: r.pos(e.key)}
		t.decodeHost(r, &h, e.value)
		t.Hosts = append(t.Hosts, h)
	}
}

// decodeHost reads a host: the word switch, its lines alone, or a mapping.
func (t *Topology) decodeHost(r *reader, h *Host, n *yaml.Node) {
	switch {
	case isNull(n):
	case n.Kind == yaml.ScalarNode && n.Value == "switch":
		h.Switch = true
	case n.Kind == yaml.ScalarNode:
		r.script(&h.Setup, "the setup of "+h.Name)(n)
	default:
		r.object(n, "a host", fields{
			"switch": parsed(r, &h.Switch, "switch", parseBool),
			"sysctl": func(n *yaml.Node) { h.decodeSysctls(r, n) },
			"setup":  r.script(&h.Setup, "setup"),
		})
	}
}

func (h *Host) decodeSysctls(r *reader, n *yaml.Node) {
	list, _ := r.entries(n, "sysctl")
	for _, e := range list {
		if v, ok := r.scalar(e.value, "the value of "+e.key.Value); ok {
			h.Sysctl = append(h.Sysctl, Setting{Name: e.key.Value, Value: v, Pos: r.pos(e.key)})
		}
	}
}

// checkHostName refuses names that the other places where names stand could not tell.
func checkHostName(name string) error {
	switch {
	case name == Lab:
		return errors.New("lab is no name for a host: commands to the lab itself have it")
	case name == "" || len(name) > 63:
		return fmt.Errorf("the name of a host has 1 to 63 letters, %q has %d", name, len(name))
	case strings.ContainsFunc(name, func(c rune) bool { return !isNameRune(c) }) || !isWordByte(name[0]):
		return fmt.Errorf("the name of a host is made of letters, digits, and after the first of them of - _ and dots: %q", name)
	}
	return nil
}

func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func isNameRune(c rune) bool {
	return c < 0x80 && (isWordByte(byte(c)) || strings.ContainsRune("-_.", c))
}

// parseEnd reads host:dev.
func parseEnd(s string) (End, error) {
	host, dev, ok := strings.Cut(s, ":")
	if !ok || host == "" || dev == "" || len(dev) > 15 || strings.ContainsAny(dev, "/: \t") {
		return End{}, fmt.Errorf("%q is not HOST:DEVICE, such as router:eth0", s)
	}
	return End{host, dev}, nil
}

// decodeLink reads [host:dev, host:dev, {options}].
func (t *Topology) decodeLink(r *reader, n *yaml.Node) {
	const usage = "a link is [host:dev, host:dev], with {options} after them if need be"
	l := Link{Pos: r.pos(n)}
	if n.Kind != yaml.SequenceNode {
		r.fail(n, usage, "a link is a list, not %s", kindName(n))
		return
	}
	var options *yaml.Node
	for i, x := range n.Content {
		x = resolve(x)
		if x.Kind == yaml.MappingNode && i == len(n.Content)-1 {
			options = x
			continue
		}
		if len(l.Ends) == 2 {
			r.fail(x, usage, "a link has two ends")
			return
		}
		var e End
		before := len(r.errors)
		parsed(r, &e, "an end of a link", parseEnd)(x)
		if len(r.errors) > before {
			return
		}
		if t.checkEnd(r, x, e); len(r.errors) > before {
			return
		}
		l.Ends = append(l.Ends, e)
	}
	if len(l.Ends) == 0 {
		r.fail(n, usage, "a link without ends")
		return
	}
	if options != nil {
		l.decodeOptions(r, options)
	}
	t.Links = append(t.Links, l)
}

// hostNames are the names of the hosts, in their order.
func (t *Topology) hostNames() []string {
	names := make([]string, len(t.Hosts))
	for i, h := range t.Hosts {
		names[i] = h.Name
	}
	return names
}

// checkHost wants, once all of the file is read, that there is a host of a name.
func (t *Topology) checkHost(r *reader, n *yaml.Node, e End) {
	r.later = append(r.later, func() {
		if t.HostNamed(e.Host) == nil {
			r.fail(n, didYouMean(e.Host, t.hostNames()), "there is no host %s", e.Host)
		}
	})
}

// checkEnd wants a device that no other link has.
func (t *Topology) checkEnd(r *reader, n *yaml.Node, e End) {
	t.checkHost(r, n, e)
	for _, l := range t.Links {
		for _, x := range l.Ends {
			if x == e {
				r.fail(n, "", "%v is the end of another link already, in line %d", e, l.Pos.Line)
				return
			}
		}
	}
}

// decodeOptions reads what a link does to packets: for both directions, or under the name
// of an end for what that end sends.
func (l *Link) decodeOptions(r *reader, n *yaml.Node) {
	var both Shape
	f := both.fields(r)
	f["cut"] = parsed(r, &l.Cut, "cut", parseBool)
	own := map[int]*yaml.Node{}
	for i, e := range l.Ends {
		f[e.String()] = func(n *yaml.Node) { own[i] = n }
	}
	r.object(n, "a link", f)
	l.Shape = [2]Shape{both, both}
	for i, n := range own {
		r.object(n, "what "+l.Ends[i].String()+" sends", l.Shape[i].fields(r))
	}
}

func (s *Shape) fields(r *reader) fields {
	return fields{
		"delay":     parsed(r, &s.Delay, "delay", parseTime),
		"jitter":    parsed(r, &s.Jitter, "jitter", parseTime),
		"loss":      parsed(r, &s.Loss, "loss", parseChance),
		"duplicate": parsed(r, &s.Duplicate, "duplicate", parseChance),
		"reorder":   parsed(r, &s.Reorder, "reorder", parseChance),
		"rate":      parsed(r, &s.Rate, "rate", parseRate),
		"seed":      parsed(r, &s.Seed, "seed", parseSeed),
	}
}

func (t *Topology) decodeCapture(r *reader, n *yaml.Node) {
	c := Capture{Pos: r.pos(n)}
	r.object(n, "a capture", fields{
		"on": func(n *yaml.Node) {
			parsed(r, &c.On, "on", parseEnd)(n)
			t.checkHost(r, n, c.On)
		},
		"file":   r.text(&c.File, "file"),
		"filter": r.text(&c.Filter, "filter"),
	})
	switch {
	case c.On == End{}:
		r.fail(n, "on: HOST:DEVICE, or HOST:any", "a capture that does not say where")
	case c.File == "":
		r.fail(n, "file: NAME.pcapng", "a capture that does not say which file it goes to")
	}
	t.Captures = append(t.Captures, c)
}

// check looks at what only the whole file shows, and reads the transcript.
func (t *Topology) check(r *reader) {
	if len(t.Hosts) == 0 && len(r.errors) == 0 {
		r.errors = append(r.errors, r.src.at(Pos{}, 0, "a topology without hosts",
			"hosts: and below it, indented, the name of each host with its ip lines"))
	}
	for _, look := range r.later {
		look()
	}
	t.readRun(r)
}

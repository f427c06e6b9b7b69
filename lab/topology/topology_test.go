package topology_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
	"golang.org/x/tools/txtar"

	"github.com/rulewalk/rulewalk/lab/topology"
)

var update = flag.Bool("update", false, "write what the golden files should be")

const whole = `title: Two hosts
about: |
  Prose.
kernel: 5.10
clock: real
seed: 18446744073709551615
hosts:
  client: |
    ip link set eth0 up
    ip addr add 10.0.0.2/24 dev eth0
  router:
    sysctl: {net.ipv4.ip_forward: 1}
    setup: ip link set lan up
  sw: switch
  idle:
links:
  - [client:eth0, sw:p1]
  - [router:lan, sw:p2, {delay: 10ms, loss: 0.5%, router:lan: {rate: 1.5mbit, delay: 1s}}]
  - [router:wan, {cut: true}]
captures:
  - {on: router:any, file: r.pcapng, filter: icmp}
run: |
  # A remark
  # of two lines.
  client$ ip link
  1: lo
      blanks before

  client$ false
  [exit 1]
  client$ cat <<END
  > a
  > END
  a
  lab$ ip netns
`

func read(t testing.TB, text string) *topology.Topology {
	t.Helper()
	topo, err := topology.Read("x.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return topo
}

func TestRead(t *testing.T) {
	got := read(t, whole)
	end := func(host, dev string) topology.End { return topology.End{Host: host, Dev: dev} }
	want := &topology.Topology{
		Title: "Two hosts", About: "Prose.\n", Kernel: "5.10", Clock: topology.Real, Seed: 1<<64 - 1,
		Hosts: []topology.Host{
			{Name: "client", Setup: topology.Script{Text: "ip link set eth0 up\nip addr add 10.0.0.2/24 dev eth0\n"}},
			{
				Name: "router", Setup: topology.Script{Text: "ip link set lan up"},
				Sysctl: []topology.Setting{{Name: "net.ipv4.ip_forward", Value: "1"}},
			},
			{Name: "sw", Switch: true},
			{Name: "idle"},
		},
		Links: []topology.Link{
			{Ends: []topology.End{end("client", "eth0"), end("sw", "p1")}},
			{Ends: []topology.End{end("router", "lan"), end("sw", "p2")}, Shape: [2]topology.Shape{
				{Delay: time.Second, Loss: 0.005, Rate: 1_500_000}, {Delay: 10 * time.Millisecond, Loss: 0.005},
			}},
			{Ends: []topology.End{end("router", "wan")}, Cut: true},
		},
		Captures: []topology.Capture{{On: end("router", "any"), File: "r.pcapng", Filter: "icmp"}},
		Run: []topology.Step{
			{
				Remark: []string{"A remark", "of two lines."}, Host: "client", Command: "ip link",
				Want: []string{"1: lo", "    blanks before"},
			},
			{Host: "client", Command: "false", Status: 1},
			{Host: "client", Command: "cat <<END\na\nEND", Want: []string{"a"}},
			{Host: "lab", Command: "ip netns"},
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreTypes(topology.Pos{}), cmpopts.IgnoreUnexported(
		topology.Topology{}, topology.Script{}, topology.Step{},
	)); diff != "" {
		t.Error(diff)
	}
}

// TestPlaces checks that places in a script are those in the file.
func TestPlaces(t *testing.T) {
	topo := read(t, whole)
	for _, tt := range []struct {
		got  topology.Pos
		want string // the rest of the line
	}{
		{topo.Hosts[0].Setup.At(2, 4), "addr add 10.0.0.2/24 dev eth0"},
		{topo.Hosts[1].Setup.At(1, 4), "link set lan up"},
		{topo.Hosts[3].Pos, "idle:"},
		{topo.Hosts[1].Sysctl[0].Pos, "net.ipv4.ip_forward: 1}"},
		{topo.Links[2].Pos, "[router:wan, {cut: true}]"},
		{topo.Run[2].Pos, "cat <<END"},
	} {
		line := strings.Split(whole, "\n")[tt.got.Line-1]
		if got := line[tt.got.Column-1:]; got != tt.want {
			t.Errorf("%v is %q, want %q", tt.got, got, tt.want)
		}
	}
}

// TestErrors reads the files of testdata/errors.txtar, each of which is wrong, and
// compares what is said of it with the file of the same name and .want.
func TestErrors(t *testing.T) {
	path := filepath.Join("testdata", "errors.txtar")
	a, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for _, f := range a.Files {
		said[f.Name] = string(f.Data)
	}
	out := &txtar.Archive{Comment: a.Comment}
	for _, f := range a.Files {
		if strings.HasSuffix(f.Name, ".want") {
			continue
		}
		_, err := topology.Read(f.Name, f.Data)
		var list topology.Errors
		if !errors.As(err, &list) || len(list) == 0 {
			t.Errorf("%s: %v, want errors", f.Name, err)
			continue
		}
		got, name := err.Error()+"\n", f.Name+".want"
		if got != said[name] && !*update {
			t.Errorf("%s:\n%s\nwant\n%s", f.Name, got, said[name])
		}
		out.Files = append(out.Files, f, txtar.File{Name: name, Data: []byte(got)})
	}
	if *update {
		if err := os.WriteFile(path, txtar.Format(out), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// TestArchive reads the same as an archive, whose places are those of the archive.
func TestArchive(t *testing.T) {
	doc, run, _ := strings.Cut(whole, "run: |\n")
	run = strings.ReplaceAll(run, "\n  ", "\n")[2:]
	doc = strings.Replace(doc, "title: Two hosts\nabout: |\n  Prose.\n", "", 1)
	text := "# Two hosts\n\nProse.\n\n-- topology.yaml --\n" + doc + "-- notes.txt --\nhello\n-- run --\n" + run
	got, want := read(t, text), read(t, whole)
	if got.Title != want.Title || got.About != "Prose." {
		t.Errorf("title %q, about %q", got.Title, got.About)
	}
	if diff := cmp.Diff(want.Run, got.Run, cmpopts.IgnoreTypes(topology.Pos{}), cmpopts.IgnoreUnexported(topology.Step{})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]topology.File{{Name: "notes.txt", Data: []byte("hello\n")}}, got.Files); diff != "" {
		t.Error(diff)
	}
	at := got.Hosts[1].Setup.At(1, 1)
	if line := strings.Split(text, "\n")[at.Line-1]; line[at.Column-1:] != "ip link set lan up" {
		t.Errorf("%v is %q", at, line)
	}
}

func TestRewrite(t *testing.T) {
	topo := read(t, whole)
	if got := topo.Rewrite(nil); string(got) != whole {
		t.Errorf("without outputs the file changes: %s", cmp.Diff(whole, string(got)))
	}
	line := topo.Literal("client$ {port} ...")
	got := string(topo.Rewrite(map[int]topology.Output{
		0: {Lines: []string{"new", "", "  line"}, Status: 3}, 1: {}, 3: {Lines: []string{line}},
	}))
	want := strings.NewReplacer(
		"  1: lo\n      blanks before\n", "  new\n\n    line\n  [exit 3]\n",
		"client$ false\n  [exit 1]\n", "client$ false\n",
		"lab$ ip netns\n", "lab$ ip netns\n  client{/\\$/} {/\\{/}port} {/\\.\\.\\./}\n",
	).Replace(whole)
	if got != want {
		t.Error(cmp.Diff(want, got))
	}
	again := read(t, got)
	if p, err := topology.ParsePattern(again.Run[3].Want[0]); err != nil {
		t.Error(err)
	} else if _, ok := p.Match("client$ {port} ...", nil); !ok {
		t.Error("a literal line does not stand for itself")
	}
}

func TestPattern(t *testing.T) {
	for _, tt := range []struct {
		pattern, line string
		ok            bool
	}{
		{"plain", "plain  ", true},
		{"plain", "plainly", false},
		{"...", "anything", false}, // stands for lines, not for one
		{"a ... z", "a b c z", true},
		{"a ... z", "a b c", false},
		{"port {port}.", "port 80.", true},
		{"port {port}.", "port eighty.", false},
		{"{unknown} {", "{unknown} {", true},
		{`{"json": {port}}`, `{"json": 7}`, true},
		{"ttl={/6[0-4]/} ms", "ttl=63 ms", true},
		{"ttl={/6[0-4]/} ms", "ttl=65 ms", false},
		{"{port:a} > {port:a}", "1 > 1", true},
		{"{port:a} > {port:a}", "1 > 2", false},
		{"(*+) {number}", "(*+) 0.25", true},
		{"{time} IP", "10:11:12.000001 IP", true},
		{"{mac}", "02:00:00:00:00:01", true},
	} {
		p, err := topology.ParsePattern(tt.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := p.Match(tt.line, nil); ok != tt.ok {
			t.Errorf("%q matches %q: %v", tt.pattern, tt.line, ok)
		}
	}
	if _, err := topology.ParsePattern("{/(/}"); err == nil {
		t.Error("a regular expression that is none is no error")
	}
}

// TestNames checks that a name stands for the same text on later lines.
func TestNames(t *testing.T) {
	names := topology.Names{}
	for _, tt := range []struct {
		pattern, line string
		ok            bool
	}{
		{"from {port:client}", "from 4711", true},
		{"to {port:client}", "to 4711", true},
		{"to {port:client}", "to 4712", false},
		{"seq {seq:client}", "seq 9", true}, // another kind, another name
	} {
		p, err := topology.ParsePattern(tt.pattern)
		if err != nil {
			t.Fatal(err)
		}
		learnt, ok := p.Match(tt.line, names)
		if ok != tt.ok {
			t.Errorf("%q matches %q: %v", tt.pattern, tt.line, ok)
		}
		for k, v := range learnt {
			names[k] = v
		}
	}
}

func TestIsTopology(t *testing.T) {
	for text, want := range map[string]bool{
		whole:                            true,
		"# a remark\n\nhosts: {}\n":      true,
		"x\n-- topology.yaml --\n":       true,
		"-- topology.yaml --\nhosts:\n":  true,
		"rulewalk world 1\n{}\n":         false,
		"-- run --\n":                    false,
		"":                               false,
		"other: yaml\n":                  false,
		"1: lo: <LOOPBACK> mtu 65536\n ": false,
	} {
		if got := topology.IsTopology([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestSchema checks that the published schema takes what Read takes, and refuses what it
// refuses for its keys and kinds of values.
func TestSchema(t *testing.T) {
	published, err := os.ReadFile("../../docs/topology.schema.json")
	if err != nil || !bytes.Equal(published, topology.Schema) {
		t.Errorf("docs/topology.schema.json is not lab/topology/schema.json: copy it there (%v)", err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(topology.Schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("topology.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("topology.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		whole,
		"hosts: {a: , b: switch}\nlinks: [[a:x, b:y, {a:x: {loss: 3%}}], [a:z]]\n",
		"hosts: {a: {switch: true}}\nlinks:\ncaptures:\n",
		"hosts: {a: }\nlinks: [[a:x, {loss: 0, delay: 1m}]]\n",
		"",
		"[]",
		"hosts: {}",
		"hosts: []",
		"hosts: {a: }\nhost: {}",
		"hosts: {a: {sysctls: {}}}",
		"hosts: {a b: }",
		"hosts: {lab: }",
		"hosts: {a: [1]}",
		"hosts: {a: }\nlinks: {}",
		"hosts: {a: }\nlinks: [a:b]",
		"hosts: {a: }\nlinks: [[a]]",
		"hosts: {a: }\nlinks: [[{delay: 1s}]]",
		"hosts: {a: }\nlinks: [[a:x, {delay: 10}]]",
		"hosts: {a: }\nlinks: [[a:x, {loss: 0.5}]]",
		"hosts: {a: }\nlinks: [[a:x, {rate: 10}]]",
		"hosts: {a: }\nlinks: [[a:x, {speed: 1mbit}]]",
		"hosts: {a: }\nlinks: [[a:x, a:y, a:z, a:u]]",
		"hosts: {a: }\ncaptures: [{on: a:x}]",
		"hosts: {a: }\nclock: fast",
		"hosts: {a: }\nseed: -1",
		"hosts: {a: }\nkernel: new",
	} {
		var v any
		if err := yaml.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		_, readErr := topology.Read("x", []byte(text))
		if schemaErr := schema.Validate(instance); (schemaErr == nil) != (readErr == nil) {
			t.Errorf("%q:\nschema: %v\nread: %v", text, schemaErr, readErr)
		}
	}
}

// FuzzRead feeds the reader with anything: it neither crashes nor rewrites what it has
// read.
func FuzzRead(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("T\n-- topology.yaml --\nhosts: {a: }\n-- run --\na$ x\n...\n"))
	f.Add([]byte("hosts: &a {a: *a}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		topo, err := topology.Read("x", data)
		if err != nil {
			_ = err.Error()
			return
		}
		if got := topo.Rewrite(nil); !bytes.Equal(got, data) {
			t.Errorf("%q becomes %q", data, got)
		}
	})
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/rulewalk/rulewalk/explain"
	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/lab"
	"github.com/rulewalk/rulewalk/rpdb"
)

func init() { lab.AddCommand("why", hostWhy) }

// labWhy is one call of why on an emulated host.
type labWhy struct {
	app
	host   *lab.HostEnv
	src    *source
	packet int
	all    bool
}

// hostWhy is rulewalk why on an emulated host: of its present state, and of packets that
// were captured on it.
func hostWhy(ctx context.Context, host *lab.HostEnv, args []string) int {
	w := &labWhy{host: host, app: app{env: Env{host.Stdin, host.Stdout, host.Stderr, host.Getenv}}}
	cmd := w.command()
	cmd.SetArgs(args)
	cmd.SetOut(host.Stdout)
	cmd.SetErr(host.Stderr)
	if err := cmd.ExecuteContext(ctx); err != nil {
		fmt.Fprintf(host.Stderr, "why: %v\n", err)
		var failed *stateError
		if errors.As(err, &failed) {
			return statusState
		}
		return statusUsage
	}
	return w.status
}

func (w *labWhy) command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "why DST [SELECTOR VALUE]...",
		Short: "Tell which way a packet goes on this host, and why",
		Long: `Tell which way a packet to DST goes on this host, and why. The selectors are those of
ip route get: from, iif, oif, mark, tos, dscp, uid, ipproto, sport, dport, flowlabel, vrf;
a value of ? says that nobody knows it.

With --packet N the flow is that of packet N of a capture that tcpdump -w wrote on this
host; selectors after the file's name complete it or replace what it says. The decision
is made on the host's present state.`,
		Example: `  why 10.0.2.3
  why 10.0.1.2 from 8.8.8.8 iif eth1
  why --packet 3 x.pcapng
  why --packet 3 x.pcapng mark 7`,
		Args: cobra.MinimumNArgs(1), SilenceErrors: true, SilenceUsage: true,
		RunE: func(cmd *cobra.Command, words []string) error { return w.run(cmd.Context(), words) },
	}
	cmd.CompletionOptions.DisableDefaultCmd = true
	f := cmd.Flags()
	f.IntVar(&w.packet, "packet", 0, "of packet `N` of the capture that is named first, counted from 1")
	f.BoolVar(&w.all, "all", false, "show every rule, route and candidate instead of counts")
	f.BoolVar(&w.flags.json, "json", false, "print JSON")
	f.BoolVarP(&w.flags.v4, "ipv4", "4", false, "look names up as IPv4")
	f.BoolVarP(&w.flags.v6, "ipv6", "6", false, "look names up as IPv6")
	f.StringVar(&w.flags.color, "color", "never", "colours: `WHEN` is always or never")
	return cmd
}

func (w *labWhy) run(ctx context.Context, words []string) error {
	db := w.host.Host.Namespace().View().Database
	w.src = &source{state: db.State(), name: "this host"}
	names, err := iproute2.SystemNames()
	if err != nil {
		w.src.warnings = append(w.src.warnings, firstLine(err))
	}
	w.src.words = iproute2.Options{Names: names, Links: iproute2.NewLinkTable(w.src.state.Links)}
	var notes []string
	if w.packet != 0 {
		if words, notes, err = w.packetWords(words); err != nil {
			return err
		}
	}
	q, err := w.parseFlow(ctx, words, w.src)
	if err != nil {
		return err
	}
	if f := &q.flow; q.given&rpdb.FieldUID == 0 && f.IIF == 0 { // the commands of a host are root's
		f.UID, f.Unknown = 0, f.Unknown&^rpdb.FieldUID
	}
	r := &explain.Report{
		DB: db, Walk: db.Walk(&q.flow), Words: w.src.words, Source: w.src.name, Warnings: w.src.warnings,
		Notes: append(notes, q.notes...), Given: q.given, WhatIf: len(w.src.state.Routes) <= whatIfLimit,
	}
	if w.flags.json {
		return w.writeJSON(explain.JSON(r))
	}
	return explain.Text(w.env.Stdout, r, explain.TextOptions{Width: w.width(), Color: w.colored(), All: w.all})
}

// packetWords makes selectors of a captured packet: words are the file and selectors
// that come before what the packet says.
func (w *labWhy) packetWords(words []string) (selectors, notes []string, err error) {
	file, err := w.host.Open(words[0])
	if err != nil {
		return nil, nil, unreadable(fmt.Errorf("%s: %w", words[0], err))
	}
	defer func() { _ = file.Close() }()
	p, err := lab.ReadPacket(file, w.packet)
	if err != nil {
		return nil, nil, unreadable(fmt.Errorf("%s: %w", words[0], err))
	}
	given := words[1:]
	selectors = append([]string{p.Flow.Dst.String()}, given...)
	add := func(selector, value string) {
		if !slices.Contains(given, selector) {
			selectors = append(selectors, selector, value)
		}
	}
	add("from", p.Flow.Src.String())
	if p.Flow.IPProto != 0 {
		add("ipproto", strconv.Itoa(int(p.Flow.IPProto)))
	}
	for _, port := range []struct {
		selector string
		value    uint16
	}{{"sport", p.Flow.SPort}, {"dport", p.Flow.DPort}} {
		if port.value != 0 {
			add(port.selector, strconv.Itoa(int(port.value)))
		}
	}
	if tos := p.Flow.TOS &^ 3; tos != 0 && !slices.Contains(given, "dscp") {
		add("tos", fmt.Sprintf("%#02x", tos))
	}
	way, iif := w.way(p)
	switch {
	case iif != "":
		add("iif", iif)
	case !slices.Contains(given, "iif"):
		add("mark", "?")
	}
	notes = append(notes, fmt.Sprintf("packet %d of %s: %s at %s", w.packet, words[0], way, p.Time.Format("15:04:05.000000")))
	if p.Foreign {
		notes = append(notes, "its frame was for the hardware address of another host: this host passes no such packet on")
	}
	if p.Comment != "" {
		notes = append(notes, "when it was captured: "+p.Comment)
	}
	return selectors, notes, nil
}

// way says how a packet met the host, and by which device it came in: none if the host
// made it itself.
func (w *labWhy) way(p *lab.CapturedPacket) (text, iif string) {
	host := w.host.Host
	local := host.AddrType(p.Flow.Src, 0) == rpdb.Local
	device := func() string {
		if l, ok := host.Link(0, p.Interface); ok {
			return l.Name
		}
		back := rpdb.Flow{Dst: p.Flow.Src, Src: rpdb.FamilyOf(p.Flow.Src).Zero()}
		if l, ok := host.Link(host.Route(&back).OIF, ""); ok && !local {
			return l.Name
		}
		return ""
	}
	switch {
	case local && p.Interface == "lo": // what comes back from lo has its route already
		return "sent by this host to itself", ""
	case p.Known && !p.Sent:
		return "received on " + p.Interface, device()
	case local:
		return "sent by this host", ""
	case p.Sent:
		p.Interface = "" // where it left
		if iif = device(); iif != "" {
			return "passed on; it came in on " + iif + " if that is the way back", iif
		}
	}
	if iif = device(); iif != "" {
		return "received, on " + iif + " if that is the way back", iif
	}
	return "seen", ""
}

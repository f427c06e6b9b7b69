package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/rulewalk/rulewalk/explain"
	"github.com/rulewalk/rulewalk/rpdb"
)

func (a *app) why() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "why DST [SELECTOR VALUE]...",
		Short: "Tell which way a packet goes, and why",
		Long: `Tell which way a packet to DST goes, and why: the answer first, then every rule
in order with its verdict, the routes that competed and why each lost, how the
source address was chosen, and what is unknown or lies outside the model. On a
live host the kernel is asked the same question.

The selectors are those of ip route get:

  from ADDR        source address
  iif DEV          the packet arrives on DEV (else this host sends it)
  oif DEV          the sender is bound to DEV
  mark N           firewall mark (default 0)
  tos T | dscp D   type of service byte, or DSCP
  uid N            user id of the sender (default: yours)
  ipproto P        protocol, name or number (IPv4 default: udp, as the kernel)
  sport N, dport N ports
  flowlabel N      IPv6 flow label
  vrf NAME         the sender is bound to a VRF

A value of ? says that nobody knows it: the answer then tells what depends on it.

Exit status: 0 answered, 1 usage, 2 the state could not be read, 3 the kernel
disagrees.`,
		Example: `  rulewalk why 127.0.0.2
  rulewalk why 192.168.3.9 mark ?
  rulewalk why 10.0.1.2 from 8.8.8.8 iif eth1
  rulewalk why 2001:db8::1 dport 443 ipproto tcp
  rulewalk why 10.1.2.3 vrf red --json
  ip rule | cat - <(ip route show table all) <(ip addr) |
    rulewalk why 8.8.8.8 --snapshot -`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: a.completeFlow,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runWhy(cmd.Context(), args, all)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "show every rule, route and candidate instead of counts")
	return cmd
}

func (a *app) runWhy(ctx context.Context, words []string, all bool) error {
	src, err := a.open()
	if err != nil {
		return err
	}
	defer src.close()
	q, err := a.parseFlow(ctx, words, src)
	if err != nil {
		return err
	}
	db, err := src.build()
	if err != nil {
		return err
	}
	r := a.report(src, db, q)
	if r.Kernel.Asked && !r.Kernel.Agrees {
		a.status = statusDisagree
	}
	if a.flags.json {
		return a.writeJSON(explain.JSON(r))
	}
	return explain.Text(a.env.Stdout, r, explain.TextOptions{
		Width: a.width(), Color: a.colored(), All: all,
	})
}

// whatIfLimit bounds the routes of a state that is compiled again for every setting
// that could let a dropped packet pass.
const whatIfLimit = 200_000

func (a *app) report(src *source, db *rpdb.Database, q *question) *explain.Report {
	walk := db.Walk(&q.flow)
	return &explain.Report{
		DB: db, Walk: walk, Words: src.words, Source: src.name,
		Warnings: src.warnings, Notes: q.notes, Given: q.given,
		Kernel: ask(src, db, &q.flow, &walk.Decision), WhatIf: len(src.state.Routes) <= whatIfLimit,
	}
}

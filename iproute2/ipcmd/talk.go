package ipcmd

import (
	"errors"
	"slices"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// ask sends a request and returns its answers.
func (s *session) ask(r *request) (answers []netlink.Message, err error) {
	for m, err := range s.connect().Do(r.message()) {
		if err != nil {
			return answers, err
		}
		m.Data = slices.Clone(m.Data)
		answers = append(answers, m)
	}
	return answers, nil
}

// exec sends a request that changes something, and returns the exit status: 2 if it
// was refused (rtnl_talk). With -echo it prints what came back.
func (s *session) exec(r *request, show func(netlink.Message)) int {
	r.flags |= netlink.Acknowledge
	if s.opt.echo {
		r.flags |= netlink.Echo
	}
	answers, err := s.ask(r)
	if err != nil {
		return s.refused(err)
	}
	if s.opt.echo && show != nil {
		for _, m := range answers {
			show(m)
		}
	}
	return 0
}

// dump sends a dump request and passes its messages on, until each returns false;
// they are valid until the next. It returns the exit status: a dump that failed is
// 1 with the remark "Dump terminated" (rtnl_dump_filter), unless quiet accepts it.
func (s *session) dump(r *request, quiet func(*rtnl.Error) bool, each func(netlink.Message)) int {
	r.flags |= netlink.Dump
	for m, err := range s.connect().Do(r.message()) {
		switch {
		case errors.Is(err, rtnl.ErrDumpInterrupted):
			s.errorf("Dump was interrupted and may be inconsistent.\n")
		case err != nil:
			return s.dumpRefused(err, quiet)
		default:
			each(m)
		}
	}
	return 0
}

func (s *session) dumpRefused(err error, quiet func(*rtnl.Error) bool) int {
	var e *rtnl.Error
	if errors.As(err, &e) {
		if quiet != nil && quiet(e) {
			return 0
		}
		// rtnl_dump_done keeps silent about these.
		if e.Msg == "" && (e.Errno == rpdb.ENOENT || e.Errno == rpdb.EOPNOTSUPP) {
			s.errorf("Dump terminated\n")
			return 1
		}
	}
	s.refused(err)
	s.errorf("Dump terminated\n")
	return 1
}

// list writes what -j printed of a listing.
func (s *session) list(objects []iproute2.Object) {
	_ = iproute2.WriteJSON(s.out, objects, s.opt.pretty)
}

// printOptions are the options of the printers of package iproute2.
func (s *session) printOptions() *iproute2.Options {
	return &iproute2.Options{
		Names: s.Names, Links: s.links,
		Details: s.opt.details > 0, Stats: s.opt.stats, OneLine: s.opt.oneline,
		Brief: s.opt.brief, Human: s.opt.human, IEC: s.opt.iec,
		Version: s.printVersion(), Palette: s.palette(), NSName: s.nsName,
	}
}

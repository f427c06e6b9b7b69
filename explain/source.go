package explain

import (
	"fmt"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

func (b *builder) source() {
	t := &b.walk.Source
	v := SourceView{Addr: address(t.Addr), How: t.How.String(), Reason: b.sourceReason(t)}
	for i := range t.Candidates {
		v.Candidates = append(v.Candidates, b.candidate(&t.Candidates[i]))
	}
	b.view.Source = v
}

func (b *builder) sourceReason(t *rpdb.SourceTrace) string {
	switch t.How {
	case rpdb.SourceGiven:
		return "given"
	case rpdb.SourcePrefSrc:
		return "the route's src"
	case rpdb.SourceDst:
		return "the destination itself, for the route has no src"
	case rpdb.SourceDevice:
		if t.Gateway.IsValid() && b.inGatewaySubnet(t) {
			return fmt.Sprintf("the first address of %s whose subnet holds the gateway", b.w.dev(t.Dev))
		}
		return fmt.Sprintf("the first address of %s that fits", b.w.dev(t.Dev))
	case rpdb.SourceBorrowed:
		return fmt.Sprintf("borrowed: %s has no address that fits", b.w.dev(t.Dev))
	case rpdb.SourceRFC6724:
		return "chosen by the rules of RFC 6724"
	case rpdb.SourceLoopback:
		return "neither destination nor source: the loopback address"
	}
	switch {
	case b.input():
		return "the packet brings its own"
	case b.walk.Decision.Err != rpdb.OK:
		return "none needed"
	case b.st.Missing&(rpdb.PartAddrs4|rpdb.PartAddrs6) != 0:
		return "not known: the state tells no addresses"
	}
	return "no address fits: the packet would leave without one"
}

func (b *builder) inGatewaySubnet(t *rpdb.SourceTrace) bool {
	for _, c := range t.Candidates {
		if c.Chosen {
			return c.Addr.Subnet().Contains(t.Gateway)
		}
	}
	return false
}

func (b *builder) candidate(c *rpdb.SourceCandidate) CandidateView {
	v := CandidateView{Addr: c.Addr.Local.String(), Dev: b.w.dev(c.Addr.Index), Chosen: c.Chosen}
	for _, s := range c.Scores {
		if v.Scores == nil {
			v.Scores = map[string]int{}
		}
		v.Scores[s.Rule.String()] = s.Value
	}
	v.Reason = b.lostReason(c)
	return v
}

func (b *builder) lostReason(c *rpdb.SourceCandidate) string {
	if c.Chosen {
		return "chosen"
	}
	text := lostTexts[c.Lost]
	if c.Against.IsValid() && strings.HasPrefix(text, "loses by") {
		text += " to " + c.Against.String()
	}
	return text
}

// lostTexts says why an address was not taken; the numbers are RFC 6724's.
var lostTexts = map[rpdb.SourceRule]string{
	rpdb.SourceSecondary:      "secondary address",
	rpdb.SourceScopeWide:      "its scope is too narrow for the route",
	rpdb.SourceNotGateway:     "its subnet does not hold the gateway",
	rpdb.SourceLater:          "another that fits stands before it",
	rpdb.SourceOtherDev:       "may not be used by another device",
	rpdb.Source6Same:          "loses by rule 1 (same address)",
	rpdb.Source6Scope:         "loses by rule 2 (scope)",
	rpdb.Source6Preferred:     "loses by rule 3 (deprecated)",
	rpdb.Source6Home:          "loses by rule 4 (home address)",
	rpdb.Source6OutDev:        "loses by rule 5 (outgoing device)",
	rpdb.Source6Label:         "loses by rule 6 (label)",
	rpdb.Source6Privacy:       "loses by rule 7 (temporary or public)",
	rpdb.Source6Orchid:        "loses by ORCHID",
	rpdb.Source6Prefix:        "loses by rule 8 (longest prefix)",
	rpdb.Source6NotOptimistic: "loses, for it is optimistic",
	rpdb.Source6Tentative:     "not usable: tentative (DAD)",
	rpdb.Source6First:         "equal in all, but stands later",
}

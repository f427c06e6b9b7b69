package iproute2

import "github.com/rulewalk/rulewalk/rpdb"

// ndaProtocol is who added a neighbour (NDA_PROTOCOL), kept in Neigh.Extra.
const ndaProtocol = 12

// FormatNeigh prints a neighbour as ip neigh does (print_neigh), without the
// newline.
func FormatNeigh(e *rpdb.Neigh, o *Options) string {
	b := append([]byte(formatAddr(e.IP)), ' ')
	if e.Index != 0 {
		b = appendWord(b, "dev", o.dev(e.Index))
	}
	if len(e.LLAddr) > 0 {
		b = appendWord(b, "lladdr", formatLLAddr(e.LLAddr))
	}
	for _, f := range neighFlags {
		if e.Flags&f.bit != 0 {
			b = append(append(b, f.name...), ' ')
		}
	}
	for _, s := range neighStateWords(e) {
		b = append(append(b, s...), ' ')
	}
	if p := neighProto(e); p != 0 {
		b = appendWord(b, "proto", o.names().Proto(p))
	}
	return string(b)
}

func neighStateWords(e *rpdb.Neigh) (words []string) {
	for _, s := range neighStates {
		if e.State&s.bit != 0 {
			words = append(words, s.name)
		}
	}
	return words
}

func neighProto(e *rpdb.Neigh) uint8 {
	for _, a := range e.Extra {
		if a.Type == ndaProtocol && len(a.Data) == 1 {
			return a.Data[0]
		}
	}
	return 0
}

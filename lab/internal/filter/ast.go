package filter

// node is a part of a parsed expression: what is asked, before it is known on which
// kind of link.
type node interface{}

type (
	andNode struct{ a, b node }
	orNode  struct{ a, b node }
	notNode struct{ a node }

	// protoNode is a protocol by itself: tcp.
	protoNode struct{ proto string }

	// idNode is a value with the qualifiers before it: tcp src port 80.
	idNode struct {
		qualifiers
		id   token
		mask token // of "net A mask B"
		bits int   // of A/bits, -1 without
	}

	// relationNode compares two numbers: tcp[13] & 2 != 0.
	relationNode struct {
		op   string
		a, b arith
	}

	// wordNode is a condition with a word of its own: vlan 5, less 100, broadcast.
	wordNode struct {
		word     string
		proto    string // before broadcast and multicast
		value    uint32
		hasValue bool
		op       string // of "byte"
		operand  uint32
	}
)

// qualifiers say what a value is: of which protocol, in which direction, and which
// kind of address. An empty string is not given; undefined means that none can be
// taken over from before.
type qualifiers struct {
	proto     string
	direction string // src, dst, or, and
	address   string // host, net, port, portrange, proto, ...
	undefined bool
}

// arith is a number that an expression computes.
type arith interface{}

type (
	constArith  struct{ value uint32 }
	lenArith    struct{}
	negArith    struct{ a arith }
	binaryArith struct {
		op   string
		a, b arith
	}
	// loadArith is size bytes of the packet, at an offset from where a protocol begins.
	loadArith struct {
		proto string
		at    arith
		size  uint32
	}
)

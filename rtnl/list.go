package rtnl

const (
	firstChunk = 64
	lastChunk  = 1 << 15
)

// list collects entries without moving them, as a growing slice would: of a million
// routes that costs half of the time and of the memory. The zero list is empty.
type list[T any] struct {
	full [][]T
	tail []T
}

// add appends a zero entry and returns it.
func (l *list[T]) add() *T {
	if len(l.tail) == cap(l.tail) {
		size := firstChunk
		if l.tail != nil {
			l.full = append(l.full, l.tail)
			size = min(2*cap(l.tail), lastChunk)
		}
		l.tail = make([]T, 0, size)
	}
	l.tail = l.tail[:len(l.tail)+1]
	return &l.tail[len(l.tail)-1]
}

// len returns the number of entries.
func (l *list[T]) len() int {
	n := len(l.tail)
	for _, c := range l.full {
		n += len(c)
	}
	return n
}

// cut drops all but the first n entries.
func (l *list[T]) cut(n int) {
	for l.len() > n {
		if drop := l.len() - n; drop < len(l.tail) || len(l.full) == 0 {
			clear(l.tail[len(l.tail)-drop:])
			l.tail = l.tail[:len(l.tail)-drop]
			return
		}
		l.tail = l.full[len(l.full)-1]
		l.full = l.full[:len(l.full)-1]
	}
}

// take returns the entries in one slice and empties the list, letting go of each
// part as it is copied.
func (l *list[T]) take() []T {
	if l.len() == 0 {
		return nil
	}
	out := make([]T, 0, l.len())
	for i := range l.full {
		out = append(out, l.full[i]...)
		l.full[i] = nil
	}
	out = append(out, l.tail...)
	*l = list[T]{}
	return out
}

package netns

import (
	"math"
	"strconv"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

// numberKind is how a file of numbers is read and written.
type numberKind uint8

const (
	numInt     numberKind = iota // proc_dointvec_minmax
	numUint                      // proc_douintvec_minmax and proc_dou8vec_minmax: one number
	numLong                      // proc_doulongvec_minmax
	numJiffies                   // seconds, kept in jiffies (proc_dointvec_jiffies)
	numMS                        // milliseconds, kept in jiffies (proc_dointvec_ms_jiffies)
	numUserHZ                    // hundredths of a second, kept in jiffies (proc_dointvec_userhz_jiffies)
)

// number is the format of a file of numbers: what they mean and their bounds, as they
// are kept.
type number struct {
	kind     numberKind
	min, max int64 // of numLong: unsigned
}

var (
	anyInt     = number{kind: numInt, min: math.MinInt32, max: math.MaxInt32}
	anyUint    = number{kind: numUint, max: math.MaxUint32}
	anySeconds = number{kind: numJiffies, min: math.MinInt32, max: math.MaxInt32}
	anyMS      = number{kind: numMS, min: 0, max: math.MaxInt32}
)

func ints(lo, hi int64) number  { return number{kind: numInt, min: lo, max: hi} }
func uints(lo, hi int64) number { return number{kind: numUint, min: lo, max: hi} }

// parse reads up to len(to) numbers and stores them one by one, so that those before a
// bad one stay (do_proc_dointvec, do_proc_douintvec_w, do_proc_doulongvec_minmax). It
// returns how many it stored. What follows the last one is passed over, as by a
// writer that goes on where a short write ended.
func (f number) parse(text string, to []int64) (int, error) {
	if text == "" {
		return 0, nil // a write of nothing
	}
	stored := 0
	for stored < len(to) {
		text = skipSpaces(text)
		if text == "" {
			break
		}
		v, neg, rest, ok := cutNumber(text, " \t\n")
		if !ok {
			return stored, fail(rpdb.EINVAL, "")
		}
		kept, ok := f.keep(v, neg)
		if !ok || !f.within(kept) {
			return stored, fail(rpdb.EINVAL, "")
		}
		to[stored] = kept
		stored++
		text = rest
	}
	if stored == 0 {
		return 0, fail(rpdb.EINVAL, "")
	}
	return stored, nil
}

// skipSpaces cuts leading spaces off, of which the kernel's isspace knows one more than
// C's.
func skipSpaces(s string) string {
	for s != "" && (s[0] == ' ' || '\t' <= s[0] && s[0] <= '\r' || s[0] == 0xa0) {
		s = s[1:]
	}
	return s
}

// cutNumber cuts a number in C's notation off, which one of the separators or the end
// follows (proc_get_long).
func cutNumber(s, separators string) (v uint64, neg bool, rest string, ok bool) {
	const longest = 21 // TMPBUFLEN - 1
	digits := s
	if neg = len(s) > 1 && s[0] == '-'; neg {
		digits = s[1:]
	}
	base, from := 10, 0
	switch {
	case len(digits) > 2 && digits[0] == '0' && (digits[1]|0x20) == 'x' && isDigit(digits[2], 16):
		base, from = 16, 2
	case digits != "" && digits[0] == '0':
		base = 8
	}
	end := from
	for end < len(digits) && isDigit(digits[end], base) {
		end++
	}
	if end == from {
		return 0, neg, s, false
	}
	v, err := strconv.ParseUint(digits[from:end], base, 64)
	used := len(s) - len(digits) + end
	if err != nil || used >= longest || used < len(s) && !strings.Contains(separators, s[used:used+1]) {
		return 0, neg, s, false
	}
	return v, neg, s[used:], true
}

func isDigit(c byte, base int) bool {
	switch base {
	case 8:
		return '0' <= c && c <= '7'
	case 10:
		return '0' <= c && c <= '9'
	}
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

// keep turns a number of the text into what is kept of it.
func (f number) keep(v uint64, neg bool) (int64, bool) {
	signed := v
	if neg {
		signed = -v
	}
	switch f.kind {
	case numUint:
		return int64(v), !neg && v <= math.MaxUint32
	case numLong:
		return int64(v), !neg
	case numJiffies:
		return int64(int32(int64(signed) * hz)), v <= math.MaxInt32/hz
	case numMS: // msecs_to_jiffies
		ms := uint32(signed)
		return (int64(ms) + 1000/hz - 1) / (1000 / hz), int32(ms) >= 0
	case numUserHZ: // clock_t_to_jiffies
		j := signed * hz / userHz
		if signed >= math.MaxUint64/hz*userHz {
			j = math.MaxUint64
		}
		return int64(int32(j)), v <= math.MaxInt64/hz*userHz
	}
	if neg {
		return int64(signed), v <= math.MaxInt32+1
	}
	return int64(v), v <= math.MaxInt32
}

func (f number) within(v int64) bool {
	if f.kind == numLong {
		return uint64(f.min) <= uint64(v) && uint64(v) <= uint64(f.max)
	}
	return f.min <= v && v <= f.max
}

// text shows one number as it is read.
func (f number) text(v int64) string {
	size := uint64(v)
	sign := ""
	if v < 0 {
		size, sign = -size, "-"
	}
	switch f.kind {
	case numUint:
		return strconv.FormatUint(uint64(uint32(v)), 10)
	case numLong:
		return strconv.FormatUint(uint64(v), 10)
	case numJiffies:
		size /= hz
	case numMS: // jiffies_to_msecs
		size = uint64(uint32(size * (1000 / hz)))
	case numUserHZ: // jiffies_to_clock_t
		size = size * userHz / hz
	}
	return sign + strconv.FormatUint(size, 10)
}

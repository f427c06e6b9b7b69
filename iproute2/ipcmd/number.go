package ipcmd

import (
	"math"
	"strconv"
	"strings"
)

// strtoul reads a whole word as C's strtoul does: blanks and a sign first, base 0
// knows 0x and leading-zero octal. A negative number wraps.
func strtoul(s string, base int) (uint64, bool) {
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	neg := strings.HasPrefix(s, "-")
	if neg || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	if (base == 0 || base == 16) && len(s) > 2 && (s[:2] == "0x" || s[:2] == "0X") {
		base, s = 16, s[2:]
	} else if base == 0 {
		base = 10
		if len(s) > 1 && s[0] == '0' {
			base = 8
		}
	}
	if s == "" || strings.ContainsAny(s, "+-_") {
		return 0, false
	}
	v, err := strconv.ParseUint(s, base, 64)
	if err != nil {
		return 0, false
	}
	if neg {
		v = -v
	}
	return v, true
}

// parseUnsigned reads a C unsigned number (get_unsigned, get_u32).
func parseUnsigned(s string, base int) (uint32, bool) {
	v, ok := strtoul(s, base)
	return uint32(v), ok && v <= math.MaxUint32
}

func parseU8(s string, base int) (uint8, bool) {
	v, ok := strtoul(s, base)
	return uint8(v), ok && v <= math.MaxUint8
}

func parseU16(s string, base int) (uint16, bool) {
	v, ok := strtoul(s, base)
	return uint16(v), ok && v <= math.MaxUint16
}

// parseInteger reads a C int (get_integer, get_s32).
func parseInteger(s string, base int) (int32, bool) {
	v, ok := strtoul(s, base)
	i := int64(v)
	return int32(i), ok && i >= math.MinInt32 && i <= math.MaxInt32
}

// atoi is C's: the number at the beginning of a word, 0 if there is none.
func atoi(s string) int {
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	end := 0
	for end < len(s) && (s[end] >= '0' && s[end] <= '9' || end == 0 && (s[0] == '-' || s[0] == '+')) {
		end++
	}
	v, _ := strconv.Atoi(s[:end])
	return v
}

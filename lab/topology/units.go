package topology

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// parseChance reads a percentage, such as 0.5%.
func parseChance(s string) (float64, error) {
	number, ok := strings.CutSuffix(s, "%")
	p, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if !ok || err != nil || p != p || p < 0 || p > 100 {
		if s == "0" {
			return 0, nil
		}
		return 0, fmt.Errorf("%q is not a share such as 0.5%%, from 0%% to 100%%", s)
	}
	return p / 100, nil
}

// parseTime reads a duration, such as 10ms.
func parseTime(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > time.Hour {
		return 0, fmt.Errorf("%q is not a time such as 250us, 10ms or 1.5s, up to 1h", s)
	}
	return d, nil
}

// rateUnits are those of tc(8), in bits per second.
var rateUnits = []struct {
	name string
	bits float64
}{{"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}, {"tbit", 1e12}, {"bit", 1}}

// parseRate reads a rate, such as 10mbit.
func parseRate(s string) (uint64, error) {
	for _, u := range rateUnits {
		number, ok := strings.CutSuffix(strings.ToLower(s), u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if bits := n * u.bits; err == nil && bits >= 1 && bits <= 1e15 {
			return uint64(bits), nil
		}
		break
	}
	return 0, fmt.Errorf("%q is not a rate such as 512kbit, 10mbit or 1gbit", s)
}

// parseSeed reads a number of 64 bits.
func parseSeed(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 0, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number from 0 to 2^64-1", s)
	}
	return n, nil
}

// parseBool reads a YAML boolean.
func parseBool(s string) (bool, error) {
	switch s {
	case "true", "yes", "on":
		return true, nil
	case "false", "no", "off", "":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false", s)
}

// parseClock reads the name of a clock.
func parseClock(s string) (Clock, error) {
	switch s {
	case "virtual":
		return Virtual, nil
	case "real":
		return Real, nil
	}
	return Unset, fmt.Errorf("%q is neither virtual nor real", s)
}

// formatRate is the inverse of parseRate.
func formatRate(bits uint64) string {
	for _, u := range []struct {
		name string
		bits uint64
	}{{"gbit", 1e9}, {"mbit", 1e6}, {"kbit", 1e3}} {
		if bits >= u.bits {
			return strconv.FormatFloat(float64(bits)/float64(u.bits), 'g', 6, 64) + u.name
		}
	}
	return fmt.Sprintf("%dbit", bits)
}

package rpdb

import (
	"strconv"
	"strings"
)

// Kernel identifies a kernel by its release string, such as 6.18.44-generic. The
// zero Kernel stands for 6.18, the one that this model was checked on.
type Kernel struct {
	Release string
}

// Feature is a behaviour that came with one kernel version.
type Feature uint8

// The features that a decision, or what an address brings with it, hangs on.
const (
	// FeatureNoNetworkBroadcast: an address no longer brings a broadcast route for
	// the all-zeros address of its subnet.
	FeatureNoNetworkBroadcast Feature = iota
	// FeatureRuleDSCP: FRA_DSCP selects the full code point, 0 included.
	FeatureRuleDSCP
	// FeatureRPFilterEINVAL: RTM_GETROUTE reports a packet that source validation
	// drops as EINVAL; before, as EXDEV.
	FeatureRPFilterEINVAL
	// FeatureRuleVRFSelector: iif and oif of a rule that name a VRF device match
	// flows of that VRF.
	FeatureRuleVRFSelector
	// FeatureMultipathSource: an IPv4 multipath choice prefers the leg whose device
	// owns the flow's source.
	FeatureMultipathSource
	// FeatureMultipathOIF6: an IPv6 multipath choice keeps the leg whose device is
	// the flow's oif, and a nexthop group is searched for its best leg.
	FeatureMultipathOIF6
	// FeatureBroadcastRoute: a flow to a broadcast address keeps the gateway and the
	// metrics of its route.
	FeatureBroadcastRoute
	numFeatures
)

// stable is a long-term series that got a feature later, and the first release of
// it that is known to have it.
type stable struct{ major, minor, patch int }

var features = [numFeatures]struct {
	major, minor int
	name         string
	stable       []stable
}{
	FeatureNoNetworkBroadcast: {5, 14, "no broadcast route for the network address", nil},
	FeatureRuleDSCP:           {6, 13, "rules select the full DSCP", nil},
	FeatureRPFilterEINVAL:     {6, 13, "rp_filter failures answer EINVAL", nil},
	FeatureRuleVRFSelector:    {6, 15, "rules naming a VRF match its flows", nil},
	FeatureMultipathSource:    {6, 16, "multipath prefers the leg that owns the source", nil},
	FeatureMultipathOIF6:      {6, 19, "IPv6 multipath keeps the leg on the oif", []stable{{6, 12, 117}}},
	FeatureBroadcastRoute:     {6, 17, "broadcast routes keep their metrics", nil},
}

// String describes the feature.
func (f Feature) String() string { return features[f].name }

// Since returns the kernel version that brought the feature.
func (f Feature) Since() (major, minor int) { return features[f].major, features[f].minor }

// Has reports whether the kernel has a feature. A release that cannot be parsed
// counts as 6.18.
func (k Kernel) Has(f Feature) bool {
	major, minor, ok := k.Version()
	if !ok {
		major, minor = 6, 18
	}
	t := features[f]
	for _, s := range t.stable {
		if major == s.major && minor == s.minor && k.patch() >= s.patch {
			return true
		}
	}
	return major > t.major || major == t.major && minor >= t.minor
}

// Version returns the first two numbers of the release.
func (k Kernel) Version() (major, minor int, ok bool) {
	a, rest, found := strings.Cut(k.Release, ".")
	if !found {
		return 0, 0, false
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(rest)
	}
	major, err1 := strconv.Atoi(a)
	minor, err2 := strconv.Atoi(rest[:end])
	return major, minor, err1 == nil && err2 == nil
}

// patch returns the third number of the release, 0 if it has none.
func (k Kernel) patch() int {
	parts := strings.SplitN(k.Release, ".", 3)
	if len(parts) < 3 {
		return 0
	}
	end := strings.IndexFunc(parts[2], func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(parts[2])
	}
	n, err := strconv.Atoi(parts[2][:end])
	if err != nil {
		return 0
	}
	return n
}

// String returns the release, or 6.18 for the zero Kernel.
func (k Kernel) String() string {
	if k.Release == "" {
		return "6.18"
	}
	return k.Release
}

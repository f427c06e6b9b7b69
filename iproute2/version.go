package iproute2

// Version is a version of iproute2, as 100*major + minor. What it prints and accepts
// differs in places.
type Version int

// The versions whose output is checked against the real tool.
const (
	V6_1 Version = 601
	V7_1 Version = 701

	// Newest is what the zero Version stands for.
	Newest = V7_1
)

// AtLeast tells whether the version is major.minor or later.
func (v Version) AtLeast(major, minor int) bool {
	if v == 0 {
		v = Newest
	}
	return int(v) >= 100*major+minor
}

func (o *Options) version() Version {
	if o == nil {
		return 0
	}
	return o.Version
}

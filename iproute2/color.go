package iproute2

import "github.com/rulewalk/rulewalk/rpdb"

// Palette is a choice of colours (ip -c).
type Palette uint8

// The palettes: for a light background, which is the default of ip before 6.17, and
// for a dark one.
const (
	NoColor Palette = iota
	LightBackground
	DarkBackground
)

// Color is what a piece of output is, which decides its colour.
type Color uint8

// The kinds of output that have a colour (enum color_attr).
const (
	ColorNone Color = iota
	ColorIfname
	ColorMAC
	ColorInet
	ColorInet6
	ColorUp
	ColorDown
)

var (
	lightColors = [...]string{"", "\x1b[36m", "\x1b[33m", "\x1b[35m", "\x1b[34m", "\x1b[32m", "\x1b[31m"}
	darkColors  = [...]string{"", "\x1b[1;36m", "\x1b[1;33m", "\x1b[1;35m", "\x1b[1;94m", "\x1b[1;32m", "\x1b[1;31m"}
)

// Paint puts a colour around text if colours are wanted.
func (o *Options) Paint(c Color, text string) string {
	if o == nil || o.Palette == NoColor || c == ColorNone {
		return text
	}
	colors := &lightColors
	if o.Palette == DarkBackground {
		colors = &darkColors
	}
	return colors[c] + text + "\x1b[0m"
}

// appendPainted appends a word and the blank after it, which has its colour.
func (o *Options) appendPainted(b []byte, c Color, word string) []byte {
	if o == nil || o.Palette == NoColor {
		return append(append(b, word...), ' ')
	}
	return append(b, o.Paint(c, word+" ")...)
}

// FamilyColor is the colour of addresses of a family (ifa_family_color).
func FamilyColor(f rpdb.Family) Color {
	switch f {
	case rpdb.IPv4:
		return ColorInet
	case rpdb.IPv6:
		return ColorInet6
	}
	return ColorNone
}

package ipcmd

import (
	"strings"

	"github.com/rulewalk/rulewalk/iproute2"
)

// resolveColor decides whether the output is coloured (check_enable_color).
func (s *session) resolveColor() {
	on := s.opt.color == "always" || s.opt.color == "auto" && s.Terminal
	if s.opt.json || s.Version >= Version7 && s.Env("NO_COLOR") != "" {
		on = false
	}
	if !on {
		s.opt.color = ""
	}
}

// palette is the choice of colours: before iproute2 6.17 an unknown background was
// taken to be light, since then to be dark (is_default_background_light).
func (s *session) palette() iproute2.Palette {
	if s.opt.color == "" {
		return iproute2.NoColor
	}
	dark := s.Version >= Version7
	if v := s.Env("COLORFGBG"); v != "" {
		_, bg, _ := strings.Cut(v, ";")
		if i := strings.LastIndexByte(bg, ';'); i >= 0 {
			bg = bg[i+1:]
		}
		dark = len(bg) == 1 && (bg[0] >= '0' && bg[0] <= '6' || bg[0] == '8')
	}
	if dark {
		return iproute2.DarkBackground
	}
	return iproute2.LightBackground
}

// printVersion is the version whose output the printers write.
func (s *session) printVersion() iproute2.Version {
	if s.Version < Version7 {
		return iproute2.V6_1
	}
	return iproute2.V7_1
}

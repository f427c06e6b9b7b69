package ipcmd

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

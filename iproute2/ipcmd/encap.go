package ipcmd

// encap reads an encapsulation after its keyword (lwt_parse_encap).
func (c *call) encap(to *request, typ, kind uint16) {
	c.value()
	c.errorf("encap is not supported here\n")
	panic(exit(255))
}

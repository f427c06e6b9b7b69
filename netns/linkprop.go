package netns

import (
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// newLinkProp and delLinkProp answer RTM_NEWLINKPROP and RTM_DELLINKPROP: names
// beside the first one (rtnl_linkprop).
func newLinkProp(r *request) error { return r.linkProp(true) }
func delLinkProp(r *request) error { return r.linkProp(false) }

func (r *request) linkProp(add bool) error {
	h, tb, err := parseLinkMessage(r, strict)
	if err != nil {
		return err
	}
	if err := tb.uniqueNetns(true); err != nil {
		return err
	}
	var d *device
	switch {
	case h.index > 0:
		d = r.ns.byIndex(h.index)
	case tb.has(nla.IFLAIfname) || tb.has(nla.IFLAAltIfname):
		d = r.ns.find(tb)
	default:
		return fail(rpdb.EINVAL, "")
	}
	if d == nil {
		return fail(rpdb.ENODEV, "")
	}
	if !tb.has(nla.IFLAPropList) {
		return nil
	}
	changed, err := d.changeAltNames(tb[nla.IFLAPropList], add)
	if changed {
		d.stateChange()
	}
	return err
}

func (d *device) changeAltNames(list []byte, add bool) (changed bool, err error) {
	for {
		a, rest, ok := nextAttr(list)
		if !ok {
			return changed, nil
		}
		list = rest
		if a.typ != nla.IFLAAltIfname {
			continue
		}
		if err := d.changeAltName(a, add); err != nil {
			return changed, err
		}
		changed = true
	}
}

func (d *device) changeAltName(a attr, add bool) error {
	if err := validateAttr(a, linkPolicy, strict, nil); err != nil {
		return fail(refusal(err).Errno, "")
	}
	n := d.ns
	name := attrs{nil, a.data}.str(1)
	owner := n.byName(name)
	if add {
		if owner != nil {
			return fail(rpdb.EEXIST, "")
		}
		d.AltNames = append(d.AltNames, name)
		n.devices.name[name] = d
		return nil
	}
	switch {
	case owner == nil:
		return fail(rpdb.ENOENT, "")
	case owner.Name == name:
		return fail(rpdb.EINVAL, "")
	case owner != d:
		return fail(rpdb.EINVAL, "")
	}
	d.AltNames = slices.DeleteFunc(slices.Clone(d.AltNames), func(s string) bool { return s == name })
	delete(n.devices.name, name)
	return nil
}

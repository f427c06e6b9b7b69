package iproute2

import (
	"encoding/json"
	"errors"
	"fmt"
)

// maxJSONDepth bounds the nesting of a document.
const maxJSONDepth = 32

var errJSONDepth = errors.New("nested too deeply")

// decodeJSON reads the next value: a map, a slice, a string, a json.Number, a bool
// or nil.
func decodeJSON(dec *json.Decoder, depth int) (any, error) {
	tok, err := dec.Token()
	if err != nil {
		return nil, err
	}
	if depth > maxJSONDepth {
		return nil, errJSONDepth
	}
	switch tok {
	case json.Delim('{'):
		return decodeObject(dec, depth)
	case json.Delim('['):
		var list []any
		for dec.More() {
			v, err := decodeJSON(dec, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := dec.Token()
		return list, err
	}
	return tok, nil
}

// decodeObject reads an object whose brace is passed. ip writes the parameters of an
// encapsulation among the keys of its route, some twice (dst): those are left out.
func decodeObject(dec *json.Decoder, depth int) (map[string]any, error) {
	o := map[string]any{}
	var encap string // inside the parameters of this one
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return nil, err
		}
		v, err := decodeJSON(dec, depth+1)
		if err != nil {
			return nil, err
		}
		key := fmt.Sprint(tok)
		if encap != "" && endsEncap(key, encap) {
			encap = ""
		}
		if _, again := o[key]; !again && encap == "" {
			o[key] = v
		}
		if s, ok := v.(string); ok && key == "encap" {
			encap = s
		}
	}
	_, err := dec.Token()
	return o, err
}

// endsEncap tells whether a key belongs to the route again. Parameters of tunnels
// have none of these names, but for the tos of ip.
func endsEncap(key, encap string) bool {
	switch key {
	case "gateway", "via", "dev", "flow", "flags", "weight":
		return true
	case "tos":
		return encap != "ip"
	}
	return false
}

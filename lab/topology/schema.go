package topology

import _ "embed"

// Schema is the JSON schema of the YAML document (draft 2020-12).
//
//go:embed schema.json
var Schema []byte

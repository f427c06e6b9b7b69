package shimfile

import _ "embed"

//go:embed linux_amd64.gz
var packed []byte
